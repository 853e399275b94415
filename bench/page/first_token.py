#!/usr/bin/env python3
"""How soon the page answers somebody who types: from a key to the first text of a suggestion, in Debian's Chromium, with the
service's cache warmed ahead and without; and what the original editor's rule would have given on the same keys.

    INKFLEET_BIN=$PWD/build/release/bin $(scripts/page-env) bench/page/first_token.py --model build/models/gpt2-medium-random
"""

import argparse
import datetime
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("tests/page", "tests/e2e", "bench/peers", "bench")]

import machine  # noqa: E402
import programs  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402
from progress import track  # noqa: E402
from wire import open_socket  # noqa: E402
from writing_page import WritingPage  # noqa: E402

NAME = "typed"
KEY_S = 0.2  # 5 characters a second
REST_S = 2.0  # after a sentence
SETTINGS = {"n": 4, "length": 20, "temperature": 0.8, "top_k": 40, "seed": None}

# The original waited for a pause and then for the end of its throttle.
PAUSE_S, THROTTLE_S, WINDOW = 0.5, 3.0, 500

OPENING = (
    "The house had stood empty since the spring, and the garden had gone its own way. Roses climbed through the broken panes of the "
    "glasshouse, the paths were green, and somebody had left a ladder against the old pear tree, as if they meant to come back after "
    "dinner. Nobody had. When the key turned at last it was October, and the two of them stood in the hall without taking off their "
    "coats, and listened."
)
BOOK = ROOT / "tests" / "data" / "texts" / "northanger-abbey-excerpt.txt"
KEPT_CHARACTERS, RETURNS = 1_500, 5
SENTENCES = [" She was the first to speak again.", " He went up the stairs in the dark.", " There was a light under the door."]


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def figures(times: list[float], keys: int) -> dict:
    """Milliseconds from a key to the first text, and how many keys had theirs before the next one."""
    in_time = sum(time <= KEY_S * 1_000 for time in times)
    if not times:
        return {"answers": 0, "keys": keys, "before_next_key": 0}
    return {
        "answers": len(times),
        "keys": keys,
        "before_next_key": round(in_time / keys, 3),
        "p50_ms": round(statistics.median(times)),
        "p90_ms": round(percentile(times, 0.9)),
        "max_ms": round(max(times)),
    }


def keys(press) -> None:
    """Presses the keys of all sentences at their times."""
    due = time.monotonic()
    for sentence in SENTENCES:
        for key in sentence:
            press(key, due)
            due += KEY_S
        due += REST_S - KEY_S


def measure_page(browser, url: str, prefill: bool) -> dict:
    context = browser.new_context(viewport={"width": 1100, "height": 800})
    opened = time.monotonic()
    page = WritingPage(context, url, {**SETTINGS, "prefill": prefill}).connected()
    usable = time.monotonic() - opened
    page.text.focus()
    page.page.keyboard.insert_text(OPENING)
    page.whole_ghost()
    page.page.evaluate("performance.clearMeasures()")

    def press(key, due):
        page.page.wait_for_timeout(max(0, due - time.monotonic()) * 1_000)
        page.page.keyboard.type(key)

    keys(press)
    page.page.wait_for_timeout(REST_S * 1_000)
    times = page.page.evaluate("performance.getEntriesByName('first-token').map((entry) => entry.duration)")
    context.close()
    return {**figures(times, sum(map(len, SENTENCES))), "usable_ms": round(usable * 1_000)}


def kept_texts():
    """Parts of a book that nobody has computed yet."""
    book = " ".join(BOOK.read_text().split())
    for begin in range(0, len(book), KEPT_CHARACTERS):
        yield book[begin : begin + KEPT_CHARACTERS]


def measure_return(browser, url: str, prefill: bool, texts) -> dict:
    """Somebody comes back to a text of theirs, looks at it for two seconds, and presses a key."""
    times = []
    for _ in range(RETURNS):
        context = browser.new_context()
        paragraph = {"type": "paragraph", "content": [{"type": "text", "text": next(texts)}]}
        kept = json.dumps(json.dumps({"type": "doc", "content": [paragraph]}))
        context.add_init_script(f"localStorage.setItem('inkfleet.text', {kept})")
        page = WritingPage(context, url, {**SETTINGS, "prefill": prefill}).connected()
        page.page.wait_for_timeout(REST_S * 1_000)
        page.type(" ")
        page.whole_ghost()
        times += page.page.evaluate("performance.getEntriesByName('first-token').map((entry) => entry.duration)")
        context.close()
    return {"median_ms": round(statistics.median(times)), "max_ms": round(max(times)), "returns": RETURNS}


class Original:
    """Asks as the original did: half a second after the last key, at most every three seconds, for the last 500 characters."""

    def __init__(self, url: str):
        self.socket = open_socket(url)
        self.text, self.last_key, self.last_asked, self.asked_for = OPENING, None, 0.0, None
        self.times, self.count, self.waiting = [], 0, None

    def press(self, key, due):
        self.watch(due)
        self.text += key
        self.last_key = time.monotonic()

    def watch(self, until: float):
        """Until then, asks when the rule says so and hears what comes."""
        while (now := time.monotonic()) < until:
            moment = None
            if self.last_key and self.asked_for != self.text:
                moment = max(self.last_key + PAUSE_S, self.last_asked + THROTTLE_S)
                if moment <= now:
                    self.ask()
                    continue
            try:
                self.hear(json.loads(self.socket.recv(timeout=max(0, min(until, moment or until) - now))))
            except TimeoutError:
                pass

    def ask(self):
        self.count += 1
        self.last_asked, self.asked_for = time.monotonic(), self.text
        fields = {name: value for name, value in SETTINGS.items() if name not in ("length", "seed")}
        prompt = self.text[-WINDOW:]
        frame = {"type": "suggest", "id": str(self.count), "prompt": prompt, "max_tokens": SETTINGS["length"], **fields}
        self.socket.send(json.dumps(frame))
        self.waiting = (frame["id"], self.last_key, self.text)

    def hear(self, frame):
        if frame["type"] == "delta" and self.waiting and frame["id"] == self.waiting[0]:
            if self.text == self.waiting[2]:  # else it is about a text that is no longer there
                self.times.append((time.monotonic() - self.waiting[1]) * 1_000)
            self.waiting = None


def measure_original(url: str) -> dict:
    original = Original(url)
    keys(original.press)
    original.watch(time.monotonic() + REST_S)
    original.socket.close()
    return figures(original.times, sum(map(len, SENTENCES)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=str(ROOT / "models" / "gpt2-demo"), help="folder of the model")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--json", help="file for the figures")
    arguments = parser.parse_args()
    conditions = {"date": datetime.date.today().isoformat(), "machine": machine.describe(), "model": Path(arguments.model).name}

    with tempfile.TemporaryDirectory(prefix="inkfleet-first-token-") as folder, sync_playwright() as playwright:
        folder = Path(folder)
        flags = ["--model", Path(arguments.model).resolve(), "--name", NAME, "--listen", "127.0.0.1:0", "--dtype", "int8"]
        service = programs.Program(["inkfleet-model", *flags, "--threads", arguments.threads], folder / "service.log")
        service.wait_listening().wait_ready()
        config = {"listen": "127.0.0.1:0", "routes": [programs.route(NAME, [service.address])]}
        gateway = programs.start_gateway(config, folder).wait_listening().wait_ready().wait_serving(NAME)
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=sandbox)
        url = f"http://{gateway.address}/"
        texts = kept_texts()
        measures = {
            "typing, warmed ahead": lambda: measure_page(browser, url, prefill=True),
            "typing, not warmed": lambda: measure_page(browser, url, prefill=False),
            "typing, the original's rule": lambda: measure_original(f"ws://{gateway.address}/{NAME}"),
            "coming back, warmed ahead": lambda: measure_return(browser, url, True, texts),
            "coming back, not warmed": lambda: measure_return(browser, url, False, texts),
        }
        results = {name: measures[name]() for name in track("measures", list(measures))}
        browser.close()
        gateway.close()
        service.close()
    for name, result in results.items():
        print(f"{name:28} {json.dumps(result)}", flush=True)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({**conditions, "figures": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()

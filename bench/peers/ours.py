"""What only Inkfleet is asked: how well a typing writer is served, memory, start, cancel, and what int8 costs.

Run as a program in the environment `inkfleet`: measures are named on the command line, one JSON object on stdout.
"""

import argparse
import asyncio
import contextlib
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from formats import Unavailable, environment, run
from paths import HERE, MODELS, ROOT
from work import random_prompts, read_words

TEXT = ROOT / "tests/data/texts/northanger-abbey-excerpt.txt"
DEMO_MODELS = ["gpt2-demo", "gpt2-demo-legal", "gpt2-demo-wizards"]
REPEATS = 5
KEYSTROKES = 60
CHARACTERS_A_KEYSTROKE = 6
CANCELS = 100
DTYPES = ["fp32", "bf16", "int8"]


class Client:
    """One connection; requests by `suggest`, each read to its end or to where the caller leaves it."""

    def __init__(self, socket):
        self.socket = socket
        self.ids = 0

    async def suggest(self, prompt, **fields):
        self.ids += 1
        frame = {"type": "suggest", "id": str(self.ids), "prompt": prompt, "temperature": 0.7, "top_k": 10, "seed": 1,
                 "deadline_ms": 600_000}
        await self.socket.send(json.dumps({**frame, **fields}))
        return frame["id"]

    async def until(self, kind, request):
        """The first frame of this kind that belongs to the request."""
        while True:
            frame = json.loads(await self.socket.recv())
            if frame["type"] == "error":
                raise RuntimeError(f"the service answered {frame}")
            if frame["type"] == kind and frame["id"] == request:
                return frame


def serving(options, *flags, dtype="int8", env=None):
    sys.path.append(str(HERE / "systems"))
    from service import Service
    return Service(options.bin / "inkfleet-model", options.model, options.threads, dtype, *flags, env=env)


def connect(service):
    import websockets
    return websockets.connect(service.url, max_size=None, ping_interval=None, compression=None)


def talk(options, conversation, *flags):
    """Starts a service and runs the coroutine function `conversation(client, service)` against it."""
    async def connected(service):
        async with connect(service) as socket:
            return await conversation(Client(socket), service)

    with serving(options, *flags) as service:
        return asyncio.run(connected(service))


def text_prompts(options, count, tokens, key):
    words = read_words(options.model)
    return ["".join(words[token] for token in prompt) for prompt in random_prompts(words, count, tokens, key)]


async def time_to_first(client, prompt):
    """Seconds to the first token, and `started`; returns when the request has ended."""
    began = time.perf_counter()
    request = await client.suggest(prompt, n=1, max_tokens=8)
    started = await client.until("started", request)
    await client.until("delta", request)
    seconds = time.perf_counter() - began
    await client.until("completed", request)
    return seconds, started


def typing(options):
    """A prompt of 400 tokens nobody has seen, then the same with three more."""
    async def conversation(client, service):
        await time_to_first(client, text_prompts(options, 1, 100, "typing, warm up")[0])
        cold, warm, cached = [], [], []
        for prompt in text_prompts(options, REPEATS, 403, "typing"):
            seconds, started = await time_to_first(client, prompt.rsplit(" ", 3)[0])
            assert started["prompt_tokens"] == 400 and started["cached_tokens"] < 4, started
            cold.append(seconds)
            seconds, started = await time_to_first(client, prompt)
            assert started["prompt_tokens"] == 403, started
            warm.append(seconds)
            cached.append(started["cached_tokens"])
        return {"cold_seconds": cold, "warm_seconds": warm, "cached_tokens": cached,
                "ratio": statistics.median(warm) / statistics.median(cold)}

    return talk(options, conversation)


def growing(options):
    """A text that grows past the context: each keystroke asks again, and gives up what it had asked before.

    The opening request, of which nothing can be cached, is counted apart."""
    text = " ".join(TEXT.read_text().split())
    begin = 4340  # characters: 940 of the 1024 tokens less 40 that a prompt may have
    lengths = range(begin, begin + (KEYSTROKES + 1) * CHARACTERS_A_KEYSTROKE, CHARACTERS_A_KEYSTROKE)

    async def conversation(client, service):
        seen = []
        for length in lengths:
            request = await client.suggest(text[:length], n=5, max_tokens=40, document="growing")
            seen.append(await client.until("started", request))
            await client.until("delta", request)
        return seen

    opening, *typed = talk(options, conversation)
    assert typed[-1]["dropped_tokens"] > 0, typed[-1]
    prompt, cached = (sum(frame[name] for frame in typed) for name in ("prompt_tokens", "cached_tokens"))
    return {"keystrokes": len(typed), "opening_tokens": opening["prompt_tokens"] + opening["dropped_tokens"],
            "final_tokens": typed[-1]["prompt_tokens"] + typed[-1]["dropped_tokens"],
            "dropped_tokens": typed[-1]["dropped_tokens"], "prompt_tokens": prompt, "cached_tokens": cached,
            "cached_share": cached / prompt}


class MemoryWatch:
    """The largest resident size that a look every 20 ms saw."""

    def __init__(self, service):
        self.service = service
        self.peak = service.memory()
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.stopped.wait(0.02):
            self.peak = max(self.peak, self.service.memory())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()


def memory(options):
    """16 prompts of 200 tokens at once, without a prefix cache."""
    async def conversation(client, service):
        ready = service.memory()
        with MemoryWatch(service) as watch:
            for prompt in text_prompts(options, 16, 200, "memory"):
                await client.suggest(prompt, n=1, max_tokens=40)
            for _ in range(16):
                while json.loads(await client.socket.recv())["type"] != "completed":
                    pass
        return {"ready_bytes": ready, "peak_bytes": watch.peak, "after_bytes": service.memory()}

    return talk(options, conversation, "--prefix-cache", "off")


def start(options):
    """Seconds from starting the program to `ready`, with an empty folder for caches and again with what it left there."""
    with tempfile.TemporaryDirectory(dir=MODELS) as folder:
        variables = {**os.environ, "XDG_CACHE_HOME": folder}
        seconds = []
        for _ in range(3):
            with serving(options, env=variables) as service:
                seconds.append(service.seconds_to_ready)
        kept = sum(path.stat().st_size for path in pathlib.Path(folder).rglob("*") if path.is_file())
    return {"first_seconds": seconds[0], "later_seconds": seconds[1:], "bytes_kept": kept}


def samples(service):
    """The service's metrics: values by name and labels, as written but for the model's name."""
    with urllib.request.urlopen(f"http://{service.address}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    values = (line.rsplit(" ", 1) for line in lines if line[:1] != "#")
    return {re.sub(r'model="[^"]*",?|,model="[^"]*"', "", name).replace("{}", ""): float(value) for name, value in values}


def quantile(histogram, share):
    """The least bound that this share of a histogram's samples is within; its bounds are the whole numbers that may come."""
    return next(bound for bound, within in histogram if within >= share * histogram[-1][1])


def cancel(options):
    """Steps computed for a suggestion after its cancel, or the end of its connection, had been read: the service counts them."""
    async def conversation(_, service):
        for i, prompt in enumerate(text_prompts(options, CANCELS, 20, "cancel")):
            async with connect(service) as socket:
                client = Client(socket)
                request = await client.suggest(prompt, n=5, max_tokens=100)
                for _ in range(i % 7 + 1):
                    await client.until("delta", request)
                if i % 2 == 0:
                    await socket.send(json.dumps({"type": "cancel", "id": request}))
                    await client.until("completed", request)
        while (found := samples(service))["inkfleet_running_requests"] > 0:
            await asyncio.sleep(0.05)
        return found

    found = talk(options, conversation)
    bounds = [(name.split('"')[1], value) for name, value in found.items() if name.startswith("inkfleet_cancel_steps_bucket")]
    histogram = [(float(bound), value) for bound, value in bounds]
    return {"suggestions": found["inkfleet_cancel_steps_count"], "p50": quantile(histogram, 0.5),
            "p99": quantile(histogram, 0.99), "largest": quantile(histogram, 1)}


async def time_request(client, prompt, n):
    began = time.perf_counter()
    request = await client.suggest(prompt, n=n, max_tokens=40)
    completed = await client.until("completed", request)
    return time.perf_counter() - began, completed["usage"]["completion_tokens"]


def dtypes(options):
    """An editor's request in each number format, taking turns, and the memory of a service that has answered them."""
    async def conversation(services):
        async with contextlib.AsyncExitStack() as stack:
            clients = {dtype: Client(await stack.enter_async_context(connect(service))) for dtype, service in services.items()}
            seconds = {dtype: [] for dtype in services}
            for number, prompt in enumerate(text_prompts(options, REPEATS + 1, 100, "dtypes")):
                for dtype, client in clients.items():
                    took, tokens = await time_request(client, prompt, 5)
                    if number > 0 and tokens == 5 * 40:  # the first warms up; an early end of text would be cheaper
                        seconds[dtype].append(took)
            return seconds

    with contextlib.ExitStack() as stack:
        services = {dtype: stack.enter_context(serving(options, "--prefix-cache", "off", dtype=dtype)) for dtype in DTYPES}
        seconds = asyncio.run(conversation(services))
        return {dtype: {"seconds": seconds[dtype], "bytes": service.memory()} for dtype, service in services.items()}


def perplexity(options):
    """int8 over fp32 for the demo models, as they are and with outlier channels."""
    ratios = {}
    for name in DEMO_MODELS:
        outliers = MODELS / f"{name}-x30"
        if not outliers.exists():
            run([sys.executable, ROOT / "bench/quality/make_outliers.py", "--factor", "30", ROOT / "models" / name,
                 outliers])
        for folder in (ROOT / "models" / name, outliers):
            line = run([options.bin / "perplexity", folder, TEXT])
            ratios[folder.name] = float(line.rsplit("ratio ", 1)[1])
    return {"int8_over_fp32": ratios}


MEASURES = {measure.__name__: measure for measure in (typing, growing, memory, start, cancel, dtypes, perplexity)}


def measure(names, model, options):
    """Runs the measures in an environment that has what they need; one that fails gives its reason."""
    results = {}
    for name in names:
        print(f"== Inkfleet alone: {name}", file=sys.stderr, flush=True)
        command = [environment("inkfleet"), __file__, name, "--bin", options.bin, "--model", model, "--threads", options.threads]
        done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, text=True)
        results[name] = json.loads(done.stdout) if done.returncode == 0 else {"failure": f"ended with {done.returncode}"}
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("measure", choices=list(MEASURES))
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    try:
        print(json.dumps(MEASURES[options.measure](options)))
    except Unavailable as reason:
        sys.exit(str(reason))


if __name__ == "__main__":
    main()

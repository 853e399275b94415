#!/usr/bin/env python3
"""How often the first whole word is right when typing stops inside a word: with `heal` and without.

Takes words of a text no demo model saw, cuts each at every place before its last letter (also before its first: after
the space), and asks a model service for the most probable continuation. Right is a continuation whose first word, with
the letters typed so far, is the author's.

    bench/quality/heal.py --model models/gpt2-demo
"""

import argparse
import asyncio
import json
import os
import pathlib
import random
import re
import subprocess
import sys

import websockets

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / "bench"))
from progress import track  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / "models/gpt2-demo")
    parser.add_argument("--text", type=pathlib.Path, default=ROOT / "tests/data/texts/northanger-abbey-excerpt.txt")
    parser.add_argument("--words", type=int, default=200)
    parser.add_argument("--context", type=int, default=500, help="characters before the word")
    parser.add_argument("--json", type=pathlib.Path, help="write the counts here")
    return parser.parse_args()


def choose_words(text, count, context):
    """Places of words of four letters and more, drawn with a fixed seed."""
    places = [match.span() for match in re.finditer(r"(?<= )[A-Za-z]{4,}(?=[ ,.;])", text) if match.start() > context]
    return random.Random(1).sample(places, count)


def first_word(typed, continuation):
    return re.match(r"[A-Za-z]*", typed + continuation).group()


async def continuation(socket, prompt, heal):
    await socket.send(json.dumps({"type": "suggest", "id": "h", "prompt": prompt, "max_tokens": 8, "temperature": 0,
                                  "heal": heal}))
    text = ""
    while True:
        frame = json.loads(await asyncio.wait_for(socket.recv(), 60))
        if frame["type"] == "delta":
            text += frame["text"]
        elif frame["type"] == "error":
            sys.exit(f"the service answered {frame}")
        elif frame["type"] == "completed":
            return text


async def measure(address, options):
    text = options.text.read_text(encoding="utf-8")
    right = {True: 0, False: 0}
    cuts = 0
    async with websockets.connect(f"ws://{address}/heal") as socket:
        for begin, end in track("words", choose_words(text, options.words, options.context)):
            for cut in range(begin, end):
                prompt = text[begin - options.context:cut]
                cuts += 1
                for heal in right:
                    answer = await continuation(socket, prompt, heal)
                    right[heal] += first_word(text[begin:cut], answer) == text[begin:end]
    return {"words": options.words, "cuts": cuts, "right_with_heal": right[True], "right_without": right[False]}


def main():
    options = arguments()
    service = subprocess.Popen(
        [options.bin / "inkfleet-model", "--model", options.model, "--name", "heal", "--listen", "127.0.0.1:0",
         "--threads", str(os.cpu_count()), "--log-level", "warn"], stdout=subprocess.PIPE, text=True)
    try:
        address = service.stdout.readline().split()[1]
        if service.stdout.readline().strip() != "ready":
            sys.exit("inkfleet-model did not become ready")
        result = {"model": options.model.name, **asyncio.run(measure(address, options))}
    finally:
        service.terminate()
        service.wait(60)
    print(json.dumps(result))
    if options.json:
        options.json.write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()

"""What every driver shares: one JSON object a line on stdin, one answer a line on stdout.

A driver is started as `PYTHON systems/NAME.py CONFIG`, where CONFIG is a JSON object: the model's path, the number of
threads, and what else the system's entry in systems.json sets. It says `{"ready": {...versions and settings...}}` when its
model is loaded. Each line of work is

    {"prompts": [[id, ...], ...], "n": 5, "max_tokens": 40, "top_k": 10, "temperature": 0.7, "seed": 3}

n continuations of each prompt, and is answered by `{"seconds": s, "tokens": [40, 40, ...]}`: how long the call took, and
how many new tokens each continuation really has. A driver may add more. It ends when stdin does.

Whatever a library prints on stdout goes to stderr instead.
"""

import json
import os
import sys
import time


def serve(load):
    """`load(config)` returns a system: `about` (a dict), `prepare(work)`, `generate(prepared, work)`, and
    `read(outcome)` -> the answer's fields. Only `generate` is timed."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer(fields):
        answers.write(json.dumps(fields) + "\n")

    system = load(json.loads(sys.argv[1]))
    answer({"ready": system.about})
    for line in sys.stdin:
        work = json.loads(line)
        prepared = system.prepare(work)
        began = time.perf_counter()
        outcome = system.generate(prepared, work)
        seconds = time.perf_counter() - began
        answer({"seconds": seconds, **system.read(outcome)})
    if hasattr(system, "close"):
        system.close()

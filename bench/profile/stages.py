#!/usr/bin/env python3
"""Where a decode step goes: runs profile_step under `perf record` (Debian: linux-perf) on one thread and sorts the
samples of the measured steps into stages. CPU milliseconds a step, as a Markdown table.

    ninja -C build/release profile_step
    bench/profile/stages.py --program build/release/bin/profile_step --model build/models/gpt2-medium-random
"""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from progress import track  # noqa: E402

STAGES = (  # the first whose word is in a sample's symbol or library
    ("attention", ("attend", "append", "score", "value_tile", "exponentiate", "AttentionPlan", "add_values")),
    ("GELU", ("gelu",)),
    ("layer norm", ("layer_norm",)),
    ("embedding", ("Embedding", "::embed")),
    ("int8 products", ("multiply", "tile_row", "Int8", "int8")),
    ("quantizing rows", ("quantize",)),
    ("waiting for the other thread", ("Team", "wait")),
    ("residual add", ("::add", "add_to_residual")),
    ("sampling", ("Sampler", "sample", "introselect", "adjust_heap", "unguarded", "insertion_sort")),
    ("OpenMP", ("libgomp",)),
    ("linears", ("libtorch", "libc10", "jit", "[unknown]", "anon", "perf-", "//")),
    ("allocation and calls", ("libc.so", "libstdc++", "operator new", "Linear::apply", "ld-linux", "c10::")),
    ("kernel of the system", ("[kernel", "[guest")),
)


def stage_of(symbol, library):
    for stage, words in STAGES:
        if any(word in symbol or word in library for word in words):
            return stage
    return "other"


def perf_command(data, fifo, program):
    return ["perf", "record", "-q", "-e", "cpu-clock", "-F", "1999", "-D", "-1", "--control", f"fifo:{fifo}",
            "-o", data, "--", *program]  # fmt: skip


def record(program, data, folder):
    """The measured steps' report; samples go to `data`."""
    fifo = folder / "control"
    if not fifo.exists():
        os.mkfifo(fifo)
    control = os.open(fifo, os.O_RDWR)
    environment = dict(os.environ, OMP_WAIT_POLICY="passive")
    with subprocess.Popen(
        perf_command(data, fifo, program), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        process.stdout.readline()
        os.write(control, b"enable\n")
        process.stdin.write("\n")
        process.stdin.flush()
        report = process.stdout.readline()
    os.close(control)
    if process.returncode != 0:
        raise SystemExit(f"profile_step ended with {process.returncode}")
    return json.loads(report)


def shares(data):
    script = subprocess.run(
        ["perf", "script", "-i", data, "-F", "ip,sym,dso"], capture_output=True, text=True, check=True
    ).stdout
    counts, others = collections.Counter(), collections.Counter()
    for line in script.splitlines():
        symbol, _, library = line.strip().partition(" ")[2].rpartition(" (")
        stage = stage_of(symbol, library)
        counts[stage] += 1
        if stage == "other":
            others[line.strip().partition(" ")[2]] += 1
    total = sum(counts.values())
    return {stage: count / total for stage, count in counts.items()}, others


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--n", default="1,5,32")
    parser.add_argument("--steps", default="40")
    parser.add_argument("--verbose", action="store_true", help="also the symbols of no stage")
    parser.add_argument("rest", nargs="*", help="further arguments of the program, after --")
    options = parser.parse_args()

    columns = {}
    with tempfile.TemporaryDirectory() as folder:
        for n in track("numbers of suggestions", options.n.split(",")):
            program = [options.program, "--model", options.model, "--n", n, "--steps", options.steps, "--wait", "1"]
            data = f"{folder}/data"
            report = record(program + options.rest, data, pathlib.Path(folder))
            parts, others = shares(data)
            columns[n] = {stage: part * report["cpu_ms"] for stage, part in parts.items()}
            columns[n]["step"] = report["cpu_ms"]
            if options.verbose:
                print(others.most_common(20))
    print("| CPU ms a step | " + " | ".join(f"n={n}" for n in columns) + " |")
    print("|---|" + "---|" * len(columns))
    for stage in [stage for stage, _ in STAGES] + ["other", "step"]:
        values = [column.get(stage, 0) for column in columns.values()]
        if any(values):
            print(f"| {stage} | " + " | ".join(f"{value:.2f}" for value in values) + " |")


if __name__ == "__main__":
    main()

"""What is measured and tested by programs of its own, judged in the suite's table: the gateway's cost, its counters, the parsers."""

import json
import os
import re
import subprocess

import programs
from programs import BIN, ROOT

MEASURE_S = 1800
SHORTEST = ["--seconds", "1", "--rounds", "1"]
COUNTERS = "Counters.AreExactAfterAMillionRandomEvents"
COUNTERS_S = 600
FUZZ_BIN = ROOT / "build" / "fuzz" / "bin"
FUZZ_INPUTS = 100  # of the slowest target


def gateway_bench(stage, result, part: str, short: bool, limited: set) -> None:
    """Runs one part of bench/gateway; `limited` names, by their first words, the figures it must hold a limit against."""
    out = stage.folder / part
    command = [ROOT / "bench/gateway/run", "--bin", BIN, "--out", out, "--only", part, *(SHORTEST if short else [])]
    ran = subprocess.run(command, env=programs.ENVIRONMENT, capture_output=True, text=True, timeout=MEASURE_S)
    file = out.with_suffix(".json")
    assert file.exists(), f"bench/gateway/run: status {ran.returncode}\n{ran.stderr[-2000:]}"
    for name, figure in json.loads(file.read_text())["figures"].items():
        what = f"{name}, {figure['unit']}".rstrip(", ")
        if figure["limit"] is None:
            result.tell(what, figure["value"])
        else:
            result.at_most(what, figure["value"], figure["limit"], paced=figure["unit"] != "KB")
            limited = {words for words in limited if not name.startswith(words)}
    result.equals("figures_missing", len(limited), 0)


# Deliberate break: a WsConnection that waits for a millisecond before it writes.
def gateway_delay(stage, result, short):
    """1,000 streams of 5 frames a second: the gateway's own delay, and end to end beside HAProxy in the same run."""
    gateway_bench(stage, result, "forward", short, {"gateway, in process", "gateway: service to editor, p99"})


# Deliberate break: a WsConnection that keeps the buffer of its upgrade.
def idle_editors(stage, result, short):
    """10,000 idle editors: what each costs, and that a suggestion beside them takes no longer."""
    gateway_bench(stage, result, "idle", short, {"idle editor", "suggestion beside 10,000"})


# Deliberate break: an Outbox::merge() that never merges.
def stuck_readers(stage, result, short):
    """200 editors that read nothing of streams at full rate: what waits for each is bounded, others notice nothing."""
    gateway_bench(stage, result, "stuck", short, {"stuck reader", "delay beside 200"})


# Deliberate break: a Relay::move() without leave().
def routing_counters(stage, result, short):
    """A million random events: each service's counter is what it has, after every one of them."""
    file = stage.folder / "counters.json"
    command = [BIN / "test_gateway", f"--gtest_filter={COUNTERS}", f"--gtest_output=json:{file}"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=COUNTERS_S)
    result.equals("status", ran.returncode, 0)
    outcome = json.loads(file.read_text())
    result.equals("tests", outcome["tests"], 1)
    result.equals("failures", outcome["failures"], 0)
    if ran.returncode:
        result.note(ran.stdout[-1000:])


# Deliberate break: a target that aborts on what a parser takes.
def fuzzing(stage, result, short):
    """Every parser of bytes from outside gets mutated ones for some seconds, where `make fuzz` has built the targets."""
    if not FUZZ_BIN.is_dir():
        result.skip("not built; `make fuzz` does that")
        return
    targets = sorted(path.name for path in (ROOT / "tests/fuzz/corpus").iterdir())
    environment = programs.ENVIRONMENT | {"FUZZ_SECONDS": "1" if short else "10", "JOBS": str(os.cpu_count())}
    environment.pop("FUZZ_CPU_SECONDS", None)
    ran = subprocess.run([ROOT / "scripts/fuzz", FUZZ_BIN], env=environment, capture_output=True, text=True, timeout=MEASURE_S)
    inputs = dict(re.findall(r"^(\w+) +(\d+) inputs ", ran.stdout, re.MULTILINE))
    result.equals("status", ran.returncode, 0)
    result.equals("targets", len(inputs), len(targets))
    result.tell("inputs", sum(map(int, inputs.values())))
    result.at_least("fewest_inputs", min(map(int, inputs.values()), default=0), FUZZ_INPUTS)
    if ran.returncode:
        result.note((ran.stdout + ran.stderr)[-1000:])


SCENARIOS = [gateway_delay, idle_editors, stuck_readers, routing_counters, fuzzing]

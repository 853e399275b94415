"""Twice as much as a service can do."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import programs
from faults import HealthWatch

PROMPTS = programs.ROOT / "tests" / "data" / "texts" / "northanger-abbey-excerpt.txt"
LIVE = (16, 32, 64)  # requests kept running, to find what the service can do; its 64 places hold 13
LIVE_SHORT = (32,)
SHED_MS = 50
GOODPUT = 0.9
GROWTH = 1.02
SHORT_GROWTH = 1.1  # in half a minute caches and allocators are still filling
POLL_S = 0.2
HEALTH_LIMIT_S = 1  # of the contract
LARGE_MODEL_MS = 40  # added to a step
CACHE_MB = 128  # full before memory is looked at for the first time


def bench(folder: Path, url: str, *arguments, seconds: float) -> dict:
    file = folder / "bench.json"
    shape = ["--prompt-chars", 200, "-n", 5, "--max-tokens", 40]
    tool = programs.run_tool("inkfleet-bench", url, "--prompts", PROMPTS, *shape, "--duration", seconds, "--json", file,
                             *arguments, seconds=2 * seconds + 120)
    assert tool.returncode == 0, tool.stderr
    [step] = json.loads(file.read_text())["steps"]
    return step


@dataclass(frozen=True)
class Capacity:
    tokens_per_s: float
    requests_per_s: float


def capacity_of(folder: Path, url: str, short: bool, seed: int = 0) -> Capacity:
    """The most that comes when there is never too little to do."""
    lives, seconds = (LIVE_SHORT, 4) if short else (LIVE, 30)
    runs = [bench(folder, url, "--closed", live, "--warmup", 2, "--seed", seed + live, seconds=seconds) for live in lives]
    tokens = max(run["tokens_per_s"] for run in runs)
    of_a_request = sum(run["completion_tokens"] for run in runs) / sum(run["completed"] for run in runs)
    return Capacity(tokens, tokens / of_a_request)


def resident_mb(pid: int) -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def memory_over(seconds: float, pid: int, early: float) -> tuple:
    """After this part of the time, and at its end."""
    time.sleep(early * seconds)
    before = resident_mb(pid)
    time.sleep((1 - early) * seconds)
    return before, resident_mb(pid)


def judge(result, step: dict, capacities: list, seconds: float) -> None:
    """`capacities`: before and after, for the machine may have more to do than this. The higher one counts."""
    for when, capacity in zip(("before", "after"), capacities, strict=True):
        result.tell(f"capacity_{when}_per_s", capacity.requests_per_s)
    capacity = max(capacities, key=lambda one: one.tokens_per_s)
    result.at_least("shed", step["errors"].get("overloaded", 0), 1)
    if step["refused_ms"]:
        result.at_most("shed_p99_ms", step["refused_ms"]["p99"], SHED_MS, paced=True)
    result.at_least("goodput", step["completion_tokens"] / seconds / capacity.tokens_per_s, GOODPUT, paced=True)
    result.tell("request_p50_ms", step["request_ms"]["p50"])
    result.note(f"sent {step['sent']}, completed {step['completed']}, errors {step['errors']}, client {step['client']}")


# Deliberate breaks: a ServiceHealth that calls a service unwell when a request would wait for a second; a Session without overload().
def saturation(stage, result, short):
    """Twice its capacity on busy cores: healthy all the time, no memory gained, refusals at once, the rest as fast as ever."""
    [service] = stage.services(1, "--cache-mb", CACHE_MB)
    gateway = stage.gateway([service.address])
    capacity = capacity_of(stage.folder, gateway.url, short)
    seconds, warmup, early = (28, 2, 0.5) if short else (600, 20, 0.2)  # minutes 2 and 10 of ten
    with (HealthWatch(service.address, POLL_S) as service_watch, HealthWatch(gateway.address, POLL_S) as gateway_watch,
          ThreadPoolExecutor() as beside):
        memory = beside.submit(memory_over, warmup + seconds, service.pid, early)
        step = bench(stage.folder, gateway.url, "--rate", 2 * capacity.requests_per_s, "--warmup", warmup, "--seed", 2,
                     "--deadline-ms", 4000, seconds=seconds)
    early, late = memory.result()
    result.at_most("false_503", len(service_watch.failures) + len(gateway_watch.failures), 0)
    result.at_most("health_slowest_s", max(service_watch.slowest, gateway_watch.slowest), HEALTH_LIMIT_S, paced=True)
    result.at_least("health_asked", min(service_watch.asked, gateway_watch.asked), (warmup + seconds) / POLL_S / 2, paced=True)
    result.at_most("memory_growth", late / early, SHORT_GROWTH if short else GROWTH)
    result.tell("resident_mb", late)
    judge(result, step, [capacity, capacity_of(stage.folder, gateway.url, short, seed=100)], seconds)


# Deliberate break: a Session::overload() that looks at the queue alone lets in what cannot end in time, and nothing does.
def tight_deadlines(stage, result, short):
    """The same for a large model, whose requests take nearly as long as they may: what cannot end in time is not begun."""
    [service] = stage.services(1)
    service.slow(LARGE_MODEL_MS)
    capacity = capacity_of(stage.folder, service.url, short)
    seconds = 10 if short else 60
    step = bench(stage.folder, service.url, "--rate", 2 * capacity.requests_per_s, "--warmup", 4, "--seed", 2,
                 "--deadline-ms", 4000, seconds=seconds)
    judge(result, step, [capacity, capacity_of(stage.folder, service.url, short, seed=100)], seconds)


SCENARIOS = [saturation, tight_deadlines]

"""inkfleet-bench against real services: what it counts must add up."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

import programs
from metrics import Metrics
from terminal import Terminal

TEXT = programs.ROOT / "tests" / "data" / "texts" / "northanger-abbey-excerpt.txt"


def bench(url, *arguments, **options):
    return programs.run_tool("inkfleet-bench", url, "--prompts", TEXT, "--warmup", 0, *arguments, **options)


def measure(url, folder, *arguments):
    """The exit status and the figures of each rate."""
    file = folder / "bench.json"
    result = bench(url, "--json", file, *arguments)
    assert file.exists(), result.stderr
    return result.returncode, json.loads(file.read_text())["steps"]


def test_at_a_low_rate_everything_is_completed(url, tmp_path):
    arguments = ["--arrivals", "uniform", "--duration", 1, "-n", 2, "--max-tokens", 64, "--prompt-chars", 60]
    status, steps = measure(url, tmp_path, "--rate", 4, "--rate", 10, *arguments)
    assert status == 0
    assert [(step["rate"], step["sent"], step["completed"], step["errors"]) for step in steps] == [
        (4, 4, 4, {}), (10, 10, 10, {})]
    for step in steps:
        assert step["first_token_ms"]["count"] == step["request_ms"]["count"] == step["sent"]
        assert 0 < step["inter_token_ms"]["count"] <= step["sent"] * 2 * 63
        for times in step["first_token_ms"], step["inter_token_ms"], step["request_ms"]:
            assert 0 <= times["p50"] <= times["p95"] <= times["p99"]
        assert 0 < step["first_token_ms"]["p50"] <= step["request_ms"]["p50"]
        assert step["prompt_tokens"] > 4 * step["sent"]
        assert 5 * step["sent"] < step["completion_tokens"] <= step["sent"] * 2 * 64
        assert 0 < step["tokens_per_s"] <= step["sent"] * 2 * 64
        assert step["goodput_per_s"] <= step["sent"]


def test_beyond_what_the_queue_holds_requests_are_overloaded(tmp_path):
    model = "gpt2-demo"
    extra = ["--dtype", "fp32", "--cache-mb", 8, "--max-queue", 1]
    service = programs.start_model(model, tmp_path, extra=extra).wait_listening().wait_ready()
    try:
        arguments = ["--arrivals", "uniform", "--duration", 1, "-n", 1, "--max-tokens", 400, "--temperature", 1]
        status, [step] = measure(f"ws://{service.address}/{model}", tmp_path, "--rate", 100, *arguments)
    finally:
        service.close()
    assert status == 0
    assert step["sent"] == 100
    assert step["errors"]["overloaded"] > 0
    assert step["completed"] > 0
    assert step["sent"] == step["completed"] + sum(step["errors"].values())


# Deliberate break: a run_closed() that sends one request at a time.
def test_so_many_requests_are_kept_running(fleet, tmp_path):
    metrics = Metrics(fleet.http("service"))
    arguments = ["--closed", 6, "--duration", 2, "-n", 1, "--max-tokens", 200, "--temperature", 1]
    with ThreadPoolExecutor() as beside:
        measured = beside.submit(measure, fleet.url("service"), tmp_path, *arguments)
        metrics.wait("inkfleet_running_requests", lambda running: running == 6)
        status, [step] = measured.result()
    assert status == 0
    assert step["sent"] == step["completed"] >= 6 and step["errors"] == {}


def test_the_same_seed_asks_the_same_prompts(fleet, tmp_path):
    """The service itself says so: it has the second run's prompts in its cache, and not those of another seed."""
    url = fleet.url("service")
    shares = []
    for seed in 71, 71, 72:
        _, [step] = measure(url, tmp_path, "--rate", 10, "--duration", 1, "--max-tokens", 1, "--seed", seed)
        shares.append(step["cached_share"])
    assert shares[1] > 0.9
    assert shares[0] < 0.3 and shares[2] < 0.3


def test_when_nothing_completes_the_status_says_so(fleet, tmp_path):
    status, [step] = measure(fleet.url("service"), tmp_path, "--rate", 20, "--duration", 0.5, "--top-k", 10**6)
    assert status == 1
    assert step["completed"] == 0 and step["errors"] == {"bad_request": step["sent"]}
    assert step["first_token_ms"] is None


def test_prints_a_table_and_takes_flags_from_the_environment(fleet):
    environment = {**os.environ, "INKFLEET_RATE": "5,10", "INKFLEET_DURATION": "0.4", "INKFLEET_MAX_TOKENS": "2"}
    result = bench(fleet.url("service"), "--arrivals", "uniform", env=environment)
    assert result.returncode == 0
    rows = [line.split() for line in result.stdout.splitlines()[-2:]]
    assert [row[:4] for row in rows] == [["5", "2", "2", "0"], ["10", "4", "4", "0"]]


# Deliberate break: a bar that is drawn where there is no terminal, or that stays.
def test_a_bar_is_drawn_on_a_terminal_alone(fleet):
    arguments = ["--rate", 5, "--duration", 1, "--max-tokens", 2]
    assert bench(fleet.url("service"), *arguments).stderr == ""
    terminal = Terminal()
    command = [programs.BIN / "inkfleet-bench", fleet.url("service"), "--prompts", TEXT, "--warmup", 0, *arguments]
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=terminal.device, timeout=60, check=False)
    drawn = terminal.written()
    assert done.returncode == 0
    assert "\r\033[K5 requests/s [" in drawn and "of 1 s" in drawn
    assert drawn.rpartition("\033[K")[2] == ""


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["http://127.0.0.1:1/x", "--rate", "1", "--prompts", TEXT], 1, "URL: expected ws://"),
        (["http://127.0.0.1:1", "--protocol", "llama", "--rate", "1", "--prompts", TEXT], 1, "is the server running?"),
        (["ws://127.0.0.1:1/x", "--rate", "1", "--prompts", "no-such-file"], 1, "no-such-file"),
        (["ws://127.0.0.1:1/x", "--rate", "0", "--prompts", TEXT], 2, "--rate"),
        (["ws://127.0.0.1:1/x", "--prompts", TEXT], 2, "--rate"),
        (["ws://127.0.0.1:1/x", "--rate", "1", "--prompts", TEXT, "--protocol", "smoke"], 2, "--protocol"),
    ],
)
def test_bad_usage_is_one_line(arguments, status, message):
    result = programs.run_tool("inkfleet-bench", *arguments)
    assert result.returncode == status
    assert result.stdout == ""
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert message in result.stderr

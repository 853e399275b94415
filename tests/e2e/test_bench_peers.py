"""The harness of `make bench`, with systems that only pretend to compute."""

import argparse
import json
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "bench/peers"))

import formats  # noqa: E402
import harness  # noqa: E402
import report  # noqa: E402
from terminal import Terminal  # noqa: E402

# A system that counts the others at rest while it works, and the tokens it was told to.
DRIVER = """
import json, os, pathlib, sys
sys.path.append(SYSTEMS)
from driver import serve

class System:
    about = {"pid": os.getpid()}
    def __init__(self, config):
        self.config = config
        print("noise on stdout")
        pathlib.Path(config["folder"], str(os.getpid())).touch()
    def prepare(self, work):
        return work["prompts"]
    def generate(self, prompts, work):
        stats = [pathlib.Path(f"/proc/{pid}/stat") for pid in os.listdir(self.config["folder"]) if pid != str(os.getpid())]
        states = [stat.read_text().rsplit(")", 1)[1].split()[0] for stat in stats if stat.exists()]
        return states, [self.config["tokens"]] * (len(prompts) * work["n"])
    def read(self, outcome):
        states, tokens = outcome
        return {"tokens": tokens, "others": states}

serve(System)
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the harness with systems {name: tokens of each suggestion}, one of which may lack its environment."""
    monkeypatch.setattr(formats, "environment", environment)
    monkeypatch.setattr("process.LOGS", tmp_path / "logs")
    driver = tmp_path / "pretend.py"
    driver.write_text(DRIVER.replace("SYSTEMS", repr(str(ROOT / "bench/peers/systems"))))
    pids = tmp_path / "pids"
    pids.mkdir()

    def run(systems: dict, works: list):
        entries = {name: {"title": name.title(), "environment": name, "driver": str(driver),
                          "config": {"tokens": tokens, "folder": str(pids)}} for name, tokens in systems.items()}
        options = argparse.Namespace(threads=1, works=works, rounds=3, max_tokens=4, bin=tmp_path)
        works, results = harness.measure_systems(entries, ROOT / "tests/data/gpt2-vocab", options)
        machine = {"cpu": "none", "cores": 1, "flags": [], "memory_gib": 1, "kernel": "0", "governor": None}
        return {"what": "<pretence>", "command": "pytest", "date": "today", "machine": machine, "works": works,
                "systems": results, "ours": {}}

    return run


def environment(name):
    if name == "missing":
        raise formats.Unavailable("no such package")
    return sys.executable


def test_all_but_one_are_at_rest(run):
    results = run({"inkfleet-int8": 4, "second": 4, "third": 4}, ["n1", "n5"])
    for system in results["systems"].values():
        assert system["failure"] is None
        for runs in system["works"].values():
            assert [answer["others"] for answer in runs] == [["T", "T"]] * 3


def test_tokens_are_counted(run):
    results = run({"inkfleet-int8": 4, "lazy": 3}, ["n5", "prompts32"])
    assert "n5: 15 new tokens instead of 20" in results["systems"]["lazy"]["failure"]
    assert results["systems"]["lazy"]["works"] == {}
    assert [answer["tokens"] for answer in results["systems"]["inkfleet-int8"]["works"]["prompts32"]] == [128] * 3


def test_a_system_that_is_missing_is_reported_and_the_rest_goes_on(run):
    results = run({"inkfleet-int8": 4, "missing": 4, "third": 4}, ["n1"])
    assert results["systems"]["missing"]["failure"] == "no such package"
    assert len(results["systems"]["third"]["works"]["n1"]) == 3
    assert "- Missing: no such package" in report.markdown(results)


def test_report_names_the_fastest_peer(run, tmp_path):
    results = run({"inkfleet-int8": 4, "second": 4, "third": 4}, ["n1", "n5"])
    for name, times in {"inkfleet-int8": [1, 1.5, 9], "second": [4, 4, 4], "third": [3, 1, 5]}.items():
        for answer, seconds in zip(results["systems"][name]["works"]["n5"], times):
            answer["seconds"] = seconds
    paths = report.write(results, tmp_path / "results")
    last_column = [line.rsplit("|", 2)[1].strip() for line in paths[1].read_text().splitlines() if line.startswith("|")]
    assert last_column == ["prompt of 100, n=5", "---", "1.50", "4.00", "3.00", "**0.50** of Third"]
    assert json.loads(paths[0].read_text())["systems"]["third"]["works"]["n5"][0]["seconds"] == 3
    xml.etree.ElementTree.parse(paths[2])


# Deliberate break: a bar that does not ask whether there is a terminal, or one that stays.
def test_progress_is_for_a_terminal_alone():
    code = "import sys; sys.path.append(sys.argv[1]); from progress import track; print(list(track('rounds', range(4))))"
    command = [sys.executable, "-c", code, ROOT / "bench"]
    assert subprocess.run(command, capture_output=True, timeout=60, check=True).stderr == b""
    terminal = Terminal()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=terminal.device, timeout=60, check=True)
    drawn = terminal.written()
    assert done.stdout == b"[0, 1, 2, 3]\n"
    assert drawn.count("rounds [") == 5 and "=] 4 of 4" in drawn and drawn.endswith("\r\033[K")

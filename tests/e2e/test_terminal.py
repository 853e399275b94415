"""Bars and colours are for people at a terminal: files and pipes get neither, and NO_COLOR ends the colours."""

import os
import re
import subprocess

import pytest

import programs
from terminal import Terminal

COLOR = re.compile(r"\033\[[0-9;]*m")
MODEL = "gpt2-demo"
SERVICE = [programs.BIN / "inkfleet-model", "--model", programs.MODELS / MODEL, "--name", MODEL, "--listen", "127.0.0.1:0", "--threads", "1"]
PLAIN = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm-256color"}


def serve(stderr, environment: dict):
    """A service from its start to its end."""
    with subprocess.Popen(list(map(str, SERVICE)), stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment) as service:
        try:
            assert any(line == "ready\n" for line in service.stdout)
        finally:
            service.terminate()
        assert service.wait(programs.STOP_S) == 0


@pytest.fixture
def unpacked(tmp_path):
    """Weights are packed anew, which takes long with a model of people's."""
    return PLAIN | {"XDG_CACHE_HOME": str(tmp_path)}


# Deliberate break: a log that is coloured whatever NO_COLOR says, or a bar that stays.
@pytest.mark.parametrize("no_color", [None, "", "1"])
def test_a_service_at_a_terminal(unpacked, no_color):
    terminal = Terminal()
    serve(terminal.device, unpacked if no_color is None else unpacked | {"NO_COLOR": no_color})
    log = terminal.written()
    assert "SIGTERM: stopping" in log
    assert "\r\033[Kloading weights [" in log
    assert "loading weights" not in log.rpartition("\r\033[K")[2], "the bar has gone"
    assert bool(COLOR.search(log)) == (no_color != "1")


# Deliberate break: a bar that does not ask whether there is a terminal.
def test_a_service_that_writes_a_file(unpacked, tmp_path):
    log = tmp_path / "log"
    with log.open("wb") as file:
        serve(file, unpacked)
    assert "SIGTERM: stopping" in log.read_text() and "\033" not in log.read_text() and "\r" not in log.read_text()


def suggest(url: str, *arguments, environment=PLAIN) -> tuple:
    """What stands on a terminal for the text, and on one for the rest."""
    text, rest = Terminal(), Terminal()
    command = [programs.BIN / "inkfleet-suggest", url, "The old castle", "--max-tokens", 4, "--seed", 1, *arguments]
    done = subprocess.run(list(map(str, command)), stdout=text.device, stderr=rest.device, timeout=60, check=False, env=environment)
    texts = text.written(), rest.written()
    assert done.returncode == 0, texts
    return texts


# Deliberate break: dim text whatever NO_COLOR says.
@pytest.mark.parametrize("suggestions", [1, 2])
def test_suggest_at_a_terminal(url, suggestions):
    text, rest = suggest(url, "-n", suggestions)
    assert "\033[2mThe old castle\033[0m" in text and rest.startswith("\033[2mgpt2-demo, seed 1: ")
    text, rest = suggest(url, "-n", suggestions, environment=PLAIN | {"NO_COLOR": "1"})
    assert "The old castle" in text and "seed 1: " in rest and not COLOR.search(text + rest)

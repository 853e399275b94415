"""The people's tools: inkfleet-suggest and inkfleet-generate."""

import json
import os
import subprocess

import pytest

import programs
from editor import Editor
from frames import check_server_frame
from terminal import Terminal

PROMPT = "The old castle"


@pytest.fixture(scope="module")
def greedy(fleet):
    with Editor(fleet.url("service")) as editor:
        return editor.complete(PROMPT, max_tokens=12, temperature=0)


def suggest(*arguments, **options):
    return programs.run_tool("inkfleet-suggest", *arguments, **options)


def test_suggest_writes_the_text(url, greedy):
    result = suggest(url, PROMPT, "--max-tokens", 12, "--temperature", 0)
    assert (result.returncode, result.stdout, result.stderr) == (0, greedy.text() + "\n", "")


def test_suggest_writes_several_as_lines(url):
    result = suggest(url, PROMPT, "-n", 3, "--max-tokens", 12, "--seed", 5, "--top-k", 40, "--top-p", 0.9)
    lines = result.stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["0", "1", "2"]
    assert len(set(lines)) == 3


def test_suggest_takes_flags_from_the_environment(url, greedy):
    environment = {**os.environ, "INKFLEET_MAX_TOKENS": "12", "INKFLEET_TEMPERATURE": "0"}
    assert suggest(url, PROMPT, env=environment).stdout == greedy.text() + "\n"


def test_suggest_reads_the_text_from_a_pipe(url, greedy):
    result = suggest(url, "-", "--max-tokens", 12, "--temperature", 0, input=PROMPT)
    assert result.stdout == greedy.text() + "\n"


def test_suggest_stops_at_strings(url, greedy):
    whole = greedy.text()
    stop = whole[15:18]
    result = suggest(url, PROMPT, "--max-tokens", 12, "--temperature", 0, "--stop", "\u2603", "--stop", stop)
    assert result.stdout == whole[: whole.index(stop)] + "\n"


def test_suggest_shows_frames(url):
    result = suggest(url, PROMPT, "--json", "--max-tokens", 4)
    frames = [json.loads(line) for line in result.stdout.splitlines()]
    for frame in frames:
        check_server_frame(frame)
    assert (frames[0]["type"], frames[-1]["type"]) == ("started", "completed")


def drawn_on_a_terminal(*arguments) -> str:
    """All that inkfleet-suggest writes to a terminal."""
    terminal = Terminal()
    command = [str(programs.BIN / "inkfleet-suggest"), *map(str, arguments)]
    done = subprocess.run(command, stdout=terminal.device, stderr=subprocess.DEVNULL, timeout=60, check=False)
    drawn = terminal.written()
    assert done.returncode == 0
    return drawn


def test_suggest_draws_on_a_terminal(url):
    arguments = [url, PROMPT, "-n", 2, "--max-tokens", 8, "--seed", 1]
    drawn = drawn_on_a_terminal(*arguments)
    assert PROMPT in drawn
    assert "\033[2A" in drawn, "two rows are drawn again in place"
    final = drawn.rsplit("\033[J", 1)[1].replace("\033[2m", "").replace("\033[0m", "")
    rows = [row.partition(" |") for row in final.replace("\r", "").splitlines()]
    lines = [line.split("\t", 1) for line in suggest(*arguments).stdout.splitlines()]
    for index, text in lines:
        assert "\\n".join(row for number, _, row in rows if number == index) == text


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["ws://127.0.0.1:1/m", "x"], "cannot connect"),
        (["http://127.0.0.1/m", "x"], "expected ws://"),
        (["ws://127.0.0.1:1/m", "x", "-n", "33"], "--suggestions"),
        (["ws://127.0.0.1:1/m", "x", "--temperature", "hot"], "--temperature"),
    ],
)
def test_suggest_says_what_is_wrong(arguments, words):
    result = suggest(*arguments)
    assert result.returncode in (1, 2) and result.stdout == ""
    assert result.stderr.startswith("error: ") and words in result.stderr and result.stderr.count("\n") == 1


def test_suggest_shows_the_servers_errors(fleet, url):
    result = suggest(url.replace("gpt2-demo", "gpt2-demi"), PROMPT)
    assert result.returncode == 1 and "404" in result.stderr and "/gpt2-demo" in result.stderr
    result = suggest(url, PROMPT, "--top-k", 9000)
    assert result.returncode == 1 and "bad_request" in result.stderr and "top_k" in result.stderr


def test_generate_gives_the_same_text(greedy, decode):
    model = programs.MODELS / "gpt2-demo"
    arguments = ["--model", model, "--prompt", PROMPT, "--greedy", "--max-tokens", 12]
    result = programs.run_tool("inkfleet-generate", *arguments, "--ids")
    assert result.returncode == 0, result.stderr
    assert result.stdout == ",".join(map(str, greedy.tokens[0])) + "\n"
    assert greedy.text() in programs.run_tool("inkfleet-generate", *arguments).stdout

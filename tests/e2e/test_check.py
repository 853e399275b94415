"""inkfleet-model --check: can a model be served, and what does it need? The expected perplexity is transformers' own."""

import json
import math
import re
import shutil
import struct

import pytest

import programs
from programs import MODELS, ROOT

REFERENCE = json.loads((ROOT / "tests" / "data" / "gpt2" / "perplexity.json").read_text())
DTYPES = ["fp32", "bf16", "int8"]
NO_NUMBER = {"F16": b"\x00\x7e", "F32": b"\x00\x00\xc0\x7f"}


def check(*arguments):
    return programs.run_tool("inkfleet-model", "--check", *arguments, seconds=110)


def rows(text: str) -> dict:
    """The numbers after each number format."""
    found = {}
    for dtype, numbers in re.findall(r"^(fp32|bf16|int8) (.*)$", text, re.MULTILINE):
        found.setdefault(dtype, []).append([float(number) for number in re.findall(r"[-+]?[\d.]+", numbers)])
    return found


# Deliberate break: windows that are judged from the middle of the text.
def test_a_good_model_is_judged_in_each_number_format():
    ran = check(MODELS / REFERENCE["model"], "--text", ROOT / REFERENCE["text"])
    assert ran.returncode == 0, ran.stderr
    assert "can be served" in ran.stdout and f"{REFERENCE['tokens']} tokens in windows of {REFERENCE['window']}" in ran.stdout
    table = rows(ran.stdout)
    assert list(table) == DTYPES
    config = json.loads((MODELS / REFERENCE["model"] / "config.json").read_text())
    context = 2 * config["n_layer"] * config["n_positions"] * config["n_embd"] * 4 / 2**20
    assert table["fp32"][0][2] == pytest.approx(context, abs=0.1)
    assert table["int8"][0][2] < context / 3
    for memory, peak, _ in (table[dtype][0] for dtype in DTYPES):
        assert 20 < memory <= peak < 2000
    assert table["fp32"][1][0] == pytest.approx(REFERENCE["perplexity"], rel=1e-4)
    for dtype in ("bf16", "int8"):
        perplexity, percent = table[dtype][1]
        assert perplexity == pytest.approx(REFERENCE["perplexity"], rel=0.02)
        assert percent == pytest.approx((perplexity / table["fp32"][1][0] - 1) * 100, abs=0.01)


# Deliberate break: norms and biases counted as 16 bits; values left out beside the keys.
def test_the_memory_of_a_gpu_is_told_without_one(tmp_path):
    folder = MODELS / "gpt2-demo"
    ran = check(folder)
    assert ran.returncode == 0, ran.stderr
    with (folder / "model.safetensors").open("rb") as file:
        tensors = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    tensors.pop("__metadata__", None)
    weights = sum(math.prod(tensor["shape"]) * (4 if len(tensor["shape"]) == 1 else 2) for tensor in tensors.values())
    config = json.loads((folder / "config.json").read_text())
    token = 2 * config["n_layer"] * config["n_embd"] * 2
    found = re.search(r"^on a GPU, fp16 or bf16: ([\d.]+) MB .* ([\d.]+) KB a token, ([\d.]+) MB", ran.stdout, re.MULTILINE)
    weights_mb, token_kb, context_mb = (float(number) for number in found.groups())
    assert weights_mb == pytest.approx(weights / 2**20, abs=0.006)
    assert [token_kb, context_mb] == pytest.approx([token / 2**10, token * config["n_positions"] / 2**20], abs=0.05)


def copy_of_the_model(tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(MODELS / "gpt2-demo", folder)
    return folder


def damaged(tmp_path):
    folder = copy_of_the_model(tmp_path)
    weights = folder / "model.safetensors"
    not_numbers = NO_NUMBER["F16" if b'"F16"' in weights.read_bytes()[:20_000] else "F32"] * 1000
    with weights.open("r+b") as file:
        file.seek(-len(not_numbers), 2)
        file.write(not_numbers)
    return folder


def damaged_at_its_last_position(tmp_path):
    folder = copy_of_the_model(tmp_path)
    weights = folder / "model.safetensors"
    with weights.open("r+b") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        tensors = json.loads(file.read(length))
        positions = next(tensor for name, tensor in tensors.items() if name.endswith("wpe.weight"))
        no_number = NO_NUMBER[positions["dtype"]]
        file.seek(8 + length + positions["data_offsets"][1] - len(no_number))
        file.write(no_number)
    return folder


def cut_off(tmp_path):
    folder = copy_of_the_model(tmp_path)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    return folder


@pytest.mark.parametrize(
    "folder, says",
    [
        (lambda path: path / "none", "none"),
        (cut_off, "model.safetensors"),
        (damaged, "no number"),
        (damaged_at_its_last_position, "no number"),
    ],
    ids=["absent", "cut off", "damaged", "damaged at its last position"],
)
def test_a_model_that_cannot_be_served_is_refused_in_one_line(tmp_path, folder, says):
    ran = check(folder(tmp_path))
    assert ran.returncode == 1 and ran.stdout == ""
    (line,) = ran.stderr.splitlines()
    assert line.startswith("error: cannot be served in fp32: ") and says in line


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["--text", "x"], "--check"),
        ([], "--model is required"),
        (["--model", "a"], "--name is required"),
    ],
)
def test_wrong_usage_exits_two(arguments, says):
    ran = programs.run_tool("inkfleet-model", *arguments)
    assert ran.returncode == 2 and says in ran.stderr


@pytest.mark.parametrize("program", ["inkfleet-model", "inkfleet-gateway", "inkfleet-suggest", "inkfleet-bench", "inkfleet-generate"])
def test_help_has_an_example_and_the_exit_status(program):
    ran = programs.run_tool(program, "--help")
    assert ran.returncode == 0 and "Example" in ran.stdout and "Exit status: 0" in ran.stdout
    assert "\x1b" not in ran.stdout


def test_a_text_too_short_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("INKFLEET_MODEL", str(tmp_path / "of a service"))  # not looked at
    (tmp_path / "text").write_text("a")
    ran = check(MODELS / "gpt2-demo", "--text", tmp_path / "text")
    assert ran.returncode == 1 and "two tokens or more" in ran.stderr

"""A service that computes in bf16, on a CPU that can, and what another one is told."""

import platform
from pathlib import Path

import pytest

import programs
from editor import Editor

FLAGS = set(Path("/proc/cpuinfo").read_text().split())
X86 = platform.machine() == "x86_64"
ABLE = {"avx512bw", "avx512vl", "avx512dq"} <= FLAGS or "avx_ne_convert" in FLAGS


@pytest.mark.skipif(X86 and not ABLE, reason="oneDNN does not multiply in bf16 on this CPU")
def test_a_service_in_bf16_answers_and_says_so(tmp_path, decode):
    program = programs.start_model("gpt2-demo", tmp_path, extra=["--dtype", "bf16"])
    try:
        program.wait_listening().wait_ready()
        with Editor(f"ws://{program.address}/gpt2-demo") as editor:
            request = editor.complete("The old castle", n=3, max_tokens=16, seed=5)
    finally:
        program.close()
    assert request.started["exact"] is False
    assert request.end["receipt"]["engine"]["dtype"] == "bf16"
    assert all(request.text(index) == decode(request.tokens[index]) for index in range(3))
    assert "computing in bf16 on the CPU" in program.errors()


@pytest.mark.skipif(not X86, reason="instruction sets of x86")
@pytest.mark.parametrize("program", ["inkfleet-model", "inkfleet-generate"])
def test_a_cpu_that_cannot_is_told_what_it_lacks(program, monkeypatch):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    model = programs.MODELS / "gpt2-demo"
    own = {"inkfleet-model": ["--name", "m", "--listen", "127.0.0.1:0"], "inkfleet-generate": ["--prompt", "x"]}[program]
    result = programs.run_tool(program, "--model", model, "--dtype", "bf16", *own)
    assert result.returncode == 1, result.stderr
    lines = [line for line in result.stderr.splitlines() if "error: " in line]
    assert len(lines) == 1 and "dtype bf16: expected a CPU with AVX-512" in lines[0], result.stderr

"""The number format that a service on a CPU chooses by itself, and what each one promises."""

from pathlib import Path

import pytest

import programs
from editor import Editor

FLAGS = set(Path("/proc/cpuinfo").read_text().split())
FASTEST = "int8" if {"avx512f", "avx512_vnni"} <= FLAGS or {"avx2", "avx_vnni"} <= FLAGS else "fp32"


# Deliberate break: a best_compute_type() of fp32; a scheduler told that nothing, or everything, is exact.
@pytest.mark.parametrize("dtype", [None, "int8", "fp32"])
def test_a_cpu_computes_in_what_is_fastest_and_int8_is_exact(dtype, tmp_path):
    flags = ["--device", "cpu", *(["--dtype", dtype] if dtype else [])]
    program = programs.start_model("gpt2-demo", tmp_path, extra=flags)
    try:
        program.wait_listening().wait_ready()
        with Editor(f"ws://{program.address}/gpt2-demo") as editor:
            request = editor.complete("The old castle", n=2, max_tokens=8, seed=5)
    finally:
        program.close()
    computed = dtype or FASTEST
    assert request.end["receipt"]["engine"]["dtype"] == computed
    assert request.started["exact"] is (computed == "int8")
    assert f"computing in {computed}{'' if dtype else ' (the fastest here)'} on the CPU" in program.errors()

"""A service with --device cuda, beside a library that stands in for a GPU's (tests/unit/gpu_host/fake_gpu.cpp): what it tells, what it makes
of the device's errors, and which flags it refuses."""

import os
import shutil

import pytest

import programs
from editor import Editor

MODEL = "gpt2-demo"
FATAL_STATUS = 70


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The programs beside the libraries that they look for there."""
    folder = tmp_path_factory.mktemp("bin")
    for program in ("inkfleet-model", "inkfleet-generate"):
        shutil.copy(programs.BIN / program, folder)
    for library in ("libinkfleet_gpu.so", "libinkfleet_cuda_probe.so"):
        (folder / library).symlink_to(programs.BIN / "libinkfleet_fake_gpu.so")
    return folder


@pytest.fixture
def start(folder, tmp_path):
    """Starts a service whose device has that error: "step 3 700" is the third step's."""
    started = []

    def start_service(*flags, error: str = ""):
        command = [folder / "inkfleet-model", "--model", programs.MODELS / MODEL, "--name", MODEL, "--listen", "127.0.0.1:0", *flags]
        started.append(programs.Program(command, tmp_path / "service.log", env={**os.environ, "INKFLEET_FAKE_GPU": error}))
        return started[-1].wait_listening().wait_ready()

    yield start_service
    for program in started:
        program.close()


# Break: let --device cuda take the CPU where find_gpu() finds no device, as auto does.
@pytest.mark.skipif(not (programs.BIN / "libinkfleet_gpu.so").exists(), reason="make gpu has not compiled the library")
def test_without_a_gpu_the_real_library_says_so_in_one_line():
    arguments = ["--model", programs.MODELS / MODEL, "--name", MODEL, "--listen", "127.0.0.1:0", "--device", "cuda"]
    ran = programs.run_tool("inkfleet-model", *arguments, seconds=30, env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"})
    assert ran.returncode == 1
    (line,) = ran.stderr.splitlines()
    assert line.startswith("error: ") and "cannot be loaded onto the GPU: looking at the device: cudaError" in line


def editor_of(service) -> Editor:
    return Editor(f"ws://{service.address}/{MODEL}")


# Break: let choose_device() take the CPU for `auto`; or leave the device out of the receipt.
@pytest.mark.parametrize("flags", [("--device", "cuda"), (), ("--dtype", "bf16")], ids=["cuda", "auto", "auto-bf16"])
def test_a_service_on_a_gpu_answers_and_says_so(start, decode, flags):
    service = start(*flags)
    with editor_of(service) as editor:
        request = editor.complete("The old castle", n=3, max_tokens=16, seed=5, logprobs=1)
        again = editor.complete("The old castle", n=3, max_tokens=16, seed=5)
    assert request.started["exact"] is False
    engine = request.end["receipt"]["engine"]
    assert (engine["device"], engine["instruction_set"]) == ("Fake GPU", "sm_90")
    assert engine["dtype"] == ("bf16" if "bf16" in flags else "fp16")
    assert all(request.text(index) == decode(request.tokens[index]) for index in range(3))
    assert again.tokens == request.tokens, "drawn on the device, as by the host beside log-probabilities"
    assert service.terminate() == 0


@pytest.mark.parametrize("flags", [("--device", "cpu"), ("--dtype", "fp32")], ids=["cpu", "auto-fp32"])
def test_the_cpu_is_taken_where_it_is_meant(start, flags):
    with editor_of(start(*flags)) as editor:
        assert editor.complete("The old castle", max_tokens=4).end["receipt"]["engine"]["device"] == "cpu"


# Break: throw health::device_error(code) in GpuModel::check() for a code that is fatal nowhere else.
@pytest.mark.parametrize("code", [700, 1])
def test_a_fatal_error_ends_the_process(start, code):
    service = start("--device", "cuda", error=f"step 3 {code}")
    with editor_of(service) as editor:
        request = editor.finish(editor.ask("The old castle", max_tokens=16))
        assert request.end["code"] == "internal"
        assert service.process.wait(programs.STOP_S) == FATAL_STATUS
    assert {700: "cudaErrorIllegalAddress", 1: "cudaErrorInvalidValue"}[code] in service.errors()


def test_out_of_memory_costs_one_request(start):
    with editor_of(start("--device", "cuda", error="step 1 2")) as editor:
        refused = editor.finish(editor.ask("The old castle", max_tokens=4)).end
        assert (refused["type"], refused["code"]) == ("error", "overloaded")
        editor.complete("The old castle", max_tokens=4)


def complaint(program, *flags, error: str = "") -> str:
    result = programs.run_tool(program, "--model", programs.MODELS / MODEL, *flags, env={**os.environ, "INKFLEET_FAKE_GPU": error})
    assert result.returncode == 1, result.stderr
    lines = [line for line in result.stderr.splitlines() if "error: " in line]
    assert len(lines) == 1, result.stderr
    return lines[0].partition("error: ")[2]


REFUSED = {
    "int8 on a GPU": (("--device", "cuda", "--dtype", "int8"), "", "--dtype: expected fp16, bf16 or auto with --device cuda, found int8"),
    "fp32 on a GPU": (("--device", "cuda", "--dtype", "fp32"), "", "--dtype: expected fp16, bf16 or auto with --device cuda, found fp32"),
    "fp16 on a CPU": (("--device", "cpu", "--dtype", "fp16"), "", "--dtype: expected fp32, bf16, int8 or auto with --device cpu, found fp16"),
    "no device": (("--device", "cuda"), "describe 1 100", "looking at the device: cudaErrorNoDevice, no CUDA-capable device is detected"),
    "fp16, no device": (("--dtype", "fp16"), "describe 1 100", "without a GPU (cudaErrorNoDevice"),
    "a full device": (("--device", "cuda"), "upload 7 2", "uploading weights: cudaErrorMemoryAllocation, out of memory"),
}


@pytest.mark.parametrize("flags, error, words", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_told_in_one_line(folder, flags, error, words):
    assert words in complaint(folder / "inkfleet-generate", "--prompt", "x", *flags, error=error)


def test_without_the_library_a_gpu_is_refused(tmp_path):
    program = shutil.copy(programs.BIN / "inkfleet-generate", tmp_path)
    assert "cannot load the library of the GPU engine" in complaint(program, "--prompt", "x", "--device", "cuda")

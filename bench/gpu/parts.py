"""The parts of bench/gpu/run, in their order: what a later one needs first, then what matters most. Each takes the run and
returns what it found."""

import glob
import json
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench" / "gpu"
BUILD = ROOT / "build" / "gpu"
MODEL = {"cuda": ROOT / "build/models/gpt2-medium-random", "emulated": ROOT / "build/models/gpt2-tiny-random"}
SHAPE = {"cuda": "medium", "emulated": "tiny"}
VOCABULARY = {"cuda": ROOT / "tests/data/gpt2-vocab", "emulated": ROOT / "models/gpt2-demo"}
LIBRARY = {"cuda": "libinkfleet_gpu.so", "emulated": "libinkfleet_gpu_emulated.so"}
PROBE = BUILD / "bin" / "libinkfleet_cuda_probe.so"


def of(device):
    """Name and function of each; the emulated device has no driver for the CUDA probe, and is no match for torch."""
    here = [("machine", machine), ("build", build), ("model", model), ("tests", tests)]
    measured = [(name, figure(name, limit)) for name, limit in (("decode", 60), ("editor", 40), ("requests", 75))]
    faults = [("fault", figure("fault", 30))]
    rest = [("article", figure("article", 60)), ("upload", figure("upload", 40))]
    if device == "emulated":
        return here + measured + faults + rest
    beside = [("transformers", peer("transformers", 60))]
    return here + measured + [("bandwidth", bandwidth)] + faults + [("spin", figure("spin", 40))] + beside + rest + [
        ("sanitizer", sanitizer), ("vllm", peer("vllm", 90))]


def machine(run):
    found = {"cpus": os.cpu_count(), "kernel": os.uname().release, "python": sys.version.split()[0]}
    cpu = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    found["cpu"] = cpu[0] if cpu else os.uname().machine
    if run.device == "cuda":
        query = "name,driver_version,memory.total,compute_cap,clocks.max.sm,power.limit"
        answer = run.command(["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"], 20)
        found["gpu"] = dict(zip(query.split(","), (field.strip() for field in answer.splitlines()[0].split(","))))
    return found


def build(run):
    carried = ROOT / "build" / "gpu-carry" / "usr"
    settings = ["-DCMAKE_BUILD_TYPE=Release", "-DINKFLEET_ENGINE_ONLY=ON", "-DINKFLEET_WITH_TORCH=OFF"]
    if carried.exists():
        settings += [f"-DCMAKE_PREFIX_PATH={carried}", f"-DCMAKE_LIBRARY_ARCHITECTURE={os.uname().machine}-linux-gnu"]
    targets = ["gpu_figures"]
    if run.device == "cuda":
        gpu = run.figures["parts"]["machine"].get("gpu", {"compute_cap": "9.0"})
        settings += ["-DINKFLEET_CUDA=ON", f"-DINKFLEET_CUDA_ARCHITECTURES={gpu['compute_cap'].replace('.', '')}"]
        targets += ["gpu-library", "cuda-probe", "test_gpu", "test_cuda_probe"]
    else:
        targets += ["inkfleet_gpu_emulated", "test_engine", "test_gpu_host", "test_gpu_emulated"]
    run.command(["cmake", "-G", "Ninja", "-S", ROOT, "-B", BUILD, *settings], 60)
    # All that can be built: a test that cannot must not cost the figures.
    run.command(["cmake", "--build", BUILD, "--parallel", os.cpu_count(), "--target", *targets, "--", "-k", "0"], 240)
    return {"settings": settings, "targets": targets}


def model(run):
    """Random weights of the usual shape, with GPT-2's own vocabulary."""
    folder = MODEL[run.device]
    if not (folder / "config.json").exists():
        run.command([sys.executable, ROOT / "bench/make_random_model.py", "--shape", SHAPE[run.device], "--tokenizer",
                     VOCABULARY[run.device], folder], 90)
    return {"folder": folder.name, "bytes": (folder / "model.safetensors").stat().st_size}


def tests(run):
    """A GPU's tests that fail are run once more without kernels that start early, and so is then all that follows."""
    if run.device == "emulated":
        programs = ["test_engine", "test_gpu_host", "test_gpu_emulated"]
        for program in programs:
            test(run, program, 240)
        return {"passed": programs}
    found = {}
    try:
        test(run, "test_gpu", 90)
    except RuntimeError as failure:
        found["with overlap"] = str(failure)
        os.environ["INKFLEET_GPU_OVERLAP"] = "0"
        test(run, "test_gpu", 60)
    test(run, "test_cuda_probe", 30)
    return {"passed": ["test_gpu", "test_cuda_probe"], **found}


def test(run, program, limit):
    run.command([BUILD / "bin" / program, "--gtest_brief=1"], limit, **cublas())


def sanitizer(run):
    """Accesses outside of memory, and threads of a block that meet in shared memory without a barrier. The test that loses the
    device on purpose is no part of it, and cuBLAS would take minutes."""
    tool = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
    if not pathlib.Path(tool).exists():
        return {"skipped": "no compute-sanitizer"}
    for check in ("memcheck", "racecheck"):
        run.command([tool, "--tool", check, "--error-exitcode", "9", BUILD / "bin/test_gpu", "--gtest_brief=1",
                     "--gtest_filter=KernelOf*:Sampling.*"], 60)
    return {"clean": True}


def cublas():
    """Where torch's wheel keeps the library that the GPU library loads."""
    folders = [pathlib.Path(folder) for folder in sys.path if folder.endswith("-packages")]
    found = [file for folder in folders for file in glob.glob(f"{folder}/nvidia/**/libcublas.so.1[23]", recursive=True)]
    return {"INKFLEET_CUBLAS": found[0]} if found else {}


def figure(name, limit):
    """A part of the program gpu_figures."""

    def measure(run):
        scale = 1 if run.device == "cuda" else 50
        printed = run.command(
            [BUILD / "bin/gpu_figures", name, "--model", MODEL[run.device], "--library", BUILD / "bin" / LIBRARY[run.device],
             "--probe", PROBE, "--seconds", max(5, min(limit, run.left()) - 10), "--scale", scale], limit, **cublas())
        return json.loads(printed)

    return measure


def bandwidth(run):
    return json.loads(run.command([sys.executable, BENCH / "bandwidth.py"], 60))


def peer(name, limit):
    """The same work by other programs on the same card."""

    def measure(run):
        return json.loads(run.command([sys.executable, BENCH / f"{name}_figures.py", MODEL[run.device]], limit).splitlines()[-1])

    return measure

"""Makes the model, and from it what each peer reads, once; all of it lies in build/models."""

import pathlib
import shutil
import subprocess
import sys

from paths import HERE, MODELS, ROOT


class Unavailable(Exception):
    """Something a system needs cannot be made here; its text says why."""


def run(command):
    """Runs a command whose output is for people; raises Unavailable with its last lines when it fails."""
    print("+", *command, file=sys.stderr, flush=True)
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise Unavailable(f"{command[0]} ended with {done.returncode}: {done.stdout.strip()[-600:]}")
    return done.stdout


def environment(name):
    """The python of a system's environment; made when it is not there."""
    return pathlib.Path(run([HERE / "prepare", name]).splitlines()[-1])


def llama_programs():
    return pathlib.Path(run([HERE / "build_llama"]).splitlines()[-1])


def random_model(shape):
    folder = MODELS / f"gpt2-{shape}-random"
    if not (folder / "model.safetensors").exists():
        run([environment("inkfleet"), ROOT / "bench/make_random_model.py", "--shape", shape,
             "--tokenizer", ROOT / "tests/data/gpt2-vocab", folder])
    return folder


def ctranslate2_int8(model, target):
    run([environment("convert").parent / "ct2-transformers-converter", "--model", model, "--quantization", "int8",
         "--output_dir", target])


def openvino_int8(model, target):
    run([environment("convert").parent / "optimum-cli", "export", "openvino", "--model", model,
         "--task", "text-generation-with-past", "--weight-format", "int8", target])


def gguf_f16(model, target):
    llama = llama_programs().parent.parent / "vendor/llama.cpp"
    run([environment("convert"), llama / "convert_hf_to_gguf.py", model, "--outtype", "f16", "--outfile", target])


def gguf_q8_0(model, target):
    run([llama_programs() / "llama-quantize", make("gguf-f16", model), target, "q8_0"])


MAKERS = {
    "ctranslate2-int8": ctranslate2_int8,
    "openvino-int8": openvino_int8,
    "gguf-f16": gguf_f16,
    "gguf-q8_0": gguf_q8_0,
}


def make(name, model):
    """The path of `model` in this format. What is half made keeps another name."""
    suffix = ".gguf" if name.startswith("gguf") else ""
    target = model.with_name(f"{model.name}-{name}{suffix}")
    if target.exists():
        return target
    unfinished = target.with_name(f"unfinished-{target.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.unlink(missing_ok=True)
    MAKERS[name](model, unfinished)
    unfinished.rename(target)
    return target

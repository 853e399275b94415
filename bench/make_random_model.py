#!/usr/bin/env python3
"""Writes a random GPT-2 of a usual shape in the Hugging Face layout, to measure speed with. Needs numpy.

    python bench/make_random_model.py --shape medium --tokenizer tests/data/gpt2-vocab build/models/gpt2-medium-random

Weights start as GPT-2's do (normal, spread 0.02). The token embeddings are wider and the residual projections not made
smaller, so that the distribution over the next token is neither flat nor a point on the token before.
"""

import argparse
import json
import pathlib
import shutil
import struct

import numpy as np
from progress import track

SHAPES = {  # layers, width, heads, context
    "tiny": (2, 64, 4, 256),
    "small": (12, 768, 12, 1024),
    "medium": (24, 1024, 16, 1024),
    "large": (36, 1280, 20, 1024),
    "xl": (48, 1600, 25, 1024),
}
DTYPES = {"F16": np.float16, "F32": np.float32}
TOKENIZER_FILES = ("vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def tensors(layers, width, context, vocab):
    """Name -> (shape, mean, spread), in the order of the file."""
    yield "wte.weight", (vocab, width), 0, 0.1
    yield "wpe.weight", (context, width), 0, 0.02
    for layer in range(layers):
        for norm in ("ln_1", "ln_2"):
            yield f"h.{layer}.{norm}.weight", (width,), 1, 0.02
            yield f"h.{layer}.{norm}.bias", (width,), 0, 0.02
        for name, rows, columns in (
            ("attn.c_attn", width, 3 * width),
            ("attn.c_proj", width, width),
            ("mlp.c_fc", width, 4 * width),
            ("mlp.c_proj", 4 * width, width),
        ):
            yield f"h.{layer}.{name}.weight", (rows, columns), 0, 0.02
            yield f"h.{layer}.{name}.bias", (columns,), 0, 0.02
    yield "ln_f.weight", (width,), 1, 0.02
    yield "ln_f.bias", (width,), 0, 0.02


def write_safetensors(path, described, dtype, seed):
    """One tensor at a time, so that an XL needs little memory."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape, _, _ in described:
        size = int(np.prod(shape)) * DTYPES[dtype]().itemsize
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    random = np.random.Generator(np.random.Philox(seed))
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, shape, mean, spread in track("tensors", described):
            values = random.standard_normal(shape, dtype=np.float32) * np.float32(spread) + np.float32(mean)
            file.write(values.astype(DTYPES[dtype]).tobytes())


def write_config(path, layers, width, heads, context, vocab, dtype):
    config = {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": vocab,
        "n_positions": context,
        "n_ctx": context,
        "n_embd": width,
        "n_layer": layers,
        "n_head": heads,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "bos_token_id": vocab - 1,
        "eos_token_id": vocab - 1,
        "torch_dtype": {"F16": "float16", "F32": "float32"}[dtype],
    }
    path.write_text(json.dumps(config, indent=2) + "\n")


def copy_tokenizer(source, folder):
    """Copies what there is of a tokenizer, and returns the size of its vocabulary."""
    for name in TOKENIZER_FILES:
        if (source / name).exists():
            shutil.copy(source / name, folder / name)
    return len(json.loads((source / "vocab.json").read_text()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--shape", choices=SHAPES, default="medium")
    parser.add_argument("--dtype", choices=DTYPES, default="F16")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tokenizer", type=pathlib.Path, help="folder whose tokenizer files are copied")
    options = parser.parse_args()

    layers, width, heads, context = SHAPES[options.shape]
    options.folder.mkdir(parents=True, exist_ok=True)
    vocab = copy_tokenizer(options.tokenizer, options.folder) if options.tokenizer else 50257
    described = list(tensors(layers, width, context, vocab))
    write_safetensors(options.folder / "model.safetensors", described, options.dtype, options.seed)
    write_config(options.folder / "config.json", layers, width, heads, context, vocab, options.dtype)
    parameters = sum(int(np.prod(shape)) for _, shape, _, _ in described)
    print(f"{options.folder}: {options.shape}, {parameters / 1e6:.1f} M parameters, {options.dtype}, vocabulary {vocab}")


if __name__ == "__main__":
    main()

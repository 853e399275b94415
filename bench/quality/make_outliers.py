#!/usr/bin/env python3
"""Writes a GPT-2 with outlier channels: the same function in fp32, harder in int8. Needs numpy.

    python bench/quality/make_outliers.py --factor 30 models/gpt2-demo build/models/gpt2-demo-x30

Two channels of each layer's LayerNorms are multiplied, weight and bias, and the rows of the next matrix that take
them are divided by the same.
"""

import argparse
import json
import pathlib
import shutil
import struct

import numpy as np

CHANNELS = 2
NEXT = {"ln_1": "attn.c_attn", "ln_2": "mlp.c_fc"}


def read_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    types = {"F16": np.float16, "F32": np.float32}
    return {
        name: np.frombuffer(data[8 + length :][slice(*entry["data_offsets"])], types[entry["dtype"]])
        .reshape(entry["shape"])
        .astype(np.float32)
        for name, entry in header.items()
    }


def write_safetensors(path, tensors):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(t.tobytes() for t in tensors.values()))


def add_outliers(tensors, factor, seed):
    random = np.random.default_rng(seed)
    for name in list(tensors):
        prefix, _, norm = name.removesuffix(".weight").rpartition(".")
        if norm not in NEXT or not name.endswith(".weight"):
            continue
        channels = random.choice(len(tensors[name]), CHANNELS, replace=False)
        tensors[name][channels] *= factor
        tensors[f"{prefix}.{norm}.bias"][channels] *= factor
        tensors[f"{prefix}.{NEXT[norm]}.weight"][channels] /= factor


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--factor", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    shutil.copytree(options.model, options.folder, dirs_exist_ok=True)
    tensors = read_safetensors(options.model / "model.safetensors")
    add_outliers(tensors, options.factor, options.seed)
    write_safetensors(options.folder / "model.safetensors", tensors)


if __name__ == "__main__":
    main()

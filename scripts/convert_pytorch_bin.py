"""See convert-pytorch-bin, which makes the Python environment that this needs."""

import json
import os
import pathlib
import pickle
import sys

import torch
from safetensors.torch import save_file


def weight_files(folder):
    index = folder / "pytorch_model.bin.index.json"
    if not index.exists():
        return [folder / "pytorch_model.bin"]
    return [folder / name for name in sorted(set(json.loads(index.read_text())["weight_map"].values()))]


def load(path):
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:  # its message advises to trust the file
        sys.exit(f"error: {path}: expected plain tensors, found something else, which may be code: not converted")
    except (OSError, RuntimeError, EOFError) as error:
        sys.exit(f"error: {path}: {error}")


def main():
    folder = pathlib.Path(sys.argv[1])
    tensors = {}
    for path in weight_files(folder):
        for name, value in load(path).items():
            # Tied tensors share memory, which the format does not have.
            tensors[name] = value.clone().contiguous()
    unfinished = folder / "model.safetensors.unfinished"
    save_file(tensors, unfinished, metadata={"format": "pt"})
    os.replace(unfinished, folder / "model.safetensors")
    print(f"{folder / 'model.safetensors'}: {len(tensors)} tensors")


if __name__ == "__main__":
    main()

"""Speed of our tokenizer beside the `tokenizers` package, on one thread, in turns within one run.

    ninja -C build/release bench_tokenizer
    python bench/tokenizer/compare.py build/release/bin/bench_tokenizer MODEL_FOLDER TEXT_FILE

The package is timed twice: its encode() makes token strings, offsets and masks as well; encode_batch_fast() of one
text leaves the offsets out. Both of its times are for the call from Python, whose own share is small at this size.
Our first round starts with an empty cache of words, as the package's does.
"""

import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import tokenizers  # noqa: E402: reads the variables above

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from progress import track  # noqa: E402

TURNS = 7
ROUNDS = 20


def load(folder):
    if (folder / "tokenizer.json").exists():
        return tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens(["<|endoftext|>"])
    return tokenizer


def rates(call, size):
    def megabytes_a_second():
        start = time.perf_counter()
        call()
        return size / 1e6 / (time.perf_counter() - start)

    return [megabytes_a_second() for _ in range(ROUNDS)]


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def main(program, folder, file):
    folder = pathlib.Path(folder)
    text = pathlib.Path(file).read_text(encoding="utf-8")
    size = len(text.encode())
    ours, first, full, fast = [], [], [], []
    for _ in track("turns", range(TURNS)):
        result = json.loads(subprocess.check_output([program, str(folder), file, str(ROUNDS)]))
        first.append(result["rates"][0])
        ours += result["rates"][1:]
        package = load(folder)
        full += rates(lambda: package.encode(text), size)[1:]
        fast += rates(lambda: package.encode_batch_fast([text]), size)[1:]
        if len(package.encode(text).ids) != result["tokens"]:
            sys.exit("the two disagree about the number of tokens")
    print(f"{processor()}, tokenizers {tokenizers.__version__}, {size} bytes, {result['tokens']} tokens, one thread")
    for name, values in [("ours", ours), ("ours, first round", first), ("tokenizers encode", full),
                         ("tokenizers encode_batch_fast", fast)]:
        print(f"{name:30} median {statistics.median(values):7.2f} MB/s   best {max(values):7.2f}")
    print(f"ours / tokenizers (medians): {statistics.median(ours) / statistics.median(full):.1f} "
          f"and {statistics.median(ours) / statistics.median(fast):.1f}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])

#!/usr/bin/env python3
"""Times one editor's request on the same weights and the same threads: Inkfleet's service through its socket, and
transformers' generate(). The two take turns, one measuring while the other rests; the medians are compared.

Writes one JSON object with every time, the machine and the versions, and a table for people.
"""

import argparse
import asyncio
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--shape", default="medium", help="small, medium, large or xl")
    parser.add_argument("--dtype", default="fp32", help="of the service")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--prompt-tokens", type=int, default=100)
    parser.add_argument("--max-tokens", type=int, default=40)
    parser.add_argument("-n", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=pathlib.Path, help="file for the JSON; stdout without it")
    return parser.parse_args()


def make_model(shape):
    folder = ROOT / f"build/models/gpt2-{shape}-random"
    if not (folder / "model.safetensors").exists():
        subprocess.run([sys.executable, ROOT / "bench/make_random_model.py", "--shape", shape,
                        "--tokenizer", ROOT / "tests/data/gpt2-vocab", folder], check=True, stdout=sys.stderr)
    return folder


class Inkfleet:
    name = "inkfleet"

    def __init__(self, folder, options):
        self.options = options
        self.process = subprocess.Popen(
            [options.bin / "inkfleet-model", "--model", folder, "--name", "bench", "--listen", "127.0.0.1:0",
             "--threads", str(options.threads), "--dtype", options.dtype, "--log-level", "warn"],
            stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().split()[1]
        if self.process.stdout.readline().strip() != "ready":
            sys.exit("inkfleet-model did not become ready")
        # Each word is one token of GPT-2's vocabulary. Every prompt begins with another one, so that the prefix cache
        # knows none of them.
        words = ["The", "A", "In", "On", "At", "It", "He", "She", "We", "They", "You", "I", "And", "But", "So", "For",
                 "If", "As", "By", "To", "Of", "With", "From", "Or"]
        self.prompts = (word + " the" * (options.prompt_tokens - 1) for word in words)

    def generate(self, n, seed):
        return asyncio.run(self.request(n, seed))

    async def request(self, n, seed):
        import websockets
        async with websockets.connect(f"ws://{self.address}/bench", max_size=None) as socket:
            first = None
            began = time.perf_counter()
            await socket.send(json.dumps({
                "type": "suggest", "id": "b", "prompt": next(self.prompts), "n": n, "max_tokens": self.options.max_tokens,
                "temperature": 0.7, "top_k": 10, "seed": seed}))
            while True:
                frame = json.loads(await socket.recv())
                if frame["type"] == "delta" and first is None:
                    first = time.perf_counter() - began
                if frame["type"] == "started":
                    assert frame["prompt_tokens"] == self.options.prompt_tokens, frame
                    assert frame["cached_tokens"] == 0, frame
                if frame["type"] == "error":
                    sys.exit(f"the service answered {frame}")
                if frame["type"] == "completed":
                    total = time.perf_counter() - began
                    assert frame["usage"]["completion_tokens"] == n * self.options.max_tokens, frame
                    return {"first_token": first, "total": total}

    def close(self):
        self.process.terminate()
        self.process.wait(60)


class Transformers:
    name = "transformers"

    def __init__(self, folder, options):
        import torch
        import transformers
        torch.set_num_threads(options.threads)
        self.torch = torch
        self.options = options
        self.model = transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="sdpa").eval()
        self.prompt = torch.full((1, options.prompt_tokens), 262)  # " the"

    def generate(self, n, seed):
        self.torch.manual_seed(seed)
        with self.torch.inference_mode():
            began = time.perf_counter()
            output = self.model.generate(
                self.prompt, attention_mask=self.torch.ones_like(self.prompt), do_sample=True, temperature=0.7,
                top_k=10, num_return_sequences=n, max_new_tokens=self.options.max_tokens,
                min_new_tokens=self.options.max_tokens, pad_token_id=50256)
            total = time.perf_counter() - began
        assert output.shape == (n, self.options.prompt_tokens + self.options.max_tokens)
        return {"total": total}

    def close(self):
        pass


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
                 platform.processor())
    flags = next((line for line in open("/proc/cpuinfo") if line.startswith("flags")), "")
    wanted = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8") if f" {flag}" in flags]
    return {"cpu": model, "cores": os.cpu_count(), "instructions": wanted}


def versions():
    import torch
    import transformers
    return {"torch": torch.__version__, "transformers": transformers.__version__}


def measure(systems, options):
    results = []
    for n in options.n:
        times = {system.name: [] for system in systems}
        for system in systems:
            system.generate(n, 0)  # warm
        for seed in range(1, options.rounds + 1):
            for system in systems:
                times[system.name].append(system.generate(n, seed))
        results.append({"n": n, "times": times})
        print(row(results[-1]), file=sys.stderr, flush=True)
    return results


def medians(result):
    return {name: statistics.median(run["total"] for run in runs) for name, runs in result["times"].items()}


def row(result):
    totals = medians(result)
    first = statistics.median(run["first_token"] for run in result["times"]["inkfleet"])
    return (f"| n={result['n']} | {totals['inkfleet']:.2f} s (first token {first:.2f} s) | {totals['transformers']:.2f} s "
            f"| {totals['transformers'] / totals['inkfleet']:.2f} |")


def main():
    options = arguments()
    folder = make_model(options.shape)
    systems = [Inkfleet(folder, options), Transformers(folder, options)]
    try:
        results = measure(systems, options)
    finally:
        for system in systems:
            system.close()
    report = {
        "what": f"gpt2-{options.shape} shape, random weights, prompt {options.prompt_tokens}, {options.max_tokens} new "
                f"tokens, top_k 10, {options.threads} threads, {options.dtype}",
        "machine": machine(), "versions": versions(), "results": results}
    text = json.dumps(report, indent=1)
    options.out.write_text(text + "\n") if options.out else print(text)
    print(f"\n{report['what']}\n\n| | inkfleet | transformers fp32 | ratio |\n|---|---|---|---|", file=sys.stderr)
    for result in results:
        print(row(result), file=sys.stderr)


if __name__ == "__main__":
    main()

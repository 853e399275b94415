"""llama.cpp: its own llama-batched-bench, which decodes as many sequences behind a shared prompt (-pps), or behind prompts of
their own. It feeds tokens drawn at random and does not sample, so its times are a lower bound of a real request's.

The program loads the model for each line of work and is gone afterwards; the time is the one it reports, without loading.
A continuation's first token comes from the prompt's own step, so that 40 tokens are 39 decode steps.
"""

import json
import pathlib
import subprocess

from driver import serve


class System:
    def __init__(self, config):
        self.program = pathlib.Path(config["programs"]) / "llama-batched-bench"
        self.config = config
        self.about = {"llama.cpp": config["version"], "model": pathlib.Path(config["model"]).name,
                      "arguments": config["arguments"]}

    def prepare(self, work):
        lengths = {len(prompt) for prompt in work["prompts"]}
        assert len(lengths) == 1, lengths
        prompts = len(work["prompts"])
        sequences = max(prompts, work["n"])
        length = lengths.pop()
        shared = ["-pps", "-kvu"] if prompts == 1 else []  # one unified cache is the faster for a shared prompt
        room = (length if shared else prompts * length) + sequences * work["max_tokens"]
        threads = str(self.config["threads"])
        return [self.program, "-m", self.config["model"], "-t", threads, "-tb", threads, "-c", str(room + 256), *shared,
                "-npp", str(length), "-ntg", str(work["max_tokens"] - 1), "-npl", str(sequences),
                "--output-format", "jsonl", *self.config["arguments"]]

    def generate(self, command, work):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode != 0 or len(rows) != 1:
            raise RuntimeError(f"{command} ended with {done.returncode}:\n{done.stdout[-2000:]}")
        return rows[0]

    def read(self, row):
        return {"seconds": row["t"], "prefill_seconds": row["t_pp"], "tokens": [row["tg"] + 1] * row["pl"]}


if __name__ == "__main__":
    serve(System)

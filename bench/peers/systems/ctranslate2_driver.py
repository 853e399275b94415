"""CTranslate2: a converted model, n continuations as a batch of n behind one prompt that is computed once."""

import json
import pathlib

import ctranslate2
from driver import serve


class System:
    def __init__(self, config):
        self.generator = ctranslate2.Generator(
            config["model"], compute_type=config["compute_type"], inter_threads=1, intra_threads=config["threads"])
        self.names = json.loads((pathlib.Path(config["model"]) / "vocabulary.json").read_text())
        self.about = {"ctranslate2": ctranslate2.__version__, "compute_type": self.generator.compute_type}

    def prepare(self, work):
        return [[self.names[token] for token in prompt] for prompt in work["prompts"]]

    def generate(self, prompts, work):
        ctranslate2.set_random_seed(work["seed"])
        options = dict(
            max_length=work["max_tokens"], min_length=work["max_tokens"], sampling_topk=work["top_k"],
            sampling_temperature=work["temperature"], include_prompt_in_result=False)
        if work["n"] > 1:
            # The state behind a static prompt is computed once for the whole batch; kept for the next call, it would
            # be a prefix cache, which nobody has here.
            (prompt,) = prompts
            options.update(static_prompt=prompt[:-1], cache_static_prompt=False)
            prompts = [prompt[-1:]] * work["n"]
        return self.generator.generate_batch(prompts, **options)

    def read(self, results):
        return {"tokens": [len(ids) for result in results for ids in result.sequences_ids]}


if __name__ == "__main__":
    serve(System)

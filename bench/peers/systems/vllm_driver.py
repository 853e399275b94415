"""vLLM's CPU build: eager, without prefix cache, the engine in the driver's own process."""

import os

os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
os.environ["VLLM_CPU_KVCACHE_SPACE"] = "2"
os.environ["VLLM_NO_USAGE_STATS"] = "1"

import vllm  # noqa: E402: reads the variables above
from driver import serve  # noqa: E402


class System:
    def __init__(self, config):
        self.engine = vllm.LLM(
            config["model"], dtype=config["dtype"], enforce_eager=True, enable_prefix_caching=False, max_num_seqs=64)
        self.about = {"vllm": vllm.__version__, "dtype": config["dtype"]}

    def prepare(self, work):
        sampling = vllm.SamplingParams(
            n=work["n"], temperature=work["temperature"], top_k=work["top_k"], seed=work["seed"],
            max_tokens=work["max_tokens"], min_tokens=work["max_tokens"], ignore_eos=True, detokenize=False)
        return [{"prompt_token_ids": prompt} for prompt in work["prompts"]], sampling

    def generate(self, prepared, work):
        return self.engine.generate(*prepared, use_tqdm=False)

    def read(self, results):
        return {"tokens": [len(output.token_ids) for result in results for output in result.outputs]}


if __name__ == "__main__":
    serve(System)

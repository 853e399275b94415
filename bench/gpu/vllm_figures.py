"""What vLLM does on this machine's GPU with the model in a folder, if it can be imported: fp16, its own graphs."""

import importlib.util
import json
import random
import sys
import time

PROMPT, NEW = 100, 100


def measure(folder):
    import vllm

    engine = vllm.LLM(folder, dtype="float16", skip_tokenizer_init=True, enable_prefix_caching=False, seed=0)
    vocabulary = engine.llm_engine.model_config.get_vocab_size()

    def seconds(batch, new, n=1):
        prompts = [{"prompt_token_ids": [random.randrange(vocabulary) for _ in range(PROMPT)]} for _ in range(batch)]
        sampling = vllm.SamplingParams(n=n, temperature=0.7, top_k=10, max_tokens=new, ignore_eos=True, detokenize=False)
        start = time.perf_counter()
        engine.generate(prompts, sampling, use_tqdm=False)
        return time.perf_counter() - start

    seconds(1, NEW)
    found = {"vllm": vllm.__version__, "editor_ms": min(seconds(1, 40, n=5) for _ in range(3)) * 1e3, "batches": []}
    for batch in (1, 64, 256, 1000):
        took = seconds(batch, NEW)
        found["batches"].append({"batch": batch, "seconds": took, "requests_per_second": batch / took})
    return found


def main():
    if importlib.util.find_spec("vllm") is None:
        print(json.dumps({"skipped": "vllm is not installed"}))
    else:
        print(json.dumps(measure(sys.argv[1])))


if __name__ == "__main__":
    main()

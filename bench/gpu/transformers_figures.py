"""What transformers does on this machine's GPU with the model in a folder: fp16, SDPA. Requests as gpu_figures has them, but
together from the start: transformers knows no requests that come and go."""

import json
import statistics
import sys
import time

import torch
import transformers

PROMPT, NEW = 100, 100


class Peer:
    def __init__(self, folder):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = torch.float16 if self.device == "cuda" else torch.float32
        self.model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa")
        self.model = self.model.to(self.device).eval()

    def seconds(self, batch, new, n=1, rounds=3):
        """The median of some rounds after one that does not count."""
        times = []
        for seed in range(rounds + 1):
            torch.manual_seed(seed)
            prompts = torch.randint(0, self.model.config.vocab_size, (batch, PROMPT), device=self.device)
            self.finish()
            start = time.perf_counter()
            with torch.inference_mode():
                self.model.generate(
                    prompts, attention_mask=torch.ones_like(prompts), do_sample=True, temperature=0.7, top_k=10,
                    num_return_sequences=n, max_new_tokens=new, min_new_tokens=new, pad_token_id=self.model.config.eos_token_id)
            self.finish()
            times.append(time.perf_counter() - start)
        return statistics.median(times[1:])

    def finish(self):
        if self.device == "cuda":
            torch.cuda.synchronize()


def main():
    peer = Peer(sys.argv[1])
    found = {"torch": torch.__version__, "transformers": transformers.__version__, "device": peer.device}
    found["batches"] = []
    found["editor_ms"] = peer.seconds(1, 40, n=5) * 1e3
    for batch in (1, 64, 256):
        seconds = peer.seconds(batch, NEW, rounds=2)
        found["batches"].append({"batch": batch, "seconds": seconds, "requests_per_second": batch / seconds})
    print(json.dumps(found))


if __name__ == "__main__":
    main()

"""Records the perplexity of the demo model on a text, as transformers computes it: python record_perplexity.py > perplexity.json

The text's tokens in windows of 256 from its beginning, at most 32 of them; each window is read from its own beginning."""

import json
import math
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import GPT2LMHeadModel

ROOT = Path(__file__).parents[3]
MODEL, TEXT, WINDOW, WINDOWS = "gpt2-demo", "tests/data/texts/northanger-abbey-excerpt.txt", 256, 32

tokens = Tokenizer.from_file(str(ROOT / "models" / MODEL / "tokenizer.json")).encode((ROOT / TEXT).read_text()).ids
count = min(WINDOWS, len(tokens) // WINDOW)
windows = torch.tensor(tokens[: count * WINDOW]).view(count, WINDOW)
with torch.no_grad():
    logits = GPT2LMHeadModel.from_pretrained(ROOT / "models" / MODEL, torch_dtype=torch.float32).eval()(windows).logits
loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1).double(), windows[:, 1:].flatten())
print(json.dumps({"model": MODEL, "text": TEXT, "tokens": windows.numel(), "window": WINDOW, "perplexity": round(math.exp(loss), 4)}))

"""What every system is asked to do, and the prompts."""

import dataclasses
import json
import random
import re


@dataclasses.dataclass(frozen=True)
class Work:
    name: str
    title: str
    prompts: int
    prompt_tokens: int
    n: int
    ours_only: bool = False

    def tokens(self, max_tokens):
        return self.prompts * self.n * max_tokens


WORKS = [
    Work("n1", "prompt of 100, n=1", 1, 100, 1),
    Work("n5", "prompt of 100, n=5", 1, 100, 5),
    Work("n8", "prompt of 100, n=8", 1, 100, 8, ours_only=True),
    Work("n32", "prompt of 100, n=32", 1, 100, 32),
    Work("prompts32", "32 prompts of 97, n=1", 32, 97, 1),
]

COMMON_IDS = 4000  # words among the first of GPT-2's merges are frequent ones


def read_words(model):
    """Id -> text of tokens that are a whole word with the space before it: a text of them has a token for each."""
    vocabulary = json.loads((model / "vocab.json").read_text())
    return {i: " " + name[1:] for name, i in vocabulary.items() if i < COMMON_IDS and re.fullmatch("Ġ[a-z]{3,9}", name)}


def random_prompts(words, count, tokens, key):
    """The same for the same key, and new to every cache for another: the first words differ already."""
    draw, ids = random.Random(key), sorted(words)
    return [draw.choices(ids, k=tokens) for _ in range(count)]


def request(work, words, round_number, max_tokens):
    """What a driver is asked: see systems/driver.py."""
    return {"prompts": random_prompts(words, work.prompts, work.prompt_tokens, f"{work.name} {round_number}"),
            "n": work.n, "max_tokens": max_tokens, "top_k": 10, "temperature": 0.7, "seed": round_number}

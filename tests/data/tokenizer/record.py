"""Records what the `tokenizers` package makes of many texts; tests/unit/tokenizer compares with it.

Run from anywhere: python tests/data/tokenizer/record.py
Recorded with tokenizers 0.23.3 and Python 3.11.7 (Unicode 14.0); each file states the versions it was made with.
"""

import gzip
import json
import pathlib
import platform
import unicodedata

import texts
import tokenizers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

FOLDER = pathlib.Path(__file__).parent
ROOT = FOLDER.parents[2]
VERSIONS = {"tokenizers": tokenizers.__version__, "python": platform.python_version(),
            "unicode": unicodedata.unidata_version}


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def gpt2_tokenizer():
    folder = ROOT / "tests/data/gpt2-vocab"
    tokenizer = Tokenizer(models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    return tokenizer


def record_encodings():
    """A header, then for each text its kind, the text (or, if not UTF-8, its bytes and their repair) and its ids."""
    demo = Tokenizer.from_file(str(ROOT / "models/gpt2-demo/tokenizer.json"))
    gpt2 = gpt2_tokenizer()
    collected = texts.all_texts()
    header = {**VERSIONS, "vocabularies": {"demo": "models/gpt2-demo", "gpt2": "tests/data/gpt2-vocab"},
              "count": len(collected)}
    lines = [compact(header)]
    for data, kind in collected.items():
        text = data.decode(errors="replace")
        line = {"kind": kind, "text": text}
        if text.encode() != data:
            line["hex"] = data.hex()
        for name, tokenizer in (("demo", demo), ("gpt2", gpt2)):
            line[name] = tokenizer.encode(text, add_special_tokens=False).ids
        lines.append(compact(line))
    packed = gzip.compress("\n".join(lines).encode(), compresslevel=9, mtime=0)
    (FOLDER / "encodings.jsonl.gz").write_bytes(packed)
    print(f"{len(collected)} texts, {len(packed)} bytes")


def record_char_classes():
    """Runs [first, last, class] over the assigned code points: which of the pattern's classes each is in, seen
    from which neighbour it stays together with."""
    split = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str
    runs = []
    for code_point in texts.assigned():
        character = chr(code_point)
        if len(split("a" + character)) == 1:
            kind = "letter"
        elif len(split("1" + character)) == 1:
            kind = "number"
        elif len(split("." + character)) == 1:
            kind = "other"
        else:
            kind = "space"
        if runs and runs[-1][1] == code_point - 1 and runs[-1][2] == kind:
            runs[-1][1] = code_point
        else:
            runs.append([code_point, code_point, kind])
    data = {**VERSIONS, "runs": runs}
    (FOLDER / "char-classes.json").write_text(compact(data) + "\n", encoding="utf-8")
    print(f"{len(runs)} runs of code points")


def small_model():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("a", "b"), ("ab", "ab"), ("Ġ", "a"), ("e", "r"), ("Ġ", "Ġ")]
    vocabulary = {token: i for i, token in enumerate(alphabet + [a + b for a, b in merges])}
    return models.BPE(vocabulary, merges)


ADDED_TOKENS = {
    "plain": [AddedToken("<x>", normalized=False), AddedToken("<xx>", normalized=False), AddedToken("the")],
    "lstrip": [AddedToken("<x>", lstrip=True, normalized=False), AddedToken("ab", lstrip=True)],
    "rstrip": [AddedToken("<x>", rstrip=True, normalized=False), AddedToken(" ab", rstrip=True)],
    "both": [AddedToken("<x>", lstrip=True, rstrip=True, special=True), AddedToken("<y>", special=True)],
    "single_word": [AddedToken("ab", single_word=True, normalized=False), AddedToken("abab", single_word=True),
                    AddedToken("<x>", single_word=True)],
    "nested": [AddedToken("<x>"), AddedToken("<x><x>"), AddedToken("the"), AddedToken("the <"), AddedToken("th")],
    "overlapping": [AddedToken("ab ab", single_word=True), AddedToken("ab", single_word=True)],
    "passes": [AddedToken("<x>the", normalized=True), AddedToken("<x>", normalized=False),
               AddedToken("the", normalized=False), AddedToken("e <", normalized=True)],
}
PIECES = ["<x>", "<x>", "<xx>", "<y>", "<", ">", "x", "the", "ab", "ab", "abab", " ab", " ", "  ", "\n", "\u00a0",
          "\u3000", "a", "é", "_", "-", "1", "\u0301", "\u24b6", "\u2160", "\u203f", "\u200d", "\u200b", "'s", "<x>the",
          "the <", "人", "\u00b2", "\U0001F170", "\u0345"]


def record_added_tokens():
    """Small tokenizers, each as its tokenizer.json, with texts around their added tokens."""
    rng = texts.random.Random(7)
    cases = []
    for name, added in ADDED_TOKENS.items():
        for prefix in (False, True):
            for regex in (True, False):
                tokenizer = Tokenizer(small_model())
                tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=regex)
                tokenizer.decoder = decoders.ByteLevel()
                tokenizer.add_tokens([t for t in added if not t.special])
                tokenizer.add_special_tokens([t for t in added if t.special])
                samples = ["", " ", "<x>", " <x> ", "ab", " ab", "\tab", "xab ab", "ab abx", "xab ab ab", "<x>ab ab"]
                samples += ["".join(rng.choices(PIECES, k=rng.randint(1, 7))) for _ in range(250)]
                cases.append({"name": f"{name}, add_prefix_space={prefix}, use_regex={regex}",
                              "tokenizer": json.loads(tokenizer.to_str()),
                              "texts": [[s, tokenizer.encode(s, add_special_tokens=False).ids] for s in samples]})
    small = json.dumps(cases[0]["tokenizer"], ensure_ascii=False, indent=1)
    (FOLDER / "small-tokenizer.json").write_text(small + "\n", encoding="utf-8")
    data = {**VERSIONS, "cases": cases}
    packed = gzip.compress((compact(data) + "\n").encode(), compresslevel=9, mtime=0)
    (FOLDER / "added-tokens.json.gz").write_bytes(packed)
    print(f"{len(cases)} tokenizers with added tokens, {len(packed)} bytes")


if __name__ == "__main__":
    record_encodings()
    record_char_classes()
    record_added_tokens()

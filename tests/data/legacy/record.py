#!/usr/bin/env python3
"""Records what the existing editors are shown of a model's text, as Python itself cleans it.

    python3 tests/data/legacy/record.py > tests/data/legacy/cleaned.json
"""

import json
import random
import re
import sys

PIECES = ["<|endoftext|>", "<s>", "</s>", "<eop>", "<unk>", "<", "<e", "<un", "<|endof", "</", ">", "a", "word", ".",
          " ", "  ", "\n", "\t", "\u00a0", "\u2003", "\u3000", "\u0085", "\x1c", "\u200b", "\ufeff", "\u00e9",
          "\u8a9e", "\U0001f600", "s>", "op>", "nk>"]


def clean(text):
    text = text.strip()
    text = re.split(r"<\|endoftext\|>|<s>|</s>", text, maxsplit=1)[0]
    return text.replace("<eop>", "\n\n").replace("<unk>", "")


def main():
    draw = random.Random(20190714)
    texts = ["", " ", "plain", " both ends ", "a<eop>", "<eop>a", "a <s>b", "x<unk><unk>y", "<un<unk>k>", "<e<unk>op>"]
    texts += ["".join(draw.choices(PIECES, k=draw.randint(1, 12))) for _ in range(1500)]
    texts += [chr(c) + "x" + chr(c) for c in range(0x3100) if chr(c).isspace() or c % 97 == 0 and c]
    json.dump([[text, clean(text)] for text in texts], sys.stdout, indent=0)
    print()


if __name__ == "__main__":
    main()

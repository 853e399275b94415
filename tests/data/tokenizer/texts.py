"""Texts to tokenize: real ones in many scripts, and made ones around everything that splits words.

Made texts come from a fixed seed and hold only code points that Python's unicodedata knows (Unicode 14 in
Python 3.11), so that the result does not depend on who knows the newest characters.
"""

import itertools
import pathlib
import random
import re
import sys
import unicodedata

FOLDER = pathlib.Path(__file__).parent

WHITE_SPACE = [*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F,
               0x205F, 0x3000]
LOOKS_LIKE_SPACE = [0x1C, 0x1D, 0x1E, 0x1F, 0x180E, 0x200B, 0x2060, 0xFEFF]
APOSTROPHES = ["'", "\u2019"]


def assigned():
    """Every code point that can stand in a text: assigned or for private use, no surrogates."""
    return [c for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs")]


def sentences(text):
    return [s for s in re.split(r"(?<=[.!?;])(?=\s)", text) if s.strip()]


def english(rng):
    text = (FOLDER / "northanger-abbey.txt").read_text(encoding="utf-8")
    yield from sentences(text)
    for _ in range(2500):  # what an editor sends: a window that ends anywhere
        begin = rng.randrange(len(text) - 60)
        yield text[begin:begin + rng.randint(10, 60)]


def scripts(rng):
    lines = (FOLDER / "scripts.txt").read_text(encoding="utf-8").splitlines()
    texts = [line.split("\t")[1] for line in lines]
    for text in texts:
        yield text
        yield from sentences(text)
        yield from text.split()
        words = text.split(" ")
        yield from (" ".join(words[i:i + 3]) for i in range(0, len(words), 2))
        for form in ("NFD", "NFKC"):
            yield unicodedata.normalize(form, text)[:80]
        yield text.upper()[:80]
        yield text.swapcase()[-80:]
        for _ in range(45):
            begin = rng.randrange(len(text))
            yield text[begin:begin + rng.randint(1, 20)]
    for _ in range(300):  # scripts meet
        yield "".join(rng.choice(texts)[i:i + rng.randint(1, 6)] for i in rng.choices(range(30), k=3))


def white_space(rng):
    spaces = [chr(c) for c in WHITE_SPACE]
    odd = spaces + [chr(c) for c in LOOKS_LIKE_SPACE]
    for space, length in itertools.product(odd, (1, 2, 3, 7)):
        run = space * length
        yield from (run, run + "word", "word" + run, "a" + run + "b", "1" + run + "2", "." + run + "!",
                    "it" + run + "'s", run + " x", " " + run + "x", "x" + run + "\n" + run + "y")
    for first, second in itertools.product(odd, odd):
        yield "a" + first + second + "b"
    for _ in range(1200):
        run = [rng.choice(odd) for _ in range(rng.randint(1, 6))]
        yield "".join(run) + rng.choice(["", "word", "42", "...", "'ll", "é", "語"]) + "".join(
            rng.choices([" ", "\n", *odd], k=rng.randint(0, 4)))


def digits(rng):
    numbers = [chr(c) for c in assigned() if unicodedata.category(chr(c)) in ("Nd", "Nl", "No")]
    zeros = [c for c in numbers if unicodedata.digit(c, None) == 0 and unicodedata.category(c) == "Nd"]
    for zero in zeros:
        ten = [chr(ord(zero) + i) for i in range(10)]
        yield "".join(ten)
        yield "x" + "".join(rng.choices(ten, k=3)) + " " + "".join(rng.choices(ten, k=4)) + "y"
    for number in numbers[::3]:
        yield rng.choice(["", " ", "a", "1", "  "]) + number + rng.choice(["", " ", "b", "2", "."])
    for _ in range(500):
        yield rng.choice(["{}", " {}", "${}", "{}.", "{}th", "-{}", "{}%", "x{}"]).format(
            rng.randrange(10 ** rng.randint(1, 12)))
    for _ in range(150):
        yield f"{rng.randrange(10**9):,}.{rng.randrange(100):02d} on 18{rng.randrange(100):02d}-0{rng.randrange(1, 10)}"


def contractions(rng):
    words = ["I", "it", "they", "Who", "don", "O", "naïve", "x1", "7", "", " ", "\n", "(", "кто", "語"]
    endings = ["s", "t", "re", "ve", "m", "ll", "d", "r", "v", "l", "S", "LL", "Re", "vE", "sss", "tis", "em", "",
               "She", "TIS", "Dare", "Mine", "REd", "LLama", "VEry"]
    for word, mark, ending in itertools.product(words, APOSTROPHES, endings):
        yield word + mark + ending + rng.choice(["", " go", "'", "'s", ".", " 's"])
    for _ in range(400):
        yield "".join(rng.choice(["'", "\u2019", "''", " '", "s", "t", "re", "ll", "d", "I", " ", "m ", "ve"])
                      for _ in range(rng.randint(2, 9)))


def emoji(rng):
    faces = [chr(c) for c in [*range(0x1F600, 0x1F650), *range(0x1F440, 0x1F4FF), *range(0x1F9B0, 0x1F9FF),
                              *range(0x2600, 0x26FF)] if unicodedata.category(chr(c)) != "Cn"]
    tones = ["", *map(chr, range(0x1F3FB, 0x1F400))]
    people = ["\U0001F468", "\U0001F469", "\U0001F9D1", "\U0001F467", "\U0001F466"]
    flag = lambda: "".join(chr(0x1F1E6 + rng.randrange(26)) for _ in range(2))
    family = lambda: "\u200d".join(rng.choice(people) + rng.choice(tones) for _ in range(rng.randint(2, 4)))
    keycap = lambda: rng.choice("0123456789#*") + "\uFE0F\u20E3"
    tagged = "\U0001F3F4\U000E0067\U000E0062\U000E0073\U000E0063\U000E0074\U000E007F"
    kinds = [flag, family, keycap, lambda: tagged, lambda: rng.choice(faces), lambda: rng.choice(faces) + "\uFE0F",
             lambda: rng.choice(people) + rng.choice(tones) + "\u200d\u2764\uFE0F\u200d" + rng.choice(people)]
    for _ in range(1000):
        joint = rng.choice(["", "", " ", "a", " ok "])
        yield joint.join(rng.choice(kinds)() for _ in range(rng.randint(1, 3)))


def combining(rng):
    marks = [chr(c) for c in assigned() if unicodedata.category(chr(c)).startswith("M")]
    bases = list("aeiouxZ1 .") + ["א", "क", "ก", "가", "Ω", "я", "ﷺ"]
    for _ in range(1000):
        yield "".join(rng.choice(bases) + "".join(rng.choices(marks[:112] + marks, k=rng.randint(0, 3)))
                      for _ in range(rng.randint(1, 3)))


def special(rng):
    parts = ["<|endoftext|>", "<|endoftext|>", "<|endoftext", "|>", "<|", "<", "|", "<|EndOfText|>", " ", "\n",
             "word", " word", "'s", "<<|endoftext|>>", "é", "\u00A0", "<s>", "</s>"]
    for _ in range(500):
        yield "".join(rng.choice(parts) for _ in range(rng.randint(1, 6)))


def long_runs(rng):
    for unit in ["a", " ", "ab", "\n", "=", "é", "\U0001F600", "ha", "the", "#", "# ", "क्", "0", "- ", "\u3000", "人"]:
        for length in (23, 24, 25, 63, 64, 65, 66, 127, 300, 1000):
            yield unit * (length // len(unit.encode()) + 1)
    words = "the and of unfriend able ness under stand ing 've".split()
    for _ in range(60):
        yield "".join(rng.choice(words) for _ in range(rng.randint(10, 80)))


def random_code_points(rng):
    known = assigned()
    block_of = {}
    for c in known:
        block_of.setdefault(c >> 7, []).append(c)
    blocks = [b for key, b in block_of.items() if key < 0x3E00 >> 7 or 0xA000 >> 7 <= key < 0xAC00 >> 7
              or 0xF900 >> 7 <= key < 0x20000 >> 7]
    for _ in range(3000):
        yield "".join(chr(rng.choice(known)) for _ in range(rng.randint(1, 3)))
    for _ in range(4000):
        block = rng.choice(blocks)
        yield "".join(rng.choice([" ", "", "", "a"]) + chr(rng.choice(block)) for _ in range(rng.randint(1, 4)))


def invalid(rng):
    """Bytes that are not UTF-8, and some that look like it."""
    pieces = [b"a", b" ", b"\n", b"'s", b"\xc3\xa9", b"\xe4\xba\xba", b"\xf0\x9f\x98\x80",  # valid
              b"\x80", b"\xbf", b"\xc0", b"\xc1", b"\xf5", b"\xfe", b"\xff",                # never valid
              b"\xc3", b"\xe4\xba", b"\xe4", b"\xf0\x9f\x98", b"\xf0\x9f", b"\xf0",         # cut off
              b"\xc0\xaf", b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xf0\x80\x80\x80", b"\xf0\x8f\xbf\xbf",  # overlong
              b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xed\xa0\xbd\xed\xb8\x80",                # surrogates
              b"\xf4\x90\x80\x80", b"\xf7\xbf\xbf\xbf", b"\xe0\xa0", b"\xed\x9f", b"\xf4\x8f\xbf"]
    yield from pieces
    yield from (a + b for a in pieces for b in rng.sample(pieces, 12))
    for _ in range(900):
        yield b"".join(rng.choice(pieces) for _ in range(rng.randint(3, 8)))
    texts = (FOLDER / "scripts.txt").read_text(encoding="utf-8").splitlines()
    for _ in range(700):
        data = bytearray(rng.choice(texts).split("\t")[1].encode())
        begin = rng.randrange(len(data))
        data = data[begin:begin + rng.randint(3, 30)]
        for _ in range(rng.randint(0, 2)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        yield bytes(data)


def all_texts():
    """Every text once, as bytes."""
    rng = random.Random(20191105)
    kinds = [english, scripts, white_space, digits, contractions, emoji, combining, special, long_runs,
             random_code_points, invalid]
    seen = {}
    for kind in kinds:
        before = len(seen)
        for text in kind(rng):
            seen.setdefault(text if isinstance(text, bytes) else text.encode(), kind.__name__)
        print(f"{kind.__name__}: {len(seen) - before}", file=sys.stderr)
    return seen

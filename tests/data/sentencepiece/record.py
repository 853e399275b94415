"""Trains spiece.model on tests/data/tokenizer/scripts.txt, and records what the sentencepiece package says with it:

    python tests/data/sentencepiece/record.py    (sentencepiece 0.2.3)

As the vocabularies of GPT-2 models have it: unigram, NFKC, control pieces; and with byte pieces for what it does not know."""

import io
import json
from pathlib import Path

import sentencepiece

HERE = Path(__file__).parent
TEXTS = [line.partition("\t")[2] for line in (HERE.parent / "tokenizer" / "scripts.txt").read_text().splitlines() if "\t" in line]
TEXTS += ["", " ", " two  spaces ", "a 😀 b", "吾輩は猫である。", "学而时习之，不亦说乎？", "ｶﾀｶﾅ ＡＢＣ ①", "tab\tand\nline", "▁"]

model = io.BytesIO()
sentencepiece.SentencePieceTrainer.train(
    sentence_iterator=iter(TEXTS), model_writer=model, model_type="unigram", vocab_size=1400, character_coverage=0.99, byte_fallback=True,
    control_symbols=["[PAD]"], pad_id=3, hard_vocab_limit=False, num_threads=1, minloglevel=2,
)  # fmt: skip
(HERE / "spiece.model").write_bytes(model.getvalue())
pieces = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
encodings = [{"text": text, "ids": pieces.encode(text), "decoded": pieces.decode(pieces.encode(text))} for text in TEXTS]
with (HERE / "encodings.jsonl").open("w") as file:
    for line in encodings:
        print(json.dumps(line, ensure_ascii=False), file=file)

"""A GPT-2 with a vocabulary of SentencePiece, served: its texts are those of the sentencepiece package."""

import json
import random
import shutil
import struct
from contextlib import closing

import pytest
import sentencepiece

import programs
from editor import Editor
from programs import ROOT

VOCABULARY = ROOT / "tests" / "data" / "sentencepiece" / "spiece.model"
TINY = ROOT / "tests" / "data" / "gpt2" / "tiny"
PIECES = sentencepiece.SentencePieceProcessor(model_file=str(VOCABULARY))
END = PIECES.eos_id()


def with_vocabulary(weights: bytes, size: int) -> bytes:
    """Weights whose embedding, random, has so many rows; all else stays."""
    length = struct.unpack("<Q", weights[:8])[0]
    header, data = json.loads(weights[8 : 8 + length]), weights[8 + length :]
    parts, offset = [], 0
    for name, tensor in header.items():
        if name == "__metadata__":
            continue
        part = data[slice(*tensor["data_offsets"])]
        if name.endswith("wte.weight"):
            tensor["shape"][0] = size
            draw = random.Random(1).gauss
            part = struct.pack(f"<{size * tensor['shape'][1]}f", *(draw(0, 0.5) for _ in range(size * tensor["shape"][1])))
        parts.append(part)
        tensor["data_offsets"] = [offset, offset := offset + len(part)]
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(parts)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sentencepiece")
    config = json.loads((TINY / "config.json").read_text())
    config |= {"vocab_size": PIECES.vocab_size(), "bos_token_id": PIECES.bos_id(), "eos_token_id": END}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(with_vocabulary((TINY / "model.safetensors").read_bytes(), PIECES.vocab_size()))
    shutil.copy(VOCABULARY, folder)
    flags = ["--model", folder, "--name", "pieces", "--listen", "127.0.0.1:0", "--threads", 1]
    with closing(programs.Program(["inkfleet-model", *flags], folder / "log")) as service:
        service.wait_listening().wait_ready()
        yield service


# Deliberate break: a token whose U+2581 is not a space.
@pytest.mark.parametrize("prompt", ["吾輩は猫である。", "学而时习之，不亦说乎？", "すべての人間は", "All human beings are", "a 😀"])
def test_texts_are_spelled_as_the_package_does(service, prompt):
    ids = PIECES.encode(prompt)
    with Editor(f"ws://{service.address}/pieces") as editor:
        request = editor.complete(prompt, max_tokens=30, n=4, temperature=1, seed=3)
    assert request.started["prompt_tokens"] == len(ids)
    texts = [request.text(index) for index in range(4)]
    for index, text in enumerate(texts):
        whole = PIECES.decode(ids + request.tokens[index])
        assert PIECES.decode(ids) + text.replace("\ufffd", "") == whole.replace("\ufffd", "")
    assert any(" " in text for text in texts) and any(any(ord(c) > 0x3000 for c in text) for text in texts)


# Deliberate break: a text that begins with the space which the library puts before it.
@pytest.mark.parametrize("prompt", ["吾輩は猫である。", "All human beings are"])
def test_the_prompt_may_come_as_tokens(service, prompt):
    with Editor(f"ws://{service.address}/pieces") as editor:
        fields = dict(max_tokens=10, temperature=0)
        spelled = editor.complete(None, prompt_ids=PIECES.encode(prompt), **fields)
        assert editor.complete(prompt, **fields).tokens == spelled.tokens
    assert spelled.started["prompt"] == prompt


# The library drops the space at the prompt's end; the model writes it again, and the text goes on after it.
# Deliberate break: heal the last token alone.
def test_no_second_space_comes_after_one_that_was_typed(service):
    with Editor(f"ws://{service.address}/pieces") as editor:
        request = editor.complete("All human beings ", max_tokens=12, n=8, temperature=1, seed=5, heal=True)
    kept = PIECES.encode("All human beings ")[: request.started["prompt_tokens"]]
    for index in range(8):
        whole = PIECES.decode(kept + request.tokens[index])
        assert whole.replace("\ufffd", "").startswith("All human beings " + request.text(index).replace("\ufffd", ""))

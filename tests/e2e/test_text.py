"""Prompts of every kind: long, empty, in other scripts, with special tokens and broken escapes."""

import json

import pytest

CONTEXT = 512


def greedy(editor, prompt, **fields):
    return editor.complete(prompt, temperature=0, **{"max_tokens": 8, **fields})


@pytest.mark.parametrize("words, max_tokens", [(480, 40), (900, 40), (700, 300), (511, 1)])
def test_a_long_prompt_loses_its_beginning(editor, tokenizer, words, max_tokens):
    prompt = " the" * words
    length = len(tokenizer.encode(prompt).ids)
    budget = CONTEXT - max_tokens
    dropped = max(0, -(-(length - budget) // 64) * 64)
    request = greedy(editor, prompt, max_tokens=max_tokens, stop=[" "])
    assert request.started["dropped_tokens"] == dropped
    assert request.started["prompt_tokens"] == length - dropped


def test_only_the_end_of_a_long_prompt_counts(editor, tokenizer):
    tail = " And so the old king went down to the sea" * 60
    length = len(tokenizer.encode(tail).ids)
    longer = " the" * 64 + tail
    assert length > CONTEXT and len(tokenizer.encode(longer).ids) == length + 64
    assert greedy(editor, tail).tokens == greedy(editor, longer).tokens


def test_a_prompt_that_fills_the_context(editor, tokenizer):
    prompt = " the" * (CONTEXT - 4)
    assert len(tokenizer.encode(prompt).ids) == CONTEXT - 4
    request = greedy(editor, prompt, max_tokens=4)
    assert request.started["dropped_tokens"] == 0
    assert len(request.tokens[0]) == 4 or request.finished[0] == "end_of_text"


def test_max_tokens_is_capped_by_the_context(editor):
    request = greedy(editor, "Once", max_tokens=1024, stop=["\u2603"])
    assert len(request.tokens[0]) < CONTEXT
    assert request.finished[0] in ("length", "end_of_text")


def test_an_empty_prompt_starts_from_the_end_of_text_token(editor):
    assert greedy(editor, "").tokens == greedy(editor, "<|endoftext|>").tokens


def test_a_blank_prompt_is_a_prompt(editor, tokenizer):
    request = greedy(editor, " \n ")
    assert request.started["prompt_tokens"] == len(tokenizer.encode(" \n ").ids)


@pytest.mark.parametrize(
    "prompt",
    ["<|endoftext|>Once upon a time", "Żółć 漢字 👩‍👩‍👧 e\u0301", "\u0000\u0001\u001f", "a" * 300, "tabs\t\tand\r\nlines  ", "don't we'll I'M"],
)
def test_prompts_are_tokenized_as_the_reference_does(editor, tokenizer, decode, prompt):
    request = greedy(editor, prompt)
    assert request.started["prompt_tokens"] == len(tokenizer.encode(prompt).ids)
    assert request.text() == decode(request.tokens.get(0, []))


def test_characters_are_whole(editor, decode):
    """At a high temperature a model writes bytes of many characters; what comes is text all the same."""
    request = editor.complete("漢字 😀 漢字 😀 漢字", n=16, max_tokens=40, temperature=2, seed=3)
    for index, tokens in request.tokens.items():
        assert request.text(index) == decode(tokens)
    for delta in request.deltas:
        assert delta["text"], "a token is sent when its text is"


@pytest.mark.parametrize("escape", [r"\ud800", r"\udc00", r"\ude00\ud83d"])
def test_lone_surrogates_are_replacement_characters(editor, escape):
    replaced = "\ufffd" * escape.count("u")
    expected = greedy(editor, f"A sign: {replaced} and").tokens
    frame = json.dumps({"type": "suggest", "id": "s", "prompt": "A sign: @ and", "max_tokens": 8, "temperature": 0})
    surrogate = editor.expect("s")
    editor.send(frame.replace("@", escape))
    assert editor.finish(surrogate).tokens == expected


def test_a_surrogate_pair_is_one_character(editor):
    expected = greedy(editor, "A face: 😀 and").tokens
    request = editor.expect("s")
    editor.send(
        r'{"type": "suggest", "id": "s", "prompt": "A face: \ud83d\ude00 and", "max_tokens": 8, "temperature": 0}'
    )
    assert editor.finish(request).tokens == expected

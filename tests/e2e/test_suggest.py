"""Suggestions as they should come: one, several, greedy, seeded, stopped, with log-probabilities."""

import pytest

from editor import Editor

PROMPT = "The old castle stood upon a hill, and"


def test_one_suggestion(editor, tokenizer, decode):
    request = editor.complete(PROMPT, max_tokens=16, seed=5)
    expected = len(tokenizer.encode(PROMPT).ids)
    assert request.started["model"] == "gpt2-demo"
    assert request.started["seed"] == 5
    assert request.started["prompt_tokens"] == expected
    assert request.started["dropped_tokens"] == 0
    assert request.text() == decode(request.tokens[0])
    assert request.finished[0] in ("length", "end_of_text")
    if request.finished[0] == "length":
        assert len(request.tokens[0]) == 16
    assert request.end["usage"]["prompt_tokens"] == expected
    assert request.end["usage"]["completion_tokens"] == len(request.tokens[0])
    assert request.end["receipt"]["model"] == "gpt2-demo"
    assert request.end["receipt"]["seed"] == 5


def test_a_text_that_grows_is_not_computed_again(editor, tokenizer):
    begun = "In the autumn of that year nobody in the village spoke of anything but the lamp in the tower. "
    editor.complete(begun, max_tokens=2)
    request = editor.complete(begun + "At last", max_tokens=2)
    same = len(tokenizer.encode(begun).ids) - 1  # the seam may be tokenized anew
    assert request.started["cached_tokens"] >= same
    assert request.end["usage"]["cached_tokens"] == request.started["cached_tokens"]


def test_text_comes_in_parts(editor):
    request = editor.complete(PROMPT, max_tokens=400, temperature=0)
    assert len(request.deltas) > 5, "a stream, not an answer at the end"


def test_defaults(editor):
    request = editor.complete(PROMPT)
    assert len(request.tokens[0]) == 40 or request.finished[0] == "end_of_text"


@pytest.mark.parametrize("n", [5, 32])
def test_several_suggestions(editor, decode, n):
    request = editor.complete(PROMPT, n=n, max_tokens=12, temperature=1, seed=1)
    assert sorted(request.finished) == list(range(n))
    for index, tokens in request.tokens.items():
        assert request.text(index) == decode(tokens)
    assert len(set(request.texts.values())) > n // 2, "they are drawn independently"


def test_greedy_is_one_text(editor):
    request = editor.complete(PROMPT, n=2, max_tokens=16, temperature=0)
    assert request.tokens[0] == request.tokens[1]
    assert editor.complete(PROMPT, max_tokens=16, temperature=0).tokens[0] == request.tokens[0]
    assert editor.complete(PROMPT, max_tokens=16, top_k=1, seed=9).tokens[0] == request.tokens[0]
    assert editor.complete(PROMPT, max_tokens=16, top_p=1e-9, seed=9).tokens[0] == request.tokens[0]


def test_equal_seeds_give_equal_texts(editor):
    fields = dict(n=3, max_tokens=16, temperature=0.9, top_k=50)
    first = editor.complete(PROMPT, seed=123, **fields)
    assert editor.complete(PROMPT, seed=123, **fields).texts == first.texts
    assert editor.complete(PROMPT, seed=124, **fields).texts != first.texts


def test_a_drawn_seed_can_be_replayed(editor):
    first = editor.complete(PROMPT, max_tokens=16)
    assert editor.complete(PROMPT, max_tokens=16).started["seed"] != first.started["seed"]
    assert editor.complete(PROMPT, max_tokens=16, seed=first.started["seed"]).texts == first.texts


def test_a_suggestion_depends_on_its_index_alone(editor):
    five = editor.complete(PROMPT, n=5, max_tokens=12, seed=77, temperature=1)
    two = editor.complete(PROMPT, n=2, max_tokens=12, seed=77, temperature=1)
    assert two.texts == {index: five.text(index) for index in (0, 1)}


def test_the_same_through_both_doors(fleet):
    fields = dict(n=2, max_tokens=16, seed=31, temperature=0.8)
    with Editor(fleet.url("service")) as direct, Editor(fleet.url("gateway")) as routed:
        assert direct.complete(PROMPT, **fields).texts == routed.complete(PROMPT, **fields).texts


def test_stop_strings(editor, decode):
    whole = editor.complete(PROMPT, max_tokens=32, temperature=0).text()
    for stop in (whole[10:13], whole[20:21], whole[17:25]):
        request = editor.complete(PROMPT, max_tokens=32, temperature=0, stop=["\u2603", stop])
        assert request.text() == whole[: whole.index(stop)]
        assert request.finished[0] == "stop"
        assert decode(request.tokens[0]).startswith(request.text())


def test_a_stop_string_that_never_comes(editor):
    whole = editor.complete(PROMPT, max_tokens=24, temperature=0)
    request = editor.complete(PROMPT, max_tokens=24, temperature=0, stop=[whole.text()[-60:] + "!", "\u2603"])
    assert request.text() == whole.text()
    assert request.finished[0] == whole.finished[0]


@pytest.mark.parametrize("alternatives", [0, 1, 5])
def test_logprobs(editor, alternatives):
    request = editor.complete(PROMPT, max_tokens=8, temperature=0, logprobs=alternatives)
    entries = [entry for delta in request.deltas for entry in delta["logprobs"]]
    assert len(entries) == len(request.tokens[0])
    for token, entry in zip(request.tokens[0], entries):
        values = [logprob for _, logprob in entry["top"]]
        assert len(values) == alternatives
        assert values == sorted(values, reverse=True)
        if alternatives:
            assert entry["top"][0] == [token, entry["logprob"]], "greedy takes the best"


def test_logprobs_are_of_the_model_itself(editor):
    cold = editor.complete(PROMPT, max_tokens=1, temperature=0.1, seed=1, logprobs=5).deltas[0]["logprobs"][0]["top"]
    hot = editor.complete(PROMPT, max_tokens=1, temperature=2, top_k=7, seed=1, logprobs=5).deltas[0]["logprobs"][0]["top"]
    assert [token for token, _ in cold] == [token for token, _ in hot]
    assert [value for _, value in cold] == pytest.approx([value for _, value in hot], abs=1e-4)
    without = editor.complete(PROMPT, max_tokens=1, temperature=0)
    assert all("logprobs" not in delta for delta in without.deltas)


def test_requests_of_one_connection_run_side_by_side(editor):
    alone = editor.complete(PROMPT, max_tokens=24, temperature=0)
    requests = [editor.ask(PROMPT, max_tokens=24, temperature=0) for _ in range(6)]
    editor.finish(*requests)
    assert all(request.text() == alone.text() for request in requests)


def test_each_model_speaks_for_itself(fleet, door):
    texts = set()
    for model in fleet.models:
        with Editor(fleet.url(door, model)) as editor:
            request = editor.complete(PROMPT, max_tokens=16, temperature=0)
            assert request.started["model"] == model
            texts.add(request.text())
    assert len(texts) == 3

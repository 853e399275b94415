"""An editor that lost its connection gets the rest, and nothing twice."""

import pytest

from editor import Editor

PROMPT = "The princess opened the door and"
FIELDS = dict(n=3, max_tokens=24, seed=11, temperature=0.9)


@pytest.fixture(scope="module")
def whole(fleet):
    with Editor(fleet.url("service")) as editor:
        return editor.complete(PROMPT, **FIELDS)


@pytest.fixture
def held_after(whole, decode):
    """Tokens and text a client may hold of a suggestion: so many tokens, or fewer, up to a whole character."""

    def held(index, count):
        tokens = whole.tokens[index][:count]
        while decode(tokens).endswith("\ufffd"):
            tokens.pop()
        return tokens, decode(tokens)

    return held


@pytest.mark.parametrize("count", [0, 1, 7, 20])
def test_the_rest_is_the_same(editor, whole, held_after, count):
    held = {index: held_after(index, count) for index in range(3)}
    resume = [{"index": index, "tokens": tokens} for index, (tokens, _) in held.items()]
    rest = editor.complete(PROMPT, resume=resume, **FIELDS)
    for index, (tokens, text) in held.items():
        assert tokens + rest.tokens.get(index, []) == whole.tokens[index]
        assert text + rest.text(index) == whole.text(index)
        assert rest.finished[index] == whole.finished[index]


def test_each_suggestion_may_stand_elsewhere(editor, whole, held_after):
    resume = [{"index": index, "tokens": held_after(index, count)[0]} for index, count in ((2, 3), (0, 15))]
    rest = editor.complete(PROMPT, resume=resume, **FIELDS)
    assert set(rest.finished) == {0, 2}, "what is not listed has finished already"
    for point in resume:
        assert point["tokens"] + rest.tokens[point["index"]] == whole.tokens[point["index"]]


def test_a_run_that_was_cut_can_be_taken_up(url, whole):
    with Editor(url) as first:
        cut = first.ask(PROMPT, **FIELDS)
        first.wait(lambda: sum(map(len, cut.tokens.values())) >= 10)
    open_ones = [index for index in range(3) if index not in cut.finished]
    resume = [{"index": index, "tokens": cut.tokens.get(index, [])} for index in open_ones]
    with Editor(url) as second:
        rest = second.complete(PROMPT, resume=resume, **FIELDS)
    for index in open_ones:
        assert cut.text(index) + rest.text(index) == whole.text(index)


def test_what_has_all_its_tokens_just_finishes(editor, held_after):
    tokens = held_after(0, 12)[0]
    fields = {**FIELDS, "max_tokens": len(tokens)}
    request = editor.complete(PROMPT, resume=[{"index": 0, "tokens": tokens}], **fields)
    assert request.deltas == []
    assert request.finished == {0: "length"}


def test_nothing_left_to_do(editor):
    request = editor.complete(PROMPT, resume=[], **FIELDS)
    assert request.deltas == [] and request.finished == {}


@pytest.mark.parametrize(
    "resume",
    [
        [{"index": 3, "tokens": []}],
        [{"index": 0, "tokens": []}, {"index": 0, "tokens": []}],
        [{"index": 0, "tokens": [0] * 25}],
        [{"index": 0, "tokens": [-1]}],
        [{"index": 0, "tokens": [8192]}],
        [{"index": 0}],
        "all",
    ],
)
def test_what_cannot_be_resumed(editor, resume):
    request = editor.expect("x")
    editor.send({"type": "suggest", "id": "x", "prompt": PROMPT, "resume": resume, **FIELDS})
    error = editor.finish(request).end
    assert (error["type"], error["code"], error["field"]) == ("error", "bad_request", "resume")

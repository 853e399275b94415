"""The door of the editors that already exist."""

import json
import uuid

import pytest
from websockets.exceptions import InvalidStatus
from wire import open_socket

from editor import Editor
from legacy import INVALID, LegacyEditor
from metrics import Metrics

PROMPT = "The old castle"


@pytest.fixture
def name() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def page(fleet, name):
    with LegacyEditor(fleet.legacy(name)) as editor:
        yield editor


@pytest.fixture(scope="module")
def greedy(fleet):
    """What a model goes on with at top_k 1, by the protocol of new editors."""

    def text(prompt: str, length: int, model: str = "gpt2-demo") -> str:
        with Editor(fleet.url("service", model)) as editor:
            return editor.complete(prompt, max_tokens=length, temperature=0).text().strip()

    return text


def test_five_texts_grow(page):
    page.ask(PROMPT, length=12)
    texts = page.follow(PROMPT, lambda texts: all(len(text) > 20 for text in texts))
    assert len(texts) == 5


@pytest.mark.parametrize("count", [1, 10])
def test_batch_size(page, count):
    page.ask(PROMPT, batch_size=count, length=6)
    assert len(page.follow(PROMPT, all)) == count


def test_texts_are_the_models(page, greedy):
    page.ask(PROMPT, length=20, batch_size=2, top_k=1)
    expected = greedy(PROMPT, 20)
    page.follow(PROMPT, lambda texts: texts == [expected, expected])


def test_the_prompt_is_trimmed_and_so_is_its_echo(page, greedy):
    page.ask(f" \n\u2003{PROMPT}\t ", length=8, batch_size=1, top_k=1)
    expected = greedy(PROMPT, 8)
    page.follow(PROMPT, lambda texts: texts == [expected])


def test_numbers_may_be_in_quotes(page, greedy):
    page.ask(PROMPT, length="8", batch_size="2", top_k="1", top_p="0.5", temperature="0.5")
    expected = greedy(PROMPT, 8)
    page.follow(PROMPT, lambda texts: texts == [expected, expected])


@pytest.mark.parametrize(
    "model, served_by",
    [
        ("gpt2", "gpt2-demo"),
        ("gpt2-large", "gpt2-demo"),
        ("gpt2-medium-lyrics", "gpt2-demo"),
        ("gpt2-medium-hp", "gpt2-demo-wizards"),
        ("gpt2-medium-got", "gpt2-demo-wizards"),
        ("gpt2-medium-legal", "gpt2-demo-legal"),
        ("gpt2-demo-legal", "gpt2-demo-legal"),
    ],
)
def test_model_names(page, greedy, model, served_by):
    page.ask(PROMPT, length=8, batch_size=1, top_k=1, model_name=model)
    expected = greedy(PROMPT, 8, served_by)
    page.follow(PROMPT, lambda texts: texts == [expected])


def test_a_message_is_shown_only_with_the_end_of_its_text(page):
    prompt = "x " * 300 + "and 漢字 <b>é</b>"
    page.ask(prompt, length=2, batch_size=1)
    page.follow(prompt, lambda texts: True)


INVALID_FIELDS = [
    ("batch_size", value) for value in (0, 11, -1, "x", 2.5, None, [], True)
] + [
    ("length", value) for value in (0, 257, "many", {})
] + [
    ("temperature", value) for value in (0.05, 1.1, 0, "hot")
] + [
    ("top_k", value) for value in (-1, 41, "few")
] + [
    ("top_p", value) for value in (-0.1, 1.1, "x")
] + [
    ("model_name", value) for value in ("gpt5", "", 7, "../gpt2")
]


def test_invalid_data(page):
    for field, value in INVALID_FIELDS:
        if value is None:
            continue
        page.ask(PROMPT, **{field: value})
        assert page.receive() == {"prompt": PROMPT, "text_0": INVALID}, (field, value)


@pytest.mark.parametrize("prompt, echo", [("", ""), ("   ", "   "), (None, ""), (5, ""), (["x"], "")])
def test_invalid_prompts(page, prompt, echo):
    page.send({"message_type": "new_request", "prompt": prompt})
    assert page.receive() == {"prompt": echo, "text_0": INVALID}


def test_a_missing_prompt(page):
    page.send({"message_type": "new_request"})
    assert page.receive() == {"prompt": "", "text_0": INVALID}


def test_what_is_ignored(page):
    for frame in (
        "hello",
        "[]",
        "5",
        '{"prompt": "x"}',
        '{"message_type": "updated_response", "prompt": "x"}',
        '{"message_type": "completed_response", "prompt": "x"}',
        '{"message_type": "sing", "prompt": "x"}',
        '{"message_type": 5}',
        "[" * 40_000,
    ):
        page.send(frame)
    page.send({"message_type": "new_request", "prompt": 5})
    assert page.receive() == {"prompt": "", "text_0": INVALID}, "the first answer is to the last message"


def test_lone_surrogates(page):
    page.send(r'{"message_type": "new_request", "prompt": "A sign: \ud800", "length": 2, "batch_size": 1}')
    page.follow("A sign: \ufffd", lambda texts: True)


def test_a_newer_request_supersedes(page, greedy):
    page.ask(PROMPT, length=256, batch_size=10)
    page.follow(PROMPT, lambda texts: True)
    page.ask(PROMPT + " stood", length=12, batch_size=1, top_k=1)
    expected = greedy(PROMPT + " stood", 12)
    page.follow(PROMPT + " stood", lambda texts: texts == [expected])


def test_cancel_stops_the_computing(fleet, page):
    page.ask(PROMPT, length=256, batch_size=10)
    page.follow(PROMPT, lambda texts: True)
    page.send({"message_type": "cancel_request"})
    Metrics(fleet.http("service")).wait("inkfleet_running_requests", lambda running: running == 0, seconds=5)
    page.ask(PROMPT + " stood", length=2, batch_size=1)
    page.follow(PROMPT + " stood", lambda texts: True)


def test_leaving_stops_the_computing(fleet, name):
    with LegacyEditor(fleet.legacy(name)) as page:
        page.ask(PROMPT, length=256, batch_size=10)
        page.follow(PROMPT, lambda texts: True)
    Metrics(fleet.http("service")).wait("inkfleet_running_requests", lambda running: running == 0, seconds=5)


def test_sockets_of_one_name_are_one_session(fleet, page, name, greedy):
    pages = [page] + [LegacyEditor(fleet.legacy(name)) for _ in range(3)]
    try:
        pages[1].ask(PROMPT, length=10, batch_size=1, top_k=1)
        expected = greedy(PROMPT, 10)
        for each in pages:
            each.follow(PROMPT, lambda texts: texts == [expected])
        pages[0].ask(PROMPT, length=256, batch_size=10)
        pages[2].follow(PROMPT, lambda texts: len(texts) == 10)
        pages[3].send({"message_type": "cancel_request"})
        Metrics(fleet.http("service")).wait("inkfleet_running_requests", lambda running: running == 0, seconds=5)
    finally:
        for each in pages[1:]:
            each.socket.close()


def test_sessions_know_nothing_of_each_other(fleet, page):
    with LegacyEditor(fleet.legacy(uuid.uuid4().hex)) as other:
        page.ask(PROMPT, length=40, batch_size=2)
        other.ask(PROMPT + " stood", length=4, batch_size=1)
        other.follow(PROMPT + " stood", all)
        page.follow(PROMPT, lambda texts: all(len(text) > 40 for text in texts))


@pytest.mark.parametrize("odd", ["x" * 64, "%C3%A9", "a.b-c_d~", "%20"])
def test_names_of_sessions(fleet, odd):
    with LegacyEditor(fleet.legacy(odd)) as page:
        page.ask(PROMPT, length=2, batch_size=1)
        page.follow(PROMPT, lambda texts: True)


@pytest.mark.parametrize("odd", ["x" * 65, "", "a/b"])
def test_what_is_no_name(fleet, odd):
    with pytest.raises(InvalidStatus) as refused:
        open_socket(fleet.legacy(odd))
    assert refused.value.response.status_code == 404


def test_the_test_twin(fleet, name):
    with LegacyEditor(fleet.legacy(name, twin=True)) as page:
        answers = []
        for prompt in ("anything", "at all"):
            page.send({"prompt": prompt})
            answers.append(page.receive())
            assert answers[-1].pop("prompt") == prompt
        assert answers[0] == answers[1], "the sentences are fixed"
        assert set(answers[0]) == {f"text_{index}" for index in range(4)}
        page.send("hello")
        page.send(json.dumps({"prompt": "still there"}))
        assert page.receive()["prompt"] == "still there"

"""How requests end: cancelled, superseded, past their deadline, abandoned. Editor checks the order of every frame."""

import pytest
from websockets.exceptions import ConnectionClosed

from editor import Editor
from metrics import Metrics

PROMPT = "It was a dark night"
LONG = dict(max_tokens=450, temperature=1, top_k=40)


def test_cancel_one_suggestion(editor):
    request = editor.begin(editor.ask(PROMPT, n=3, **LONG))
    editor.cancel(request, index=1)
    editor.finish(request)
    assert request.end["type"] == "completed"
    assert request.finished[1] == "cancelled"
    assert all(request.finished[index] in ("length", "end_of_text") for index in (0, 2))
    assert len(request.tokens[1]) < 450


def test_cancel_all(editor):
    request = editor.begin(editor.ask(PROMPT, n=8, **LONG))
    editor.cancel(request)
    editor.finish(request)
    assert request.end["type"] == "completed"
    assert set(request.finished) == set(range(8))
    assert "cancelled" in request.finished.values()


def test_cancel_at_once(editor):
    """The cancel may find the request waiting, running its prompt, or decoding; it ends the same way."""
    request = editor.ask(PROMPT, n=4, **LONG)
    editor.cancel(request)
    editor.finish(request)
    assert request.end["type"] == "completed"
    assert set(request.finished.values()) == {"cancelled"}


def test_cancel_of_what_is_not_there_has_no_answer(editor):
    done = editor.complete(PROMPT, max_tokens=2)
    for frame in ({"id": "nobody"}, {"id": "nobody", "index": 3}, {"id": done.id}, {"id": done.id, "index": 0}):
        editor.send({"type": "cancel", **frame})
    request = editor.ask(PROMPT, n=2, max_tokens=8)
    editor.cancel(request, index=31)
    editor.finish(request)
    assert editor.strays == []
    assert "cancelled" not in request.finished.values()


def test_an_id_is_free_again_after_its_end(editor):
    first = editor.complete(PROMPT, max_tokens=2)
    second = editor.expect(first.id)
    editor.send({"type": "suggest", "id": first.id, "prompt": PROMPT, "max_tokens": 2})
    assert editor.finish(second).end["type"] == "completed"


def test_a_newer_request_of_a_document_supersedes(editor):
    older = editor.begin(editor.ask(PROMPT, document="letter", n=4, **LONG))
    other = editor.ask(PROMPT, document="diary", max_tokens=24)
    newer = editor.ask(PROMPT + ".", document="letter", max_tokens=8)
    editor.finish(newer, older, other)
    assert older.end["type"] == "completed"
    assert "cancelled" in older.finished.values() and set(older.finished) == set(range(4))
    assert "cancelled" not in newer.finished.values()
    assert "cancelled" not in other.finished.values(), "another document is left alone"


def test_documents_belong_to_their_connection(url):
    with Editor(url) as one, Editor(url) as two:
        request = one.begin(one.ask(PROMPT, document="letter", n=2, max_tokens=80))
        two.complete(PROMPT, document="letter", max_tokens=4)
        one.finish(request)
        assert "cancelled" not in request.finished.values()


def test_ids_belong_to_their_connection(url):
    with Editor(url) as one, Editor(url) as two:
        requests = []
        for connection, tokens in ((one, 40), (two, 5)):
            requests.append(connection.expect("same"))
            connection.send(
                {"type": "suggest", "id": "same", "prompt": PROMPT, "max_tokens": tokens, "stop": [], "temperature": 0}
            )
        one.finish(requests[0])
        two.finish(requests[1])
        assert len(requests[0].tokens[0]) == 40
        assert len(requests[1].tokens[0]) == 5


def test_a_deadline_after_started(editor):
    request = editor.finish(editor.ask(PROMPT, n=32, max_tokens=480, deadline_ms=400))
    assert request.started, request.end
    assert request.end["type"] == "completed"
    assert "deadline" in request.finished.values()
    assert set(request.finished) == set(range(32))


def test_an_abandoned_request_stops(fleet, url):
    with Editor(url) as watcher:
        with Editor(url) as editor:
            editor.begin(editor.ask(PROMPT, n=32, **LONG))
        metrics = Metrics(fleet.http("service"))
        metrics.wait("inkfleet_running_requests", lambda running: running == 0, seconds=5)
        watcher.complete(PROMPT, max_tokens=2)


def test_what_is_cancelled_or_abandoned_is_in_one_more_step_at_most(fleet, url):
    """The service counts steps from its reading of the cancel, or of the connection's end. Break: let the engine take its orders
    after a step instead of before it."""
    metrics = Metrics(fleet.http("service"))
    before = metrics.sum("inkfleet_cancel_steps_count")
    with Editor(url) as editor:
        request = editor.begin(editor.ask(PROMPT, n=8, **LONG))
        editor.cancel(request, index=3)
        editor.cancel(request)
        cancelled = list(editor.finish(request).finished.values()).count("cancelled")
    with Editor(url) as editor:
        editor.begin(editor.ask(PROMPT, n=8, **LONG))
    metrics.wait("inkfleet_cancel_steps_count", lambda count: count > before + cancelled)
    assert metrics.sum("inkfleet_cancel_steps_bucket", labels=['le="1"']) == metrics.sum("inkfleet_cancel_steps_count")


def test_closing_is_answered(url):
    with Editor(url) as editor:
        editor.complete(PROMPT, max_tokens=1)
        editor.socket.close(1000)
        with pytest.raises(ConnectionClosed):
            editor.socket.recv(timeout=5)
        assert editor.socket.close_code == 1000

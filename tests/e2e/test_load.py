"""More work than room: waiting, deadlines that pass meanwhile, full queues, and editors that read slowly."""

import pytest

import programs
from editor import Editor
from metrics import Metrics

MODEL = "gpt2-demo"
LONG = dict(max_tokens=400, temperature=1)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A service whose cache holds little more than one long request, and whose queue two more."""
    folder = tmp_path_factory.mktemp("small")
    service = programs.start_model(MODEL, folder, extra=["--dtype", "fp32", "--cache-mb", 8, "--max-queue", 2])
    try:
        yield service.wait_listening().wait_ready()
    finally:
        service.close()


@pytest.fixture
def crowded(small):
    """A connection whose first request fills the cache."""
    with Editor(f"ws://{small.address}/{MODEL}") as editor:
        running = editor.ask("Once", **LONG)
        editor.begin(running)
        yield editor, running
        editor.cancel(running)
        editor.finish(running)


def waiting(editor, position=0, **fields):
    """A request that has been told that it waits."""
    request = editor.ask("Once", **{**LONG, **fields})
    while (frame := editor.receive()).get("id") != request.id:
        pass
    assert frame["type"] == "queued" and frame["position"] == position, frame
    return request


def test_a_request_waits_for_room(crowded):
    editor, running = crowded
    second = waiting(editor)
    assert second.started is None
    editor.cancel(running)
    editor.wait(lambda: second.started)
    assert running.end
    editor.cancel(second)
    editor.finish(second)


def test_a_deadline_before_started(crowded):
    editor, _ = crowded
    request = editor.finish(waiting(editor, deadline_ms=100))
    assert request.started is None
    assert (request.end["type"], request.end["code"]) == ("error", "deadline")


def test_a_full_queue_refuses_at_once(crowded):
    editor, _ = crowded
    queue = [waiting(editor, position) for position in range(2)]
    refused = editor.finish(editor.ask("Once", **LONG))
    assert (refused.end["type"], refused.end["code"]) == ("error", "overloaded")
    assert refused.end["retry_after_ms"] > 0
    for request in queue:
        editor.cancel(request)
    editor.finish(*queue)
    assert all(request.end["type"] == "completed" for request in queue)
    assert all(set(request.finished.values()) == {"cancelled"} for request in queue)


# Deliberate break: a Session::overload() that knows no `resume`.
def test_a_full_queue_takes_what_is_resumed(crowded):
    editor, running = crowded
    queue = [waiting(editor, position) for position in range(2)]
    resumed = editor.ask("Once", resume=[{"index": 0, "tokens": [running.tokens[0][0]]}], max_tokens=3)
    editor.cancel(running)
    editor.wait(lambda: resumed.started or resumed.end)
    assert resumed.started and not any(request.started for request in queue), "it goes first"
    editor.finish(resumed)
    assert resumed.end["type"] == "completed"
    for request in queue:
        editor.cancel(request)
    editor.finish(*queue)


def test_a_waiting_request_can_be_superseded(crowded):
    editor, _ = crowded
    older = waiting(editor, document="letter")
    newer = editor.ask("Once", document="letter", **LONG)
    editor.finish(older)
    assert older.started is None and older.finished == {0: "cancelled"}
    editor.cancel(newer)
    editor.finish(newer)


def test_an_editor_that_reads_slowly_loses_nothing(fleet, url, decode):
    """It reads on only when all is computed; deltas have merged meanwhile, and still follow one another."""
    with Editor(url, max_queue=1) as editor:
        request = editor.ask("Once upon a time", n=32, max_tokens=200, temperature=1)
        editor.begin(request)
        Metrics(fleet.http("service")).wait("inkfleet_running_requests", lambda running: running == 0, seconds=60)
        editor.finish(request)
    assert request.end["type"] == "completed" and len(request.finished) == 32
    for index, tokens in request.tokens.items():
        assert request.text(index) == decode(tokens)

"""Every bad frame has its documented answer, and a request on the same connection goes on undisturbed."""

import json

import pytest

from frames import is_client_frame

GOOD = {"type": "suggest", "id": "x", "prompt": "Once", "max_tokens": 2}


def suggest(**fields):
    return {**GOOD, **fields}


# A suggest whose id can be read ends in its error: the frame, and the field at fault.
ENDS_ITS_REQUEST = [
    (field, value)
    for field, values in {
        "prompt": [None, 5, ["Once"], {}],
        "document": ["d" * 129, 7],
        "n": [0, 33, -1, 1.5, "3", True, [1], 1e300],
        "max_tokens": [0, 1025, "40", 2.5],
        "temperature": [-0.1, 2.1, "0.7", True],
        "top_k": [-1, 8193, 2**31, "10", 0.5],
        "top_p": [-0.1, 1.1, "1"],
        "seed": [-1, 2**53, 2**64, "1", 0.5],
        "stop": ["x", [""], ["x" * 65], ["a"] * 5, [1]],
        "logprobs": [-1, 6, "1", True],
        "deadline_ms": [99, 600_001, "1000"],
        "heal": [1, "yes"],
        "resume": [{}, [1], [{"index": 1, "tokens": []}]],
    }.items()
    for value in values
]

# What ends no request: the text sent, then `frame` and `field` of the error.
ENDS_NOTHING = [
    ("", "", None),
    ("hello", "", None),
    ("{", "", None),
    ("[]", "", None),
    ("[" * 50_000, "", None),
    ('{"a":' * 10_000, "", None),
    ("5", "", None),
    ("null", "", None),
    ('{"type": NaN}', "", None),
    ('{"type": "suggest", "id": "y", "prompt": "a\nb"}', "", None),
    ("{}", "", "type"),
    ('{"type": 1}', "", "type"),
    ('{"type": "sing", "id": "y"}', "sing", "type"),
    ('{"type": "started", "id": "y"}', "started", "type"),
    ('{"type": "suggest", "prompt": "Once"}', "suggest", "id"),
    ('{"type": "suggest", "prompt": "Once", "id": ""}', "suggest", "id"),
    ('{"type": "suggest", "prompt": "Once", "id": 5}', "suggest", "id"),
    (json.dumps(suggest(id="i" * 65)), "suggest", "id"),
    (json.dumps(suggest(id="é" * 33)), "suggest", "id"),
    ('{"type": "cancel"}', "cancel", "id"),
    ('{"type": "cancel", "id": 5}', "cancel", "id"),
    ('{"type": "cancel", "id": "y", "index": -1}', "cancel", "index"),
    ('{"type": "cancel", "id": "y", "index": "0"}', "cancel", "index"),
    ('{"type": "prefill", "prompt": "Once"}', "prefill", "document"),
    ('{"type": "accept", "id": "y", "index": 0}', "accept", "tokens"),
]


@pytest.fixture
def busy(editor):
    """A request that runs beside every bad frame of a test and must not notice."""
    request = editor.ask("The ship sailed on", n=2, max_tokens=60, seed=4)
    editor.begin(request)
    yield request
    editor.finish(request)
    assert request.end["type"] == "completed"
    assert set(request.finished.values()) <= {"length", "end_of_text"}
    assert editor.strays == []


def test_a_bad_field_ends_its_request(editor, busy):
    for number, (field, value) in enumerate(ENDS_ITS_REQUEST):
        frame = suggest(**{"id": f"x{number}", field: value})
        request = editor.expect(frame["id"])
        editor.send(frame)
        error = editor.finish(request).end
        assert (error["type"], error["code"], error.get("field")) == ("error", "bad_request", field), (value, error)
        assert request.started is None


def test_a_bad_frame_is_named(editor, busy):
    for text, frame, field in ENDS_NOTHING:
        editor.send(text)
        error = editor.stray()
        assert (error["code"], error.get("frame"), error.get("field")) == ("bad_request", frame, field), (text[:80], error)


def test_a_binary_frame(editor, busy):
    editor.socket.send(b"\x00\x01")
    error = editor.stray()
    assert (error["code"], error["frame"]) == ("bad_request", "")


def test_a_duplicate_id(editor, busy):
    editor.send(suggest(id=busy.id))
    error = editor.stray()
    assert (error["code"], error["frame"], error["field"]) == ("bad_request", "suggest", "id")
    editor.send(suggest(id=busy.id, n=0))
    error = editor.stray()
    assert error["frame"] == "suggest", "a bad frame must not end the request that has its id"


def test_unknown_fields_and_nulls_are_nothing(editor):
    request = editor.expect("x")
    editor.send(suggest(colour="red", nested={"a": [{}] * 3}, n=None, seed=None, stop=None, resume=None, max_tokens=2.0))
    assert editor.finish(request).end["type"] == "completed"


def test_the_schemas_agree_with_the_servers():
    """What is refused above is refused by the schemas, as far as a schema can know."""
    assert is_client_frame(GOOD)
    beyond_a_schema = [("top_k", 8193), ("resume", [{"index": 1, "tokens": []}])]
    for field, value in ENDS_ITS_REQUEST:
        if (field, value) in beyond_a_schema or (field == "prompt" and value is None):
            continue
        assert not is_client_frame(suggest(**{field: value})), (field, value)
    assert not is_client_frame({"type": "suggest", "id": "x"})


def test_too_many_live_requests(fleet, door, editor):
    if door == "service":
        pytest.skip("between gateway and service there is no such limit")
    requests = [editor.ask("Once", max_tokens=400, n=1) for _ in range(16)]
    refused = editor.ask("Once", max_tokens=1)
    error = editor.finish(refused).end
    assert (error["type"], error["code"]) == ("error", "overloaded")
    assert error["retry_after_ms"] >= 0
    for request in requests:
        editor.cancel(request)
    editor.finish(*requests)
    editor.complete("Once", max_tokens=1)

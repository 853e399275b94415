"""A real text, typed as an editor would: 500-character windows at every pause, 200 pauses, no error."""

import random
import uuid

import pytest

import programs
from editor import Editor
from legacy import LegacyEditor

TEXT = (programs.ROOT / "tests" / "data" / "texts" / "northanger-abbey-excerpt.txt").read_text()
PAUSES = 200
WINDOW = 500


def windows() -> list:
    """What lies before the cursor at each pause: typing goes on by a few words, at times in the middle of one."""
    generator = random.Random(1817)
    cursor, seen = WINDOW, []
    for _ in range(PAUSES):
        cursor += generator.randint(8, 90)
        seen.append(TEXT[max(0, cursor - WINDOW) : cursor])
    return seen


def test_the_text_is_long_enough():
    assert len(windows()) == PAUSES
    assert all(len(window) == WINDOW for window in windows())


@pytest.mark.timeout(240)
def test_through_the_door_of_existing_editors(fleet):
    """One in four requests is superseded by the next before its first answer, one in ten is cancelled half way."""
    answered = superseded = cancelled = 0
    with LegacyEditor(fleet.legacy(uuid.uuid4().hex)) as page:
        for pause, window in enumerate(windows()):
            if pause % 4 == 1:
                page.ask(window[:-3], length=60, batch_size=5, top_k=10)
                superseded += 1
            page.ask(window, length=8, batch_size=3, top_k=10)
            texts = page.follow(window.strip(), lambda texts: len(texts) == 3 and any(texts))
            answered += 1
            if pause % 10 == 3:
                page.send({"message_type": "cancel_request"})
                cancelled += 1
            assert len(texts) == 3
    assert (answered, superseded, cancelled) == (200, 50, 20)


@pytest.mark.timeout(240)
def test_through_the_door_of_a_model(fleet):
    """Every request ends, each in its own way: whole, superseded by its document's next, or cancelled."""
    requests = []
    with Editor(fleet.url("gateway", "gpt2-demo-wizards")) as editor:
        for pause, window in enumerate(windows()):
            request = editor.ask(window, document="northanger", n=3, max_tokens=8 + 60 * (pause % 4 == 1), top_k=10)
            requests.append(request)
            if pause % 10 == 3:
                editor.begin(request)
                editor.cancel(request)
            if pause % 4 != 1:
                editor.finish(request)
        editor.finish(*requests)
    assert editor.strays == []
    reasons = [set(request.finished.values()) for request in requests]
    assert all(request.end["type"] == "completed" and len(request.finished) == 3 for request in requests)
    whole = sum(reason <= {"length", "end_of_text"} for reason in reasons)
    assert whole >= PAUSES * 0.6
    assert sum("cancelled" in reason for reason in reasons) >= PAUSES // 8

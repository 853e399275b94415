"""Warming ahead: what the page lets a service compute before it asks, and what that saves the question."""

import json

import pytest
from playwright.sync_api import expect
from tokenizers import Tokenizer

import programs

BURST_MS = 50  # as in pace.ts
RETAKEN = 1  # `heal` takes the prompt's last token back
LAST = 1  # is computed in any case

# Texts of these tests alone: what the service has of them in its cache, it has from here.
TYPED = "Seven grey geese were walking down to the mill"
KEPT = "Beyond the orchard a lantern was swinging from hand to hand, and the dogs had gone quiet. " * 4
COLD = "Nobody had wound the clock since the old doctor left. " * 4
HERE, THERE = "Under the bridge the water was black", "and the ferryman counted his coins twice"


@pytest.fixture(scope="session")
def count():
    """How many tokens a text has, by the tokenizers package."""
    tokenizer = Tokenizer.from_file(str(programs.MODELS / "gpt2-demo" / "tokenizer.json"))
    return lambda text: len(tokenizer.encode(text).ids)


def prefilled(page) -> list[dict]:
    return [frame for frame in page.received if frame["type"] == "prefilled"]


def prefills(page) -> list[str]:
    return [frame["prompt"] for frame in page.sent if frame["type"] == "prefill"]


def assert_warm(page, prompt: str, tokens: int):
    """The question about this text is told that the service has it already."""
    page.wait_frames(lambda: page.asked() and page.last_asked()["prompt"] == prompt and page.answered())
    asked = page.last_asked()["id"]
    usage = next(frame["usage"] for frame in page.received if frame["type"] == "completed" and frame["id"] == asked)
    assert usage["prompt_tokens"] == tokens - RETAKEN
    assert usage["cached_tokens"] >= tokens - RETAKEN - LAST > 0


# Deliberate break: a Pace.key() that does not warm within a burst.
def test_a_burst_of_keys_warms_what_is_asked_then(fleet, visit, count):
    page = visit(fleet.url).connected()
    clock = page.page.clock  # the page's time stands still: all keys are one burst, for as long as the test likes
    clock.install(time=0)
    clock.pause_at(1_000)
    page.type(TYPED)
    page.wait_frames(lambda: any(frame["prompt_tokens"] == count(TYPED) for frame in prefilled(page)))
    assert prefills(page) == [TYPED[:end] for end in range(2, len(TYPED) + 1)]
    assert {frame["document"] for frame in page.sent if frame["type"] == "prefill"} == {page.last_asked()["document"]}
    assert [frame["prompt"] for frame in page.asked()] == [TYPED[0]]
    clock.run_for(BURST_MS)
    assert_warm(page, TYPED, count(TYPED))


def come_back(fleet, visit, text: str, settings: dict):
    page = visit(fleet.url, {**settings, "suggest": False}).connected()
    page.text.focus()
    page.page.keyboard.insert_text(text)
    page.page.evaluate("settings => localStorage.setItem('inkfleet.settings', settings)", json.dumps({"seed": 7, **settings}))
    page.page.reload()
    return page.connected()


# Deliberate break: a Page.#connection() that warms nothing.
def test_a_text_that_somebody_comes_back_to_is_warmed(fleet, visit, count):
    page = come_back(fleet, visit, KEPT, {})
    page.wait_frames(lambda: prefilled(page))
    assert prefills(page) == [KEPT]
    assert prefilled(page)[0]["prompt_tokens"] == count(KEPT)
    page.press("Control+ ")
    assert_warm(page, KEPT, count(KEPT))


def test_a_place_that_the_cursor_goes_to_is_warmed(fleet, visit, count):
    page = visit(fleet.url, {"suggest": False}).connected()
    page.type(HERE).press("Enter").type(THERE)
    page.page.get_by_role("switch", name="Suggestions").click()
    page.text.focus()
    page.press("ArrowUp", "End")
    page.wait_frames(lambda: any(frame["prompt_tokens"] == count(HERE) for frame in prefilled(page)))
    assert page.asked() == []
    page.press("Control+ ")
    assert_warm(page, HERE, count(HERE))


def test_switched_off_it_warms_nothing(fleet, visit):
    page = come_back(fleet, visit, COLD, {"prefill": False})
    page.type("!?")
    expect(page.ghost).to_be_visible()
    assert prefills(page) == []

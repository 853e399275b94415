"""Suggestions while somebody types: streams, taking, choosing, dismissing, superseding."""

import json
import re

import pytest
from editor import Editor
from playwright.sync_api import expect

PROMPT = "The old castle stood"


@pytest.fixture
def page(fleet, visit):
    return visit(fleet.url).connected()


def told(fleet, frame: dict, model: str = "gpt2-demo") -> list[str]:
    """What the service answers to the page's own question, asked by a client that is not ours."""
    fields = {name: value for name, value in frame.items() if name not in ("type", "id", "document", "deadline_ms", "resume", "voice")}
    with Editor(f"ws://{fleet.services[model].address}/{model}") as editor:
        request = editor.complete(**fields)
    return [request.text(index) for index in range(fields["n"])]


def shown(text: str) -> str:
    return re.sub(r"\n+", " ↵ ", text)


# Deliberate break: Writer.#grow that leaves out every second piece.
def test_what_is_shown_is_what_the_service_says(fleet, page):
    page.type(PROMPT)
    ghost = page.whole_ghost()
    texts = told(fleet, page.last_asked())
    assert page.last_asked()["prompt"] == PROMPT
    assert ghost == shown(texts[0])
    assert page.options.all_text_contents() == [shown(text) for text in dict.fromkeys(texts)]
    assert page.last_asked()["heal"] is True


# Deliberate break: an Asking.ask() that follows a voice once the one before is complete.
def test_two_voices_stream_side_by_side(fleet, visit, slow):
    slow("gpt2-demo", 60)
    slow("gpt2-demo-wizards", 60)
    page = visit(f"{fleet.url}?model=gpt2,gpt2-demo-wizards").connected()
    page.type(PROMPT)
    groups = page.page.get_by_role("group")
    expect(groups).to_have_count(2)
    assert [group.get_attribute("aria-label") for group in groups.all()] == ["General", "Wizards"]
    groups_growing = "() => document.querySelectorAll('#suggestions [role=group]:has(.growing)').length"
    page.page.wait_for_function(f"{groups_growing} === 2")
    page.whole_ghost()
    both = [frame for frame in page.asked() if frame["prompt"] == PROMPT]
    assert [frame["voice"] for frame in both] == list(fleet.MODELS)
    assert len({json.dumps({**frame, "id": "", "voice": "", "deadline_ms": 0}) for frame in both}) == 1
    texts = [shown(text) for model in fleet.MODELS for text in told(fleet, both[0], model)]
    assert page.options.all_text_contents() == texts


def test_tab_takes_it_whole_and_asks_on(fleet, page):
    page.type(PROMPT)
    ghost = page.whole_ghost()
    page.press("Tab")
    page.wait_frames(lambda: page.last_asked()["prompt"] != PROMPT)
    assert shown(page.written()) == shown(PROMPT + ghost.replace(" ↵ ", "\n"))
    taken = [frame for frame in page.sent if frame["type"] == "accept"]
    assert [(frame["index"], frame["tokens"] > 0) for frame in taken] == [(0, True)]
    expect(page.ghost).to_be_visible()


# Deliberate break: firstWord() that returns the whole length.
@pytest.mark.parametrize("keys", ["Control+ArrowRight", "Alt+ArrowRight"])
def test_a_word_at_a_time(page, keys):
    page.type(PROMPT)
    ghost = page.whole_ghost()
    asked = len(page.asked())
    words = re.findall(r"\s*\S+", ghost)
    page.press(keys)
    expect(page.options).to_have_count(1)
    first = page.written().removeprefix(PROMPT)
    assert first and words[0].startswith(first.rstrip(".,;:!?'\"-") or first)
    expect(page.ghost).to_have_text(ghost[len(first) :])
    page.press(keys)
    second = page.written().removeprefix(PROMPT)
    assert ghost.startswith(second) and len(second) > len(first)
    assert len(page.asked()) == asked, "what is left of it is still there"
    page.wait_frames(lambda: [frame["index"] for frame in page.sent if frame["type"] == "accept"] == [0, 0])


def test_arrows_choose(page):
    page.type(PROMPT)
    page.whole_ghost()
    texts = page.options.all_text_contents()
    page.press("ArrowDown")
    expect(page.ghost).to_have_text(texts[1])
    expect(page.options.nth(1)).to_have_attribute("aria-selected", "true")
    assert page.text.get_attribute("aria-activedescendant") == page.options.nth(1).get_attribute("id")
    page.press("ArrowUp", "ArrowUp")
    expect(page.ghost).to_have_text(texts[-1])
    page.press("Tab")
    expect(page.text).to_contain_text(texts[-1].split("↵")[0].strip())


def test_a_press_on_one_takes_it(page):
    page.type(PROMPT)
    page.whole_ghost()
    text = page.options.nth(1).text_content()
    page.options.nth(1).click()
    expect(page.text).to_contain_text(PROMPT + text.split(" ↵ ")[0])


def test_escape_sends_them_away_until_the_next_key(page, slow):
    slow("gpt2-demo", 100)
    page.type(PROMPT)
    expect(page.ghost).to_be_visible()
    page.press("Escape")
    expect(page.ghost).to_have_count(0)
    expect(page.options.first).to_be_hidden()
    request = page.last_asked()["id"]
    page.wait_frames(lambda: [frame for frame in page.sent if frame["type"] == "cancel" and frame["id"] == request])
    page.press("ArrowLeft", "ArrowRight")
    asked = len(page.asked())
    page.type(" on")
    expect(page.ghost).to_be_visible()
    assert len(page.asked()) > asked


# Deliberate break: no `document` in what is asked: the older answer runs on to its end.
def test_typing_on_supersedes_at_once(page, slow):
    slow("gpt2-demo", 150)
    page.type(PROMPT)
    expect(page.ghost).to_be_visible()
    older = page.last_asked()
    page.type(" xq")
    newer = page.wait_frames(lambda: page.last_asked() if page.last_asked()["prompt"].endswith("xq") else None)
    assert newer["document"] == older["document"]
    ends = page.wait_frames(
        lambda: [f for f in page.received if f.get("id") == older["id"] and f["type"] == "finished"][2:]
    )
    assert ends[0]["reason"] == "cancelled"
    page.wait_frames(lambda: [f for f in page.received if f.get("id") == newer["id"] and f["type"] == "delta"])


def test_a_key_that_goes_along_keeps_what_is_offered(page, slow):
    page.type(PROMPT)
    ghost = page.whole_ghost()
    slow("gpt2-demo", 400)  # the next answer takes its time
    page.type(ghost[:2])
    expect(page.ghost).to_have_text(ghost[2:])


# Deliberate break: insertSuggested() without closeHistory().
def test_undo_gives_back_what_was_taken(page):
    page.type(PROMPT)
    page.whole_ghost()
    page.press("Tab")
    page.type("!")
    page.press("Control+z")
    page.press("Control+z")
    assert page.written() == PROMPT


def test_switched_off_it_says_nothing(page):
    page.page.get_by_role("switch", name="Suggestions").click()
    before = len(page.sent)
    page.type(PROMPT)
    expect(page.page.locator("[data-field=words]")).to_have_text("4 words")
    page.page.get_by_role("switch", name="Suggestions").click()
    page.type("x")
    expect(page.ghost).to_be_visible()
    assert {frame["prompt"] for frame in page.sent[before:] if "prompt" in frame} == {PROMPT + "x"}


# Deliberate breaks: a Writer.changed() that does not look at view.composing lets the older answer run on; one whose #ask() does not
# look either asks in the middle of a word.
def test_composition_asks_for_nothing_until_it_ends(page, slow):
    slow("gpt2-demo", 150)
    page.type("The word ")
    expect(page.ghost).to_be_visible()
    older = page.last_asked()["id"]
    devices = page.page.context.new_cdp_session(page.page)
    for part in ("n", "ni", "に", "にほ", "にほん"):
        devices.send("Input.imeSetComposition", {"text": part, "selectionStart": len(part), "selectionEnd": len(part)})
    page.wait_frames(lambda: [frame for frame in page.sent if frame["type"] == "cancel" and frame["id"] == older])
    expect(page.text).to_contain_text("にほん")
    expect(page.ghost).to_have_count(0)
    assert {f["prompt"] for f in page.sent if "prompt" in f} <= {"The word "[:end] for end in range(1, 10)}
    devices.send("Input.insertText", {"text": "日本"})
    expect(page.text).to_contain_text("The word 日本")
    page.wait_frames(lambda: page.last_asked()["prompt"] == "The word 日本")
    expect(page.ghost).to_be_visible()


def test_prompts_grow_from_where_they_began(page):
    """A long text: each question's prompt begins as the one before did, and the service has it in its cache."""
    line = "The old castle stood on a hill above the sea, and nobody lived there any more. "
    for _ in range(4):
        page.text.focus()
        page.page.keyboard.insert_text(line * 12)
        page.press("Enter")
    page.type("And then somebody came, one evening", delay=30)
    page.whole_ghost()
    prompts = [frame["prompt"] for frame in page.asked()][-8:]
    assert all(later.startswith(earlier) for earlier, later in zip(prompts, prompts[1:], strict=False))
    assert len(prompts[-1]) > 2_000
    started = page.wait_frames(lambda: [f for f in page.received if f["type"] == "started"][-1:])[0]
    assert started["cached_tokens"] >= started["prompt_tokens"] - 8


def test_control_space_asks_anywhere(page):
    page.press("Control+ ")
    expect(page.ghost).to_be_visible()
    assert page.last_asked()["prompt"] == ""


def test_what_a_receipt_says_can_be_made_again(fleet, visit):
    page = visit(fleet.url, {"seed": None}, permissions=["clipboard-read", "clipboard-write"]).connected()
    page.type(PROMPT)
    page.whole_ghost()
    page.page.get_by_role("button", name=re.compile("^seed")).click()
    page.page.get_by_role("button", name="Copy as JSON").click()
    expect(page.page.locator("#toast")).to_have_text("Copied.")
    [proof] = page.page.evaluate("navigator.clipboard.readText().then(JSON.parse)")
    assert told(fleet, {**proof["request"], "seed": proof["receipt"]["seed"]}) == proof["texts"]

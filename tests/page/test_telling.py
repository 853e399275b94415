"""What the page tells: the connection and the figures at its foot, and what screen readers hear."""

import re

import pytest
from playwright.sync_api import expect

PROMPT = "The old castle stood"
MODEL = "gpt2-demo"
N = 3
DRAWN_MS, QUIET_MS = 100, 700  # a frame or some; longer than the announcer waits


@pytest.fixture
def page(fleet, visit):
    return visit(fleet.url, {"n": N, "length": 8}).connected()


def field(page, name: str):
    return page.page.locator(f"[data-field={name}]")


def figure(page, name: str, words: str) -> int:
    """The number in a figure at the foot of the page."""
    return int(re.fullmatch(words.replace("#", r"(\d+)"), field(page, name).text_content())[1])


# Deliberate breaks: a Meter.key() that does not forget the answer before; a StatusBar that shows no rate.
def test_first_token_and_rate_are_those_of_the_latest_answer(page, slow):
    """Steps of a service that last so much longer at least: bounds that hold on any machine."""
    expect(field(page, "connection")).to_have_text("Connected")
    for name in ("first-token", "rate", "queue", "message"):
        expect(field(page, name)).to_be_hidden()
    for step_ms, text in ((150, "The old"), (600, " castle")):
        slow(MODEL, step_ms)
        page.text.focus()
        page.page.keyboard.insert_text(text)
        page.whole_ghost()
        assert figure(page, "first-token", "first token # ms") >= step_ms
        most = N * 1_000 / step_ms
        assert 0 < figure(page, "rate", "# tokens/s") <= 2 * most, "more tokens than it has computed"
    expect(field(page, "queue")).to_be_hidden()


class Ears:
    """What a screen reader is told, with the page's time in the test's hand: it stands still unless it is let go on."""

    def __init__(self, page):
        self.page = page
        self.clock = page.page.clock
        self.clock.install(time=0)
        self.clock.pause_at(1_000)
        page.page.evaluate("""() => {
            window.heard = [];
            const live = document.querySelector("#live");
            new MutationObserver(() => heard.push(live.textContent)).observe(live, { childList: true, characterData: true, subtree: true });
        }""")

    def ask(self, text: str):
        """One key of a person, answered and drawn, and not yet told."""
        self.page.page.keyboard.insert_text(text)
        self.answered()

    def answered(self):
        page = self.page
        page.wait_frames(lambda: page.asked() and page.last_asked()["prompt"] == page.written() and page.answered())
        self.clock.run_for(DRAWN_MS)
        expect(self.page.ghost).to_be_visible()

    def settle(self):
        self.clock.run_for(QUIET_MS)

    @property
    def heard(self) -> list[str]:
        return self.page.page.evaluate("heard")


@pytest.fixture
def ears(page):
    page.text.focus()
    return Ears(page)


def offered(page) -> str:
    return f"{page.options.count()} suggestions. {page.ghost.text_content()}"


# Deliberate breaks: an Announcer.say() that does not wait; a Page.taken() that says nothing.
def test_suggestions_are_told_once_they_rest_and_what_is_taken_at_once(page, ears):
    assert page.page.locator("#live").get_attribute("aria-live") == "polite"
    ears.ask(PROMPT)
    assert ears.heard == []
    first = offered(page)
    ears.settle()
    assert ears.heard == [first]

    ghost = page.ghost.text_content()
    page.press("Control+ArrowRight")
    word = page.written().removeprefix(PROMPT)
    assert ears.heard == [first, f"Taken: {word}"]
    ears.settle()
    rest = f"1 suggestion. {ghost.removeprefix(word)}"
    assert ears.heard == [first, f"Taken: {word}", rest]

    page.press("Tab")
    assert ears.heard[3:] == [f"Taken: {ghost.removeprefix(word)}"]
    ears.answered()
    assert len(ears.heard) == 4
    ears.settle()
    assert ears.heard[4:] == [offered(page)]


# Deliberate break: a Page.hide() that does not silence the announcer.
def test_what_was_sent_away_is_not_told(page, ears):
    ears.ask(PROMPT)
    page.press("Escape")
    ears.settle()
    expect(page.ghost).to_have_count(0)
    ears.settle()
    assert ears.heard == []


# Deliberate break: a message that is `hidden` while it is empty, or a toast with `visibility: hidden`.
def test_what_is_told_has_its_place_before(page):
    """Screen readers tell what changes in a live region that they knew; one that comes with its words they may pass over."""
    devices = page.page.context.new_cdp_session(page.page)
    root = devices.send("DOM.getDocument")["root"]["nodeId"]
    for place in ("#live", "#toast", "[data-field=message]", "[data-field=connection]"):
        node = devices.send("DOM.querySelector", {"nodeId": root, "selector": place})["nodeId"]
        known = devices.send("Accessibility.getPartialAXTree", {"nodeId": node, "fetchRelatives": False})["nodes"][0]
        assert not known["ignored"], place
        assert {"name": "live", "value": {"type": "token", "value": "polite"}} in known["properties"], place

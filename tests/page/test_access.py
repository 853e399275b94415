"""For everybody: nothing that axe finds, a small first load, and pictures of what it looks like."""

import os
from pathlib import Path

import pytest
from conftest import ROOT
from playwright.sync_api import expect

FIRST_LOAD_BYTES = 200 * 1024
SHOTS = Path(os.environ.get("INKFLEET_SHOTS", ROOT / "build" / "page-screenshots"))
AXE = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text()

WIDE, NARROW = {"width": 1100, "height": 760}, {"width": 390, "height": 780}
STORY = "The letter had lain in the drawer for twenty years. She read it once more, and"


def nothing(page):
    pass


def offered(page):
    page.type(STORY)
    page.whole_ghost()


def side_by_side(page):
    page.page.get_by_role("button", name="Voices").click()
    page.page.get_by_role("button", name="Beside: Wizards").click()
    page.press("Escape")
    page.type(STORY)
    expect(page.page.get_by_role("group")).to_have_count(2)
    page.whole_ghost()


def voices(page):
    page.page.get_by_role("button", name="Voices").click()


def receipt(page):
    offered(page)
    page.page.locator("[data-field=receipt]").click()


STATES = {
    "empty": nothing,
    "offered": offered,
    "side-by-side": side_by_side,
    "voices": voices,
    "settings": lambda page: page.action("settings"),
    "tour": lambda page: page.action("tour"),
    "receipt": receipt,
}


def violations(page) -> list[str]:
    page.page.evaluate(AXE)
    found = page.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [f"{rule['id']}: {rule['help']}: {[node['html'] for node in rule['nodes']]}" for rule in found["violations"]]


# Deliberate break: index.html without the aria-label of the listbox.
@pytest.mark.parametrize("scheme, viewport", [("light", WIDE), ("dark", WIDE), ("dark", NARROW)], ids=["light", "dark", "narrow"])
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing(fleet, visit, state, scheme, viewport):
    page = visit(fleet.url, viewport=viewport, color_scheme=scheme, reduced_motion="reduce").connected()
    STATES[state](page)
    kind = "narrow" if viewport is NARROW else scheme
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.page.screenshot(path=SHOTS / f"{state}-{kind}.png")
    assert violations(page) == []
    assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it is wider than the window"


def test_the_first_load_is_small_and_goes_to_the_gateway_alone(fleet, visit):
    page = visit("about:blank")
    devices = page.page.context.new_cdp_session(page.page)
    devices.send("Network.enable")
    loaded, asked = [], []
    devices.on("Network.loadingFinished", lambda event: loaded.append(event["encodedDataLength"]))
    devices.on("Network.requestWillBeSent", lambda event: asked.append(event["request"]["url"]))
    page.page.goto(fleet.url)
    page.connected()
    page.type("The")
    expect(page.ghost).to_be_visible()
    assert sum(loaded) <= FIRST_LOAD_BYTES
    assert len(loaded) >= 3 and all(url.startswith(fleet.url) for url in asked), asked


# Deliberate break: a policy with 'unsafe-inline'.
def test_what_is_put_into_the_page_does_not_run(fleet, visit):
    page = visit(fleet.url).connected()
    page.page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.ran = true";
        document.head.append(script);
        document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.ran = true'>");
    }""")
    page.wait_frames(lambda: len(page.wrong) >= 2)
    assert page.page.evaluate("window.ran") is None
    assert all("Content Security Policy" in wrong for wrong in page.wrong)
    page.wrong.clear()


def test_a_paste_from_elsewhere_brings_no_foreign_parts(fleet, visit):
    page = visit(fleet.url, {"suggest": False}).connected()
    page.text.focus()
    page.page.evaluate("""() => {
        const data = new DataTransfer();
        data.setData("text/html", "<p onclick='x()'>One <b style='color:red'>bold</b><script>x()</scr" + "ipt><img src='http://x.invalid/'></p>");
        document.querySelector("#text").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    }""")
    html = page.text.inner_html()
    assert "<strong>bold</strong>" in html
    assert not any(part in html for part in ("script", "img", "onclick", "style"))
    assert all("Content Security Policy" in wrong for wrong in page.wrong)
    page.wrong.clear()

"""The page as a person has it before them, and what it says to the gateway."""

import json

from playwright.sync_api import BrowserContext, expect

SETTINGS = {"n": 3, "length": 16, "temperature": 0.8, "top_k": 40, "seed": 7}


class WritingPage:
    """A page, and the frames of all its WebSockets, oldest first: `sent` and `received`, each with the `voice` it belongs to."""

    def __init__(self, context: BrowserContext, url: str, settings: dict):
        self.page = context.new_page()
        self.sent, self.received, self.wrong, self.urls = [], [], [], []
        self.page.on("websocket", self._listen)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", self._console)
        kept = json.dumps({**SETTINGS, **settings})
        self.page.add_init_script(
            "if (location.protocol !== 'about:' && !localStorage.getItem('inkfleet.settings'))"
            f"  localStorage.setItem('inkfleet.settings', {json.dumps(kept)})"
        )
        self.page.goto(url)

    def connected(self):
        expect(self.page.locator("#status")).to_have_attribute("data-state", "open")
        return self

    def _listen(self, socket):
        self.urls.append(socket.url)
        voice = {"voice": socket.url.rsplit("/", 1)[-1]}
        socket.on("framesent", lambda data: self.sent.append(json.loads(data) | voice))
        socket.on("framereceived", lambda data: self.received.append(json.loads(data) | voice))

    def _console(self, message):
        # That a connection was refused is what some tests are about; the browser says it in any case.
        if message.type == "error" and "WebSocket" not in message.text and "Failed to load resource" not in message.text:
            self.wrong.append(message.text)

    def assert_sound(self):
        assert self.wrong == []

    # ---- what a person does ----

    @property
    def text(self):
        return self.page.locator("#text")

    def type(self, text: str, delay: float = 0):
        self.text.focus()
        self.page.keyboard.type(text, delay=delay)
        return self

    def press(self, *keys: str):
        for key in keys:
            self.page.keyboard.press(key)
        return self

    def action(self, name: str):
        self.page.locator(f"[data-action={name}]").first.click()
        return self

    # ---- what a person sees ----

    @property
    def ghost(self):
        return self.page.locator("#text .ghost")

    @property
    def options(self):
        return self.page.locator("#suggestions [role=option]")

    @property
    def message(self):
        return self.page.locator("[data-field=message]")

    def written(self) -> str:
        """The text without what is only suggested, a line for each block."""
        return self.page.evaluate(
            """() => [...document.querySelectorAll("#text > *")].map((block) => {
                const copy = block.cloneNode(true);
                copy.querySelectorAll(".ghost, .ProseMirror-trailingBreak").forEach((node) => node.remove());
                return copy.textContent;
            }).join("\\n")"""
        )

    def whole_ghost(self) -> str:
        """The suggestion at the cursor, once the question about the text as it is has its whole answer, and that is drawn."""
        line = self.written().split("\n")[-1]
        self.wait_frames(lambda: self.asked() and self.last_asked()["prompt"].endswith(line) and self.answered())
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        expect(self.page.locator(".suggestion.growing")).to_have_count(0)
        return self.ghost.text_content()

    # ---- what it says ----

    def asked(self) -> list[dict]:
        return [frame for frame in self.sent if frame["type"] == "suggest"]

    def last_asked(self) -> dict:
        return self.asked()[-1]

    def answered(self) -> bool:
        """Whether the latest question is completed, by each voice that it was put to."""
        prompt = self.last_asked()["prompt"]
        latest = {frame["voice"]: frame["id"] for frame in self.asked() if frame["prompt"] == prompt}
        ended = {(frame["voice"], frame.get("id")) for frame in self.received if frame["type"] == "completed"}
        return set(latest.items()) <= ended

    def wait_frames(self, condition):
        """Until what was sent and received is as it should be."""
        end = 20_000
        while not (value := condition()):
            assert end > 0, f"it did not come to that; sent: {self.sent[-5:]}; received: {self.received[-5:]}"
            self.page.wait_for_timeout(20)  # lets events in
            end -= 20
        return value

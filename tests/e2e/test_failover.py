"""A service dies or hangs in the middle of what it writes, and no editor notices. Two replicas under one gateway, in int8: there a
text is the same bytes wherever it is computed."""

import signal
import uuid

import pytest

import programs
from editor import Editor
from legacy import LegacyEditor
from metrics import Metrics

MODEL = "gpt2-demo"
PROMPTS = ["The storm grew", "She opened the box and", "At the end of the road", "Nobody had told him", "The wizard said"]
FIELDS = dict(n=5, max_tokens=300, temperature=0.9)
DETECTED_S = 3
HELD = 10  # tokens of a suggestion before anything happens, at least on the average


class Pair:
    """Two replicas, and a gateway once it is opened. The second one hangs before the gateway sees it, so that the first gets all
    requests."""

    def __init__(self, folder):
        self.folder = folder
        self.programs = []
        self.first = self.start(programs.start_model(MODEL, folder, extra=["--dtype", "int8"]))
        self.second = self.start(programs.start_model(MODEL, folder, extra=["--dtype", "int8"]))

    def open(self):
        self.second.process.send_signal(signal.SIGSTOP)
        route = programs.route(MODEL, [self.first.address, self.second.address])
        self.gateway = self.start(programs.start_gateway({"listen": "127.0.0.1:0", "routes": [route]}, self.folder))
        self.gateway.wait_serving(MODEL)
        self.metrics = Metrics(f"http://{self.gateway.address}")
        self.url = f"ws://{self.gateway.address}/{MODEL}"

    def start(self, program):
        self.programs.append(program)
        return program.wait_listening().wait_ready()

    def legacy(self) -> str:
        return f"ws://{self.gateway.address}/ws/async/writeup/text_generation/session/{uuid.uuid4().hex}/"

    def bring_second(self):
        self.second.process.send_signal(signal.SIGCONT)
        self.metrics.wait("inkfleet_gateway_upstream_connected", lambda up: up == 2)

    def disturb(self, how: str, requests: int):
        """All that runs is at the first service; then it is at the second one."""
        self.bring_second()
        self.first.process.send_signal(getattr(signal, how))
        self.metrics.wait("inkfleet_gateway_moves_total", lambda moves: moves == requests, DETECTED_S)

    def bring_back_first(self):
        self.first.process.send_signal(signal.SIGCONT)
        self.metrics.wait("inkfleet_gateway_upstream_probe_ok", lambda well: well == 2)

    def close(self):
        for program in self.programs:
            if program.process.poll() is None:
                program.process.send_signal(signal.SIGCONT)
            program.close()


@pytest.fixture
def pair(tmp_path):
    pair = Pair(tmp_path)
    try:
        yield pair
    finally:
        pair.close()


def asks():
    return [dict(prompt=prompt, seed=100 + i, **FIELDS) for i, prompt in enumerate(PROMPTS)]


@pytest.fixture
def whole(pair):
    """What the editors get when nothing happens."""
    with Editor(f"ws://{pair.first.address}/{MODEL}") as editor:
        return [editor.complete(**ask) for ask in asks()]


@pytest.fixture
def running(pair, whole):
    """Editors, each with a request that the first service is at work on."""
    pair.open()
    editors = [Editor(pair.url) for _ in PROMPTS]
    requests = [editor.ask(**ask) for editor, ask in zip(editors, asks(), strict=True)]
    for editor, request in zip(editors, requests, strict=True):
        editor.wait(lambda request=request: tokens_of([request]) >= HELD * FIELDS["n"])
    yield list(zip(editors, requests, strict=True))
    for editor in editors:
        editor.socket.close()


def assert_same(request, whole):
    assert request.end["type"] == "completed", request.end
    assert request.tokens == whole.tokens
    assert request.texts == whole.texts
    assert request.finished == whole.finished
    assert request.end["usage"]["completion_tokens"] == whole.end["usage"]["completion_tokens"]
    assert request.end["receipt"] == whole.end["receipt"]


def tokens_of(requests) -> int:
    return sum(len(tokens) for request in requests for tokens in request.tokens.values())


# Editor itself refuses a second `started`, an overlap, a gap, and a frame after the end.
# Deliberate break: a Progress::rest() without `resume` has everything decoded again, which both counters and offsets show.
def test_a_kill_is_not_noticed(pair, whole, running):
    rows = Metrics(f"http://{pair.second.address}")
    held = tokens_of(request for _, request in running)
    pair.disturb("SIGKILL", len(running))
    for (editor, request), undisturbed in zip(running, whole, strict=True):
        editor.finish(request)
        assert_same(request, undisturbed)
    decoded, prefilled = (rows.sum(f"inkfleet_engine_{kind}_rows_total") for kind in ("decode", "prefill"))
    assert held >= HELD * FIELDS["n"] * len(running)
    assert 0 < decoded <= tokens_of(whole) - held, "what was produced is not decoded again"
    assert prefilled >= held / 2, "but read; what siblings begin with is read once"


# Deliberate break: a HealthProbe that calls every answer well leaves the requests where they are.
def test_a_hang_is_not_noticed_and_its_late_frames_are_dropped(pair, whole, running):
    pair.disturb("SIGSTOP", len(running))
    for (editor, request), undisturbed in zip(running, whole, strict=True):
        editor.finish(request)
        assert_same(request, undisturbed)

    pair.bring_back_first()
    pair.second.kill()
    for (editor, _), ask, undisturbed in zip(running, asks(), whole, strict=True):
        assert_same(editor.complete(**ask), undisturbed)  # by the first one, with nothing of what it had been at
        assert editor.strays == []


@pytest.mark.parametrize("how", ["SIGKILL", "SIGSTOP"])
def test_existing_editors_do_not_notice(pair, how):
    with Editor(f"ws://{pair.first.address}/{MODEL}") as editor:
        greedy = [editor.complete(prompt, max_tokens=250, temperature=0).text().strip() for prompt in PROMPTS]
    pair.open()
    pages = [LegacyEditor(pair.legacy()) for _ in PROMPTS]
    for page, prompt in zip(pages, PROMPTS, strict=True):
        page.ask(prompt, model_name=MODEL, batch_size=5, length=250, top_k=1)
    begun = [page.follow(prompt, all) for page, prompt in zip(pages, PROMPTS, strict=True)]
    pair.disturb(how, len(pages))
    for page, prompt, before, text in zip(pages, PROMPTS, begun, greedy, strict=True):
        texts = page.follow(prompt, lambda texts, text=text: texts == [text] * 5)
        assert all(now.startswith(then) for now, then in zip(texts, before, strict=True))
        page.socket.close()

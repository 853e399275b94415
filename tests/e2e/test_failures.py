"""A service under the gateway goes away, comes back, and was never there. Each test has a fleet of its own."""

import contextlib

import pytest

import programs
from editor import Editor
from legacy import LegacyEditor

MODEL = "gpt2-demo"
PROMPT = "The storm grew"
LONG = dict(n=8, max_tokens=450, temperature=1)


@pytest.fixture
def starter(tmp_path):
    """Starts programs that end with the test."""
    with contextlib.ExitStack() as stack:

        def start(program):
            stack.callback(program.close)
            return program.wait_listening().wait_ready()

        start.folder = tmp_path
        yield start


def gateway_for(start, *ports):
    routes = [programs.route(MODEL, [f"127.0.0.1:{port}" for port in ports])]
    return start(programs.start_gateway({"listen": "127.0.0.1:0", "routes": routes}, start.folder))


def model_on(start, port=None):
    return start(programs.start_model(MODEL, start.folder, f"127.0.0.1:{port or programs.free_port()}"))


def completes_eventually(editor, attempts: int = 100):
    """A gateway may need a moment to find its service again; it says so, with the time to wait."""
    for _ in range(attempts):
        request = editor.finish(editor.ask(PROMPT, max_tokens=4))
        if request.end["type"] == "completed":
            return request
        assert request.end["code"] == "unavailable", request.end
        with contextlib.suppress(TimeoutError):
            editor.receive(min(request.end["retry_after_ms"], 1000) / 1000)
    raise AssertionError(f"still {request.end}")


def test_a_killed_service_comes_back(starter):
    service = model_on(starter)
    gateway = gateway_for(starter, service.port).wait_serving(MODEL)
    with Editor(f"ws://{gateway.address}/{MODEL}") as editor:
        request = editor.ask(PROMPT, **LONG)
        editor.begin(request)
        service.kill()
        editor.finish(request)
        assert request.end["type"] == "error"
        assert request.end["code"] in ("internal", "unavailable")
        assert "failed" in request.finished.values()

        model_on(starter, service.port)
        completes_eventually(editor)
    assert gateway.process.poll() is None
    with Editor(f"ws://{gateway.address}/{MODEL}") as editor:
        editor.complete(PROMPT, max_tokens=2)


def test_while_no_service_is_there(starter):
    port = programs.free_port()
    gateway = gateway_for(starter, port)
    with Editor(f"ws://{gateway.address}/{MODEL}") as editor:
        error = editor.finish(editor.ask(PROMPT)).end
        assert (error["type"], error["code"]) == ("error", "unavailable")
        assert error["retry_after_ms"] > 0
        model_on(starter, port)
        completes_eventually(editor)


def test_a_legacy_editor_is_told_of_a_failure(starter):
    service = model_on(starter)
    routes = [{**programs.route(MODEL, [service.address]), "aliases": ["gpt2-medium"]}]
    gateway = starter(programs.start_gateway({"listen": "127.0.0.1:0", "routes": routes}, starter.folder))
    gateway.wait_serving(MODEL)
    with LegacyEditor(f"ws://{gateway.address}/ws/async/writeup/text_generation/session/s/") as page:
        page.ask(PROMPT, length=256, batch_size=10)
        page.follow(PROMPT, lambda texts: True)
        service.kill()
        while (message := page.receive())["text_0"] != "An Error Occurred":
            assert message["prompt"] == PROMPT


def test_two_replicas_outlive_one(starter):
    replicas = [model_on(starter), model_on(starter)]
    gateway = gateway_for(starter, *(replica.port for replica in replicas))
    gateway.wait_serving(MODEL)
    with Editor(f"ws://{gateway.address}/{MODEL}") as editor:
        editor.complete(PROMPT, max_tokens=2)
        replicas[0].kill()
        editor.finish(editor.ask(PROMPT, max_tokens=2))
        for _ in range(5):
            completes_eventually(editor)


def test_a_drained_service_finishes_what_runs(starter):
    service = model_on(starter)
    with Editor(f"ws://{service.address}/{MODEL}") as editor:
        request = editor.ask(PROMPT, n=2, max_tokens=120)
        editor.begin(request)
        service.process.terminate()
        editor.finish(request)
        assert request.end["type"] == "completed"
        assert "cancelled" not in request.finished.values()
    assert service.process.wait(30) == 0


def test_a_gateway_ends_on_sigterm(starter):
    gateway = gateway_for(starter, programs.free_port())
    with Editor(f"ws://{gateway.address}/{MODEL}"):
        assert gateway.terminate() == 0

"""What people write is in no log, unless an operator asks for it."""

from contextlib import ExitStack

import faults
import pytest
from legacy import LegacyEditor
from wire import open_socket

import programs
from editor import Editor

MODEL = "gpt2-demo"
SECRET = "Quentin keeps a vermilion heron"
PAGE = "secret-page-name"


@pytest.fixture
def talkative(request, tmp_path):
    """A service and a gateway that log all they can."""
    flags = ["--log-level", "trace", *getattr(request, "param", [])]
    with ExitStack() as stack:
        service = programs.start_model(MODEL, tmp_path, extra=[*flags, "--faults"])
        stack.callback(service.close)
        service.wait_listening().wait_ready()
        config = {"listen": "127.0.0.1:0", "routes": [programs.route(MODEL, [service.address], ["gpt2-medium"])]}
        gateway = programs.start_gateway(config, tmp_path, flags)
        stack.callback(gateway.close)
        yield service, gateway.wait_listening().wait_ready().wait_serving(MODEL)


def legacy_url(gateway) -> str:
    return f"ws://{gateway.address}/ws/async/writeup/text_generation/session/{PAGE}/"


def write_everywhere(gateway):
    """The secret in every field, well-formed and not, at both doors; returns what the model went on with."""
    with Editor(f"ws://{gateway.address}/{MODEL}") as editor:
        editor.prefill("doc", SECRET)
        written = editor.complete(SECRET, document="doc", max_tokens=30, seed=1, stop=["\u0000" + SECRET[:10]])
        for broken in (
            {"type": "suggest", "id": "a", "prompt": SECRET, "n": SECRET},
            {"type": SECRET},
            {"type": "cancel", "id": [SECRET]},
            '{"type": "suggest", "prompt": "' + SECRET,
            SECRET,
        ):
            editor.send(broken)
            editor.receive()
        editor.socket.send(SECRET.encode())
        editor.receive()
    with LegacyEditor(legacy_url(gateway)) as editor:
        editor.ask(SECRET, model_name="gpt2-medium", length=5)
        editor.follow(SECRET, lambda texts: len(texts) == 5)
        editor.send("{" + SECRET)
        editor.ask(SECRET, batch_size=SECRET)
        editor.receive()
    with open_socket(f"ws://{gateway.address}/{MODEL}?prompt={SECRET.replace(' ', '%20')}"):
        pass
    return written.text()


# Deliberate break: logging a frame at trace level, in net/ or in a session, shows the prompt.
def test_prompts_and_texts_are_in_no_log(talkative):
    text = write_everywhere(talkative[1])
    for program in talkative:
        assert program.terminate() == 0
        log = program.log.read_text()
        assert "websocket" in log, "the log is not as talkative as it should be"
        for part in ("Quentin", "vermilion", "Quentin%20keeps", PAGE):
            assert part not in log, program.arguments
        assert len(text) > 20 and text[:20] not in log and text[-20:] not in log


@pytest.mark.parametrize("talkative", [["--log-prompts"]], indirect=True)
def test_prompts_are_logged_when_asked_for(talkative):
    with Editor(f"ws://{talkative[1].address}/{MODEL}") as editor:
        editor.complete(SECRET, max_tokens=2)
    for program in talkative:
        log = program.log.read_text()
        assert "prompts are logged" in log and SECRET in log


def test_a_failure_inside_is_not_told_in_detail(talkative):
    service, gateway = talkative
    faults.order(service.address, "out_of_memory")
    with Editor(f"ws://{service.address}/{MODEL}") as editor:
        end = editor.finish(editor.ask(SECRET)).end
    assert end["code"] == "overloaded"
    for inside in ("torch", "alloc", "0x", ".cpp", "std::", "faulty"):
        assert inside not in end["message"].lower()

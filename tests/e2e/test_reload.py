"""SIGHUP: the gateway reads its file again, and drops nothing."""

import json
from contextlib import ExitStack

import pytest

import programs
from editor import Editor

MODEL = "gpt2-demo"


@pytest.fixture
def gateway(fleet, tmp_path):
    """Of its own, with one service, which it finds by name."""
    port = fleet.models[MODEL].port
    config = {"listen": "127.0.0.1:0", "routes": [programs.route(MODEL, [f"localhost:{port}"], ["gpt2"])]}
    with ExitStack() as stack:
        gateway = programs.start_gateway(config, tmp_path)
        stack.callback(gateway.close)
        gateway.file = tmp_path / "gateway.json"
        yield gateway.wait_listening().wait_ready().wait_serving(MODEL)


def reload(gateway, text: str, says: str):
    gateway.file.write_text(text)
    gateway.hang_up(says)


def config(fleet, **changes) -> str:
    route = programs.route(MODEL, [fleet.models[MODEL].address], ["renamed"])
    return json.dumps({"listen": "127.0.0.1:0", "routes": [{**route, **changes.pop("route", {})}], **changes})


def test_a_stream_survives_new_aliases_and_services(fleet, gateway):
    with Editor(f"ws://{gateway.address}/gpt2") as editor:
        request = editor.begin(editor.ask(n=5, max_tokens=200, seed=5))
        reload(gateway, config(fleet), "new configuration is in use")
        editor.finish(request)
        assert request.end["type"] == "completed"
        with Editor(fleet.url("service")) as undisturbed:
            assert request.texts == undisturbed.complete(n=5, max_tokens=200, seed=5).texts
        gateway.wait_serving("renamed")
        assert editor.complete(max_tokens=4)
    assert not programs.answers_ok(f"http://{gateway.address}/gpt2/readyz")


def test_a_route_that_goes_is_unknown_to_its_own_editors(fleet, gateway):
    with Editor(f"ws://{gateway.address}/{MODEL}") as editor:
        request = editor.begin(editor.ask(max_tokens=200))
        reload(gateway, config(fleet, route={"suffix": "/other"}), "new configuration is in use")
        refused = editor.finish(editor.ask())
        assert refused.end["code"] == "unknown_model"
        editor.finish(request)
        assert request.end["type"] == "completed"


def test_a_wrong_file_changes_nothing(fleet, gateway):
    for text in ("{", config(fleet, route={"upstreams": []}), config(fleet, rutes=[])):
        reload(gateway, text, "the old configuration stays")
    reload(gateway, config(fleet, listen="127.0.0.1:1"), "listen has changed, which needs a restart")
    with Editor(f"ws://{gateway.address}/{MODEL}") as editor:
        editor.complete(max_tokens=4)

"""API keys on both hops: who comes in, who does not, how keys change, and that none is ever logged."""

import base64
import json
from contextlib import ExitStack

import pytest
from test_http import get
from websockets.exceptions import InvalidStatus
from wire import open_socket

import programs
from editor import Editor
from metrics import Metrics

MODEL = "gpt2-demo"
OURS = "gateways-own-key-0123456789"  # the gateway's, towards services
ALICE = "alices-first-key>>>???-0123"
BOB = "bobs-key-0123456789abcdef"
LEGACY = "/ws/async/writeup/text_generation/session/page-1/"
OPEN = ["/livez", "/healthz", "/readyz", f"/{MODEL}/healthz", f"/{MODEL}/readyz"]


class Locked:
    """A service and a gateway that ask for keys, at the most talkative log level."""

    def __init__(self, folder, stack: ExitStack, **auth):
        self.folder = folder
        self.keys = self.write("keys.txt", f"# editors\nalice {ALICE}\nbob {BOB}\n")
        self.service_keys = self.write("service-keys.txt", f"gateway {OURS}\n")
        self.own_key = self.write("own-key", OURS + "\n")
        verbose = ["--log-level", "trace"]
        self.service = programs.start_model(MODEL, folder, extra=["--key-file", self.service_keys, *verbose])
        stack.callback(self.service.close)
        self.service.wait_listening().wait_ready()
        self.config = {
            "listen": "127.0.0.1:0",
            "routes": [programs.route(MODEL, [self.service.address])],
            "auth": {"key_file": str(self.keys), **auth},
            "upstream_key_file": str(self.own_key),
        }
        self.gateway = programs.start_gateway(self.config, folder, verbose)
        stack.callback(self.gateway.close)
        self.gateway.wait_listening().wait_ready().wait_serving(MODEL)

    def write(self, name: str, text: str):
        path = self.folder / name
        path.write_text(text)
        return path

    def url(self, door: str, path: str = f"/{MODEL}") -> str:
        return f"ws://{self.program(door).address}{path}"

    def program(self, door: str) -> programs.Program:
        return self.gateway if door == "gateway" else self.service

    def logs(self) -> str:
        return self.service.log.read_text() + self.gateway.log.read_text()


@pytest.fixture(scope="module")
def locked(cache, tmp_path_factory):
    with ExitStack() as stack:
        yield Locked(tmp_path_factory.mktemp("locked"), stack)


@pytest.fixture
def key(door) -> str:
    return ALICE if door == "gateway" else OURS


def bearer(key: str) -> dict:
    return {"additional_headers": {"Authorization": f"Bearer {key}"}}


def coded(key: str) -> str:
    return "inkfleet.key." + base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def refusal(url: str, **options):
    """Status, headers and error of a refused upgrade."""
    with pytest.raises(InvalidStatus) as refused:
        open_socket(url, **options).close()
    response = refused.value.response
    return response.status_code, response.headers, json.loads(response.body)["error"]


def test_a_key_in_the_header_opens_both_hops(locked, door, key):
    with Editor(locked.url(door), **bearer(key)) as editor:
        editor.complete("Once", max_tokens=2)


# Deliberate break: an answer that takes the first subprotocol offered sends the key back.
@pytest.mark.parametrize("order", [1, -1])
def test_a_key_as_a_subprotocol_is_not_said_back(locked, door, key, order):
    offered = [coded(key), "inkfleet.v1"][::order]
    with Editor(locked.url(door), subprotocols=offered) as editor:
        assert editor.socket.subprotocol == "inkfleet.v1"
        assert coded(key) not in str(editor.socket.response.headers)
        editor.complete("Once", max_tokens=2)


# Deliberate break: a gateway that asks for no key at its upgrades lets them all in.
@pytest.mark.parametrize(
    "options",
    [{}, bearer("x" * 30), bearer(""), bearer(ALICE[:-1]), {"subprotocols": ["inkfleet.v1"]},
     {"subprotocols": ["inkfleet.v1", coded("y" * 30)]}, {"subprotocols": ["inkfleet.v1", "inkfleet.key.~~~~~"]}],
)  # fmt: skip
def test_without_a_known_key_there_is_no_websocket(locked, door, options):
    status, headers, error = refusal(locked.url(door), **options)
    assert (status, error["code"], headers["WWW-Authenticate"]) == (401, "unauthorized", "Bearer")
    assert "inkfleet.key" in error["message"] or "not known" in error["message"]


def test_a_key_in_the_url_is_none(locked, door, key):
    for query in (f"?key={key}", f"?access_token={key}", f"?authorization=Bearer%20{key}"):
        assert refusal(locked.url(door) + query)[0] == 401


def test_keys_of_one_hop_are_none_of_the_other(locked):
    assert refusal(locked.url("service"), **bearer(ALICE))[0] == 401
    assert refusal(locked.url("gateway"), **bearer(OURS))[0] == 401


@pytest.mark.parametrize("path", OPEN)
def test_probes_need_no_key(locked, door, path):
    assert get(locked.program(door).address, path)[0] == 200


def test_the_front_page_needs_no_key_and_the_rest_does(locked, door):
    if door == "gateway":
        assert get(locked.gateway.address, "/")[0] == 200
    for path in ("/v1/models", "/openapi.json", f"/{MODEL}", "/no-such-model", f"/{MODEL}/x", "/v1/completions"):
        status, _, body = get(locked.program(door).address, path)
        assert (status, json.loads(body)["error"]["code"]) == (401, "unauthorized"), path
        assert "suffixes" not in body, "the models are told to those with a key"


def test_the_door_of_existing_editors_is_closed(locked):
    for options in ({}, bearer(ALICE)):
        status, _, error = refusal(locked.url("gateway", LEGACY), **options)
        assert (status, error["code"]) == (401, "unauthorized")


def test_refusals_are_counted(locked):
    metrics = Metrics(f"http://{locked.gateway.address}")
    before = metrics.sum("inkfleet_gateway_refused_total")
    assert refusal(locked.url("gateway"))[0] == 401
    assert metrics.sum("inkfleet_gateway_refused_total") == before + 1


def test_inkfleet_suggest_brings_its_key(locked):
    ask = ["inkfleet-suggest", locked.url("gateway"), "Once", "--max-tokens", "2"]
    refused = programs.run_tool(*ask)
    assert refused.returncode == 1 and "401" in refused.stderr
    answered = programs.run_tool(*ask, "--key-file", locked.write("alice", ALICE))
    assert answered.returncode == 0, answered.stderr


# Deliberate break: a key file that is read at start alone keeps carol out.
def test_keys_change_at_sighup(locked, door):
    file = locked.keys if door == "gateway" else locked.service_keys
    before, carol = file.read_text(), "carols-key-0123456789abcdef"
    program, used = locked.program(door), "reload: the new"
    try:
        file.write_text(before + f"carol {carol}\n")
        program.hang_up(used)
        with Editor(locked.url(door), **bearer(carol)) as editor:
            file.write_text(before)
            program.hang_up(used)
            assert refusal(locked.url(door), **bearer(carol))[0] == 401
            editor.complete("Once", max_tokens=2)
        for wrong in (f"carol {carol} {carol}\n", ""):
            file.write_text(wrong)
            program.hang_up("stays")
            with Editor(locked.url(door), **bearer(ALICE if door == "gateway" else OURS)) as editor:
                editor.complete("Once", max_tokens=2)
    finally:
        file.write_text(before)
        program.hang_up(used)


def test_a_gateway_without_the_services_key_serves_nothing(locked, tmp_path):
    config = {**locked.config, "upstream_key_file": str(locked.write("wrong-key", "w" * 20))}
    gateway = programs.start_gateway(config, tmp_path)
    try:
        gateway.wait_listening().wait_ready()
        gateway.wait_log("it answered 401")
        assert get(gateway.address, f"/{MODEL}/readyz")[0] == 503
        (tmp_path / "gateway.json").write_text(json.dumps(locked.config))
        gateway.hang_up("reload: the new")
        gateway.wait_serving(MODEL)
    finally:
        gateway.close()


def test_the_door_of_existing_editors_can_be_opened(locked, tmp_path):
    config = {**locked.config, "auth": {"key_file": str(locked.keys), "legacy_open": True}}
    gateway = programs.start_gateway(config, tmp_path)
    try:
        gateway.wait_listening().wait_ready()
        open_socket(f"ws://{gateway.address}{LEGACY}").close()
        assert refusal(f"ws://{gateway.address}{LEGACY}", **bearer("z" * 20))[0] == 401
        assert refusal(f"ws://{gateway.address}/{MODEL}")[0] == 401
    finally:
        gateway.close()


@pytest.mark.parametrize(
    "text, says",
    [("", "holds no key"), ("alice short", "16 to 256"), ("alice", "a name, a space and a key"), (None, "cannot be read")],
)
@pytest.mark.parametrize("program", ["gateway", "service"])
def test_a_wrong_key_file_ends_the_start(tmp_path, program, text, says):
    keys = tmp_path / "keys.txt"
    if text is not None:
        keys.write_text(text)
    if program == "gateway":
        config = {"listen": "127.0.0.1:0", "routes": [programs.route("m", ["127.0.0.1:1"])], "auth": {"key_file": str(keys)}}
        started = programs.start_gateway(config, tmp_path)
    else:
        started = programs.start_model(MODEL, tmp_path, extra=["--key-file", keys])
    try:
        assert started.process.wait(programs.START_S) == 1
        line = started.errors().strip().splitlines()[-1]
        assert line.startswith("error: ") and str(keys) in line and says in line
    finally:
        started.close()


# The last of this file: by now the programs have seen every key there is.
# Deliberate break: a log line of the whole request, or of presented_key(), shows them.
def test_no_key_is_in_the_logs(locked):
    logs = locked.logs()
    assert "answered 401" in logs, "the logs are not as talkative as they should be"
    for key in (OURS, ALICE, BOB, "carols-key-0123456789abcdef", "x" * 30):
        assert key not in logs and coded(key) not in logs

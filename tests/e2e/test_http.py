"""What is served beside the WebSocket: health, metrics, models, and 404s that help."""

import http.client
import json

import pytest
from websockets.exceptions import InvalidStatus
from wire import open_socket

from editor import Editor
from metrics import Metrics, label

SUFFIXES = {"service": ["/gpt2-demo"], "gateway": ["/gpt2-demo", "/gpt2-demo-legal", "/gpt2-demo-wizards"]}

ODD_PATHS = [
    "/no-such-model",
    "/gpt2-dem",
    "/gpt2-demoo",
    "/GPT2-DEMO",
    "/gpt2-demo/x",
    "/gpt2%2Ddemo%00",
    "/gpt2-demo%2f..",
    "/../gpt2-demo/..",
    "//",
    "/%F0%9F%98%80",
    "/%ff%fe",
    "/a'b\"c<d>&e;f|g`h$i{j}",
    "/" + "x" * 4000,
    "/\xe4\xf6",
]


def get(base: str, path: str, method: str = "GET"):
    """Status, headers and body, the path sent as it is."""
    connection = http.client.HTTPConnection(base.removeprefix("http://"), timeout=10)
    connection._validate_path = lambda path: None
    connection._encode_request = lambda request: request.encode("latin-1")
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, body


@pytest.fixture
def base(fleet, door) -> str:
    return fleet.http(door)


def suffixes_in(body: str) -> list:
    answer = json.loads(body)
    assert answer["error"]["code"] == "unknown_model"
    return sorted(answer["suffixes"])


@pytest.mark.parametrize("path", ODD_PATHS)
def test_an_unknown_path_lists_the_suffixes(base, door, path):
    status, headers, body = get(base, path)
    assert status == 404, body
    assert headers["Content-Type"].startswith("application/json")
    assert suffixes_in(body) == SUFFIXES[door]


@pytest.mark.parametrize("path", ["/no-such-model", "/gpt2%2Ddem", "/%F0%9F%98%80"])
def test_an_unknown_door_is_no_websocket(base, door, path):
    with pytest.raises(InvalidStatus) as refused:
        open_socket(base.replace("http", "ws") + path)
    assert refused.value.response.status_code == 404
    assert suffixes_in(refused.value.response.body.decode()) == SUFFIXES[door]


def test_a_door_is_open_with_a_query(url):
    with Editor(url + "?page=1") as editor:
        editor.complete("Once", max_tokens=1)


def test_a_plain_request_at_a_door(base):
    status, _, body = get(base, "/gpt2-demo")
    assert status == 426, body


@pytest.mark.parametrize("path", ["/livez", "/healthz", "/readyz"])
def test_health(base, path):
    status, _, body = get(base, path)
    assert status == 200, body


@pytest.mark.parametrize("path", ["/gpt2-demo/healthz", "/gpt2-demo/readyz"])
def test_health_behind_the_suffix(fleet, path):
    status, _, body = get(fleet.http("service"), path)
    assert status == 200, body


@pytest.mark.parametrize("path", ["/livez", "/metrics"])
def test_other_methods_are_refused(base, path):
    assert get(base, path, "DELETE")[0] in (404, 405)


def test_models(fleet):
    status, _, body = get(fleet.http("gateway"), "/v1/models")
    answer = json.loads(body)
    assert status == 200 and answer["object"] == "list"
    assert {"gpt2-demo", "gpt2-demo-wizards", "gpt2-demo-legal"} <= {model["id"] for model in answer["data"]}
    assert all(model["object"] == "model" for model in answer["data"])


@pytest.mark.parametrize(
    "alias, model", [("gpt2", "gpt2-demo"), ("gpt2-medium-hp", "gpt2-demo-wizards"), ("gpt2-medium-legal", "gpt2-demo-legal")]
)
def test_aliases_are_doors(fleet, alias, model):
    with Editor(f"ws://{fleet.gateway.address}/{alias}") as editor:
        assert editor.complete("Once", max_tokens=1).started["model"] == model


def test_the_subprotocol_is_offered_back(url):
    with open_socket(url, subprotocols=["chat", "inkfleet.v1"]) as socket:
        assert socket.subprotocol == "inkfleet.v1"
    with open_socket(url) as socket:
        assert socket.subprotocol is None


def test_the_metrics_of_a_service_move(fleet):
    metrics = Metrics(fleet.http("service"))
    counters = [
        "inkfleet_requests_completed_total",
        "inkfleet_prompt_tokens_total",
        "inkfleet_completion_tokens_total",
        "inkfleet_engine_steps_total",
        "inkfleet_first_token_seconds_count",
        "inkfleet_inter_token_seconds_count",
    ]
    before = {name: metrics.sum(name) for name in counters}
    with Editor(fleet.url("service")) as editor:
        request = editor.complete("Once upon a time", n=2, max_tokens=8, temperature=1)
    after = {name: metrics.sum(name) for name in counters}
    assert after["inkfleet_requests_completed_total"] == before["inkfleet_requests_completed_total"] + 1
    made = sum(map(len, request.tokens.values()))
    assert after["inkfleet_completion_tokens_total"] >= before["inkfleet_completion_tokens_total"] + made
    assert all(after[name] > before[name] for name in counters), (before, after)
    assert metrics.sum("inkfleet_queue_depth") == 0


def test_histograms_begin_at_a_millisecond(fleet):
    samples = Metrics(fleet.http("service")).samples()
    for name in ("inkfleet_first_token_seconds_bucket", "inkfleet_inter_token_seconds_bucket"):
        assert min(float(label(labels, "le")) for sample, labels, _ in samples if sample == name) == 0.001


def test_the_metrics_of_a_gateway_move(fleet):
    metrics = Metrics(fleet.http("gateway"))
    assert metrics.sum("inkfleet_gateway_upstream_connected") == 3
    with Editor(fleet.url("gateway")) as editor:
        editor.complete("Once", max_tokens=1)
        before = metrics.sum("inkfleet_gateway_requests_total")
        editor.complete("Once", max_tokens=1)
        assert metrics.sum("inkfleet_gateway_requests_total") == before + 1
        assert metrics.sum("inkfleet_gateway_live_requests") == 0

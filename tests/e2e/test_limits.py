"""Limits of the gateway and of a service, small enough to be reached."""

import json
import socket
import time
from contextlib import ExitStack, contextmanager

import pytest
from test_http import get
from test_keys import refusal
from websockets.exceptions import ConnectionClosed
from wire import open_socket

import programs
from editor import Editor

MODEL = "gpt2-demo"
FORWARDED = "X-Forwarded-For"


@contextmanager
def gateway_with(fleet, folder, **settings):
    config = {
        "listen": "127.0.0.1:0",
        "routes": [programs.route(MODEL, [fleet.models[MODEL].address])],
        **settings,
    }
    with ExitStack() as stack:
        gateway = programs.start_gateway(config, folder)
        stack.callback(gateway.close)
        gateway.wait_listening().wait_ready()
        gateway.wait_log(": connected")  # asking it would take up a connection for a moment
        yield gateway


def url(gateway) -> str:
    return f"ws://{gateway.address}/{MODEL}"


def closed_after(raw: socket.socket) -> float:
    """Seconds until the server closes; it must within 20."""
    raw.settimeout(20)
    began = time.monotonic()
    while raw.recv(4096):
        pass
    return time.monotonic() - began


def test_live_requests_of_a_connection(fleet, tmp_path):
    with gateway_with(fleet, tmp_path, limits={"live_requests": 2}) as gateway, Editor(url(gateway)) as editor:
        running = [editor.ask("Once", max_tokens=300) for _ in range(2)]
        refused = editor.finish(editor.ask("Once"))
        assert refused.end["code"] == "overloaded" and refused.end["retry_after_ms"] > 0
        assert "2 requests" in refused.end["message"]
        editor.cancel(running[0])
        editor.finish(running[0])
        editor.complete("Once", max_tokens=2)


def test_connections_of_an_address(fleet, tmp_path):
    limits = {"connections_per_address": 3, "count_loopback": True}
    with gateway_with(fleet, tmp_path, limits=limits) as gateway:
        with Editor(url(gateway)), open_socket(url(gateway)), socket.create_connection((gateway.host, gateway.port)):
            status, headers, error = refusal(url(gateway))
            assert (status, error["code"], headers["Retry-After"]) == (429, "overloaded", "1")
            assert get(gateway.address, "/healthz")[0] == 429
        gateway.wait_serving(MODEL)  # once the server has seen that they are gone


def test_connections_of_a_service(tmp_path):
    flags = ["--connections-per-address", 2, "--connections", 1, "--handshake-ms", 500]
    service = programs.start_model(MODEL, tmp_path, extra=flags)
    try:
        service.wait_listening().wait_ready()
        with Editor(f"ws://{service.address}/{MODEL}") as editor:
            status, headers, error = refusal(f"ws://{service.address}/{MODEL}")
            assert (status, error["code"], headers["Retry-After"]) == (503, "overloaded", "1")
            assert get(service.address, "/healthz")[0] == 200, "a full service can still say that it is well"
            editor.complete("Once", max_tokens=2)
    finally:
        service.close()


def test_the_client_behind_a_proxy_is_counted(fleet, tmp_path):
    settings = {"limits": {"connections_per_address": 2}, "trusted_proxies": ["127.0.0.0/8"]}

    def forwarded(client: str) -> dict:
        return {"additional_headers": {FORWARDED: client}}

    with gateway_with(fleet, tmp_path, **settings) as gateway:
        with (
            open_socket(url(gateway), **forwarded("192.0.2.1")),
            open_socket(url(gateway), **forwarded("203.0.113.1, 192.0.2.1, 127.0.0.9")),
        ):
            for header in ("192.0.2.1", "203.0.113.7, 192.0.2.1", "nonsense, 192.0.2.1:1234"):
                assert refusal(url(gateway), **forwarded(header))[0] == 429, header
            for header in ("192.0.2.2", "192.0.2.1, nonsense", "192.0.2.1, 2001:db8::1"):
                open_socket(url(gateway), **forwarded(header)).close()


def test_a_client_that_is_no_proxy_cannot_speak_for_others(fleet, tmp_path):
    limits = {"connections_per_address": 1, "count_loopback": True}
    with gateway_with(fleet, tmp_path, limits=limits) as gateway, open_socket(url(gateway)):
        assert refusal(url(gateway), additional_headers={FORWARDED: "192.0.2.55"})[0] == 429


def test_metrics_are_not_told_to_those_behind_a_proxy(fleet, tmp_path):
    with gateway_with(fleet, tmp_path, trusted_proxies=["127.0.0.1"]) as gateway:
        assert get(gateway.address, "/metrics")[0] == 200
        with socket.create_connection((gateway.host, gateway.port), timeout=10) as raw:
            raw.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\nConnection: close\r\n\r\n")
            assert raw.recv(100).startswith(b"HTTP/1.1 404 ")


# Deliberate break: a deadline for each byte instead of the whole header never closes.
def test_slow_requests_are_cut_off(fleet, tmp_path):
    limits = {"handshake_ms": 400, "http_body_ms": 400, "keep_alive_ms": 400}
    with gateway_with(fleet, tmp_path, limits=limits) as gateway, Editor(url(gateway)) as editor:
        begins = (b"", b"GET /%b HTTP/1.1\r\nHost: x" % MODEL.encode(), b"POST / HTTP/1.1\r\nContent-Length: 9999\r\n\r\n")
        for begin in begins:
            with socket.create_connection((gateway.host, gateway.port), timeout=20) as raw:
                raw.sendall(begin)
                end = time.monotonic() + 20
                with pytest.raises(ConnectionError):
                    while begin:
                        assert time.monotonic() < end, "never cut off"
                        raw.sendall(b"x")
                        time.sleep(0.02)  # as a slow client does
                    closed_after(raw)
                    raise ConnectionError("closed in order")
        with socket.create_connection((gateway.host, gateway.port), timeout=20) as raw:
            raw.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            closed_after(raw)
        editor.complete("Once", max_tokens=2)


def test_sizes(fleet, tmp_path):
    limits = {"frame_bytes": 2000, "http_header_bytes": 2000, "http_body_bytes": 2000}
    with gateway_with(fleet, tmp_path, limits=limits) as gateway:
        with Editor(url(gateway)) as editor:
            editor.complete("x" * 1000, max_tokens=2)
            editor.send(json.dumps({"type": "suggest", "id": "long", "prompt": "x" * 2000}))
            with pytest.raises(ConnectionClosed):
                editor.socket.recv(timeout=10)
            assert editor.socket.close_code == 1009
        assert get(gateway.address, "/" + "x" * 2000)[0] == 431
        with socket.create_connection((gateway.host, gateway.port), timeout=10) as raw:
            raw.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 2001\r\n\r\n")
            assert raw.recv(100).startswith(b"HTTP/1.1 413 ")


LARGEST = 256 * 1024 - 1024


# Deliberate break: a service that takes 255 KiB: the largest request costs all that runs there its connection.
def test_the_largest_request_fits_into_a_service(fleet, tmp_path):
    frame = {"type": "suggest", "id": "a", "document": "d", "max_tokens": 2, "prompt": ""}
    frame["prompt"] = "x " * ((LARGEST - len(json.dumps(frame))) // 2)
    with gateway_with(fleet, tmp_path, limits={"frame_bytes": LARGEST}) as gateway, Editor(url(gateway)) as editor:
        running = editor.ask("Once", max_tokens=300)
        large = editor.expect("a")
        editor.send(frame)
        assert editor.finish(large).end["type"] == "completed"
        assert editor.finish(running).end["type"] == "completed"
        assert gateway.log.read_text().count(": connected") == 1, "the service was never lost"


# Deliberate break: read_limits() without check_frames().
def test_larger_requests_than_services_take_are_not_let_in(tmp_path):
    route = {"suffix": "/m", "upstreams": ["ws://127.0.0.1:9/m"]}
    config = {"listen": "127.0.0.1:0", "routes": [route], "limits": {"frame_bytes": LARGEST + 1}}
    (tmp_path / "gateway.json").write_text(json.dumps(config))
    ran = programs.run_tool("inkfleet-gateway", "--config", tmp_path / "gateway.json")
    assert ran.returncode == 1 and "limits: frame_bytes is 261121, service_frame_bytes is 262144" in ran.stderr


def test_a_silent_editor_is_closed_and_a_quiet_one_is_not(fleet, tmp_path):
    limits = {"ping_ms": 100, "idle_ms": 1000}
    with gateway_with(fleet, tmp_path, limits=limits) as gateway, Editor(url(gateway)) as quiet:
        with socket.create_connection((gateway.host, gateway.port), timeout=20) as deaf:
            deaf.sendall(
                b"GET /%b HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n" % MODEL.encode()
            )
            closed_after(deaf)
        quiet.complete("Once", max_tokens=2)


ORIGINS = ["https://app.example.org", "http://evil.example"]


@pytest.mark.parametrize("path", [f"/{MODEL}", "/ws/async/writeup/text_generation/session/p/"])
def test_origins(fleet, tmp_path, path):
    with gateway_with(fleet, tmp_path, origins=ORIGINS[:1]) as gateway:
        target = f"ws://{gateway.address}{path}"
        open_socket(target, origin=ORIGINS[0]).close()
        open_socket(target).close()
        for foreign in (ORIGINS[1], f"http://{gateway.address}", "null"):
            status, _, error = refusal(target, origin=foreign)
            assert (status, error["code"]) == (403, "unauthorized") and foreign in error["message"]


# Deliberate break: a service without check_origin() lets any page of a browser on its machine in.
def test_without_a_list_pages_come_from_the_same_host(fleet, door):
    address = fleet.program(door).address
    open_socket(fleet.url(door), origin=f"http://{address}").close()
    assert refusal(fleet.url(door), origin=ORIGINS[1])[0] == 403
    assert get(address, "/healthz")[0] == 200

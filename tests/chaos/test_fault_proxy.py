"""The proxy itself, between a client and a server that echoes: each fault does what it says, and nothing else goes wrong."""

import contextlib
import socket
import socketserver
import sys
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fault_proxy import FaultProxy  # noqa: E402

LIMIT_S = 20


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        with contextlib.suppress(OSError):
            while data := self.request.recv(65536):
                self.request.sendall(data)


class EchoServer(socketserver.ThreadingTCPServer):
    daemon_threads = True


@pytest.fixture
def proxy():
    with EchoServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        with FaultProxy("{}:{}".format(*server.server_address)) as proxy:
            yield proxy
        server.shutdown()


@pytest.fixture
def connect(proxy):
    """Opens connections that end with the test."""
    with contextlib.ExitStack() as stack:

        def connect() -> socket.socket:
            host, port = proxy.address.split(":")
            return stack.enter_context(socket.create_connection((host, int(port)), timeout=LIMIT_S))

        yield connect


def read(connection, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := connection.recv(size - len(data))):
        data += more
    return data


def ends(connection) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_without_faults_all_passes(proxy, connect):
    data = bytes(range(256)) * 4096
    connection = connect()
    threading.Thread(target=connection.sendall, args=(data,), daemon=True).start()
    assert read(connection, len(data)) == data
    assert (proxy.links, proxy.open) == (1, 1)


# Deliberate break: a pass_on() that sleeps before it reads on delays the second piece twice.
def test_a_delay_is_a_delay_and_not_a_pace(proxy, connect):
    proxy.set(delay=0.2)
    connection = connect()
    begun = time.monotonic()
    for _ in range(20):
        connection.sendall(b"x" * 1000)
        time.sleep(0.005)  # pieces of their own
    assert read(connection, 20_000) == b"x" * 20_000
    assert 0.4 <= time.monotonic() - begun < 20 * 0.4


def test_a_trickle_has_its_pace(proxy, connect):
    proxy.set(trickle=10_000)
    connection = connect()
    begun = time.monotonic()
    connection.sendall(b"y" * 5_000)
    assert read(connection, 5_000) == b"y" * 5_000
    assert time.monotonic() - begun >= 0.45


def test_a_cut_comes_after_its_bytes(proxy, connect):
    proxy.set(cut_after=1_500)
    connection = connect()
    connection.sendall(b"z" * 1_000)
    assert read(connection, 1_000) == b"z" * 1_000
    connection.sendall(b"z" * 1_000)
    with contextlib.suppress(ConnectionResetError):  # a reset may overtake what it follows
        assert read(connection, 500) == b"z" * 500
        assert ends(connection)


def test_half_open_says_nothing_until_it_heals(proxy, connect):
    old = connect()
    old.sendall(b"a")
    assert read(old, 1) == b"a"
    proxy.set(half_open=True)
    new = connect()
    for connection in old, new:
        connection.sendall(b"b")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(LIMIT_S)
    proxy.set()
    for connection in old, new:
        assert read(connection, 1) == b"b"


def test_age_ends_the_liveliest(proxy, connect):
    proxy.set(age=0.5)
    connection = connect()
    begun = time.monotonic()
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(b"c")
            if not connection.recv(1):
                break
    assert 0.5 <= time.monotonic() - begun < LIMIT_S


def test_who_is_refused_is_reset(proxy, connect):
    proxy.set(refuse=True)
    with contextlib.suppress(ConnectionResetError):  # which may come before connect() has returned
        assert ends(connect())
    proxy.set()
    connection = connect()
    connection.sendall(b"d")
    assert read(connection, 1) == b"d"


def test_a_goodbye_passes(proxy, connect):
    connection = connect()
    connection.sendall(b"e")
    assert read(connection, 1) == b"e"
    connection.shutdown(socket.SHUT_WR)
    assert ends(connection)


def test_all_can_be_cut(proxy, connect):
    connections = [connect() for _ in range(3)]
    for connection in connections:
        connection.sendall(b"f")
        assert read(connection, 1) == b"f"
    proxy.cut_all()
    assert all(ends(connection) for connection in connections)

"""What happens below the frames: sizes, broken and silent connections."""

import base64
import os
import socket
import struct

import pytest
from websockets.exceptions import ConnectionClosed

from editor import Editor

FRAME_LIMIT = {"service": 256 * 1024, "gateway": 64 * 1024}
PROMPT = "Far away"


def padded(size: int) -> str:
    """A good frame of so many bytes, most of them in a field that nobody reads."""
    text = '{"type": "suggest", "id": "big", "prompt": "Once", "max_tokens": 2, "padding": "%s"}'
    return text % ("p" * (size - len(text) + 2))


def close_code(editor) -> int:
    with pytest.raises(ConnectionClosed):
        while True:
            editor.socket.recv(timeout=10)
    return editor.socket.close_code


def test_the_largest_frame(door, editor):
    request = editor.expect("big")
    frame = padded(FRAME_LIMIT[door])
    assert len(frame) == FRAME_LIMIT[door]
    editor.send(frame)
    assert editor.finish(request).end["type"] == "completed"


def test_a_frame_one_byte_too_large(door, editor):
    editor.send(padded(FRAME_LIMIT[door] + 1))
    assert close_code(editor) == 1009


def test_text_that_is_not_utf8(editor):
    editor.socket.send(b'{"type": "suggest", "id": "\xff"}', text=True)
    assert close_code(editor) == 1007


def upgraded(url: str, partly: bool = False) -> socket.socket:
    """A bare socket after (or in the middle of) its WebSocket handshake."""
    address, _, path = url.removeprefix("ws://").partition("/")
    host, _, port = address.rpartition(":")
    raw = socket.create_connection((host, int(port)), timeout=30)
    request = f"GET /{path} HTTP/1.1\r\nHost: {address}\r\n"
    if not partly:
        key = base64.b64encode(os.urandom(16)).decode()
        request += f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    raw.sendall(request.encode())
    if not partly:
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += raw.recv(4096)
        assert answer.startswith(b"HTTP/1.1 101")
    return raw


def frame_beginning(sent: int) -> bytes:
    """A masked text frame that announces 1,000 bytes and brings `sent` of them."""
    return b"\x81" + struct.pack("!BH", 0x80 | 126, 1000) + b"\0\0\0\0" + b" " * sent


@pytest.mark.parametrize("sent", [0, 500])
@pytest.mark.parametrize("reset", [False, True])
def test_an_abrupt_close_in_the_middle_of_a_frame(url, editor, sent, reset):
    raw = upgraded(url)
    raw.sendall(frame_beginning(sent))
    if reset:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()
    editor.complete(PROMPT, max_tokens=2)


def test_a_frame_without_a_mask_breaks_the_protocol(url, editor):
    with upgraded(url) as raw:
        raw.sendall(b"\x81\x02{}")
        answer = raw.recv(4096)
        assert answer == b"" or struct.unpack("!H", answer[2:4])[0] == 1002
    editor.complete(PROMPT, max_tokens=2)


def test_half_open_sockets(url):
    """Some stop in their handshake, some in a frame; those who talk are served meanwhile."""
    silent = [upgraded(url, partly=index % 2 == 0) for index in range(20)]
    for raw in silent[1::2]:
        raw.sendall(frame_beginning(10))
    with Editor(url) as editor:
        editor.complete(PROMPT, n=2, max_tokens=8)
    for raw in silent:
        raw.close()


def test_a_handshake_that_stalls_is_closed(url):
    with upgraded(url, partly=True) as raw:
        raw.settimeout(20)
        while raw.recv(4096):
            pass


def test_many_connections(url):
    editors = [Editor(url) for _ in range(40)]
    try:
        for editor in editors:
            editor.complete(PROMPT, max_tokens=1)
    finally:
        for editor in editors:
            editor.socket.close()

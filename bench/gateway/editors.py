"""Editors of the measurements: many that behave, in a program of their own, and some that never read."""

import base64
import json
import os
import socket
import subprocess
import urllib.parse

TAKES_S = 120


class Editors:
    """A running gateway_editors."""

    def __init__(self, bin_folder, url, *arguments):
        command = [bin_folder / "gateway_editors", url, *map(str, arguments), "--log-level", "off"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.wait_line("open")

    def wait_line(self, expected):
        line = self.process.stdout.readline().strip()
        if line != expected:
            raise SystemExit(f"gateway_editors said '{line}' instead of '{expected}'")

    def figures(self):
        """What it measured, once it has."""
        out, _ = self.process.communicate(timeout=TAKES_S)
        return json.loads(out.splitlines()[-1])

    def leave(self):
        return self.figures()  # its stdin is closed


def measure(bin_folder, url, *arguments):
    return Editors(bin_folder, url, *arguments).figures()


def masked_frame(text):
    data = text.encode()
    assert 126 <= len(data) < 65536
    return bytes([0x81, 0xFE]) + len(data).to_bytes(2, "big") + bytes(4) + data  # a mask of zeros changes nothing


SEGMENT = 536  # bytes; for so small ones the system keeps at most 130 KB that nobody reads, and 2.8 MB for its own
FILL_PACE, FILL_FRAMES = "1000 2000", 80


class StuckReader:
    """Asks for a stream and never reads it, and before for so much that nothing of the stream can be written any more."""

    def __init__(self, url, pace, suggestions):
        parts = urllib.parse.urlsplit(url)
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
        self.socket.connect((parts.hostname, parts.port))
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        answer = self.socket.recv(2048)
        if b" 101 " not in answer:
            raise SystemExit(f"no WebSocket for a stuck reader: {answer[:200]}")
        self.ask("fill", FILL_PACE, 1, FILL_FRAMES)
        self.ask("a", pace, suggestions, 1024)

    def ask(self, id, pace, suggestions, tokens):
        request = {"type": "suggest", "id": id, "prompt": pace, "n": suggestions, "max_tokens": tokens,
                   "deadline_ms": 600_000, "unused": " " * 100}
        self.socket.sendall(masked_frame(json.dumps(request)))

    def close(self):
        self.socket.close()

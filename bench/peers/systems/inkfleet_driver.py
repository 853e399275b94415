"""Inkfleet: a model service, asked through its WebSocket on one connection by a client that is not ours.

The other systems are libraries, whose results nobody reads while the clock runs. So this client only takes in the bytes as
they come, and reads the frames afterwards: it shares the machine with the service, and reading would cost the service time.
"""

import json
import socket
import time

from driver import serve
from service import Service
from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

SAME_BY_CHANCE = 3  # tokens: two prompts of random words may begin alike
DELTA, ENDS = b'"type":"delta"', (b'"type":"completed"', b'"type":"error"')
RECEIVE_BYTES = 1 << 18


class System:
    def __init__(self, config):
        self.words = config["words"]
        self.service = Service(config["program"], config["model"], config["threads"], config["dtype"])
        self.about = {"inkfleet": self.service.version(), "dtype": config["dtype"]}

    def prepare(self, work):
        """The frames, one a prompt, and an open connection to send them on."""
        frames = [json.dumps({
            "type": "suggest", "id": str(i), "prompt": "".join(self.words[str(token)] for token in prompt), "n": work["n"],
            "max_tokens": work["max_tokens"], "temperature": work["temperature"], "top_k": work["top_k"],
            "seed": work["seed"] * 1000 + i, "deadline_ms": 600_000}) for i, prompt in enumerate(work["prompts"])]
        return frames, Connection(self.service.url)

    def generate(self, prepared, work):
        frames, connection = prepared
        began = time.perf_counter()
        connection.send(frames)
        connection.receive_until((DELTA,), 1)
        first = time.perf_counter() - began
        connection.receive_until(ENDS, len(frames))
        return connection, first, work

    def read(self, outcome):
        connection, first, work = outcome
        completed = []
        for frame in connection.frames():
            self.take(frame, work, completed)
        connection.close()
        return {"tokens": completed, "first_token_seconds": first}

    def take(self, frame, work, completed):
        if frame["type"] == "error":
            raise RuntimeError(f"the service answered {frame}")
        if frame["type"] == "started":
            expected = len(work["prompts"][int(frame["id"])])
            if frame["prompt_tokens"] != expected or frame["cached_tokens"] > SAME_BY_CHANCE:
                raise RuntimeError(f"expected a prompt of {expected} tokens that is not cached: {frame}")
        if frame["type"] == "completed":
            completed.append(frame["usage"]["completion_tokens"])

    def close(self):
        self.service.close()


class Connection:
    """A WebSocket after websockets' Sans-I/O protocol: bytes are gathered first, and are made frames of when asked for."""

    def __init__(self, url):
        uri = parse_uri(url)
        self.protocol = ClientProtocol(uri, max_size=None)
        self.socket = socket.create_connection((uri.host, uri.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.protocol.send_request(self.protocol.connect())
        self.flush()
        while self.protocol.state is State.CONNECTING:
            self.protocol.receive_data(self.socket.recv(RECEIVE_BYTES))
        self.protocol.events_received()
        self.bytes = bytearray()

    def flush(self):
        for data in self.protocol.data_to_send():
            self.socket.sendall(data)

    def send(self, texts):
        for text in texts:
            self.protocol.send_text(text.encode())
        self.flush()

    def receive_until(self, marks, count):
        """Returns when as many of these texts have come since the connection was opened."""
        looked_at, longest = 0, max(map(len, marks))
        while True:
            behind = max(0, looked_at - longest + 1)
            count -= sum(self.bytes.count(mark, behind) for mark in marks)
            looked_at = len(self.bytes)
            if count <= 0:
                return
            data = self.socket.recv(RECEIVE_BYTES)
            if not data:
                raise RuntimeError("the service closed the connection")
            self.bytes += data

    def frames(self):
        self.protocol.receive_data(bytes(self.bytes))
        return [json.loads(event.data) for event in self.protocol.events_received() if event.opcode is Opcode.TEXT]

    def close(self):
        self.protocol.send_close(1000)
        self.flush()
        self.socket.close()


if __name__ == "__main__":
    serve(System)

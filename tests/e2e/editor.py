"""An editor that trusts nothing: every frame is held against its schema and the contract's order."""

import itertools
import json
import time
from dataclasses import dataclass, field

from wire import open_socket

from frames import check_server_frame

ANSWER_S = 60


@dataclass
class Request:
    """What an editor knows of one request."""

    id: str
    held: dict  # tokens it began with, by index, for a resumed request
    started: dict | None = None
    end: dict | None = None  # completed or error
    texts: dict = field(default_factory=dict)
    tokens: dict = field(default_factory=dict)
    deltas: list = field(default_factory=list)
    finished: dict = field(default_factory=dict)  # reason by index

    def text(self, index: int = 0) -> str:
        return self.texts.get(index, "")

    def add(self, frame: dict) -> None:
        assert self.end is None, f"a frame after the end of its request: {frame}"
        getattr(self, f"_{frame['type']}")(frame)

    def _queued(self, frame):
        assert self.started is None, f"queued after started: {frame}"

    def _started(self, frame):
        assert self.started is None, f"started twice: {frame}"
        self.started = frame

    def _delta(self, frame):
        index = frame["index"]
        assert self.started, f"a delta before started: {frame}"
        assert index not in self.finished, f"a delta of a finished suggestion: {frame}"
        tokens = self.tokens.setdefault(index, [])
        assert frame["offset"] == len(self.held.get(index, [])) + len(tokens), f"a gap or an overlap: {frame}"
        assert frame["text"] or frame["tokens"], f"an empty delta: {frame}"
        if "logprobs" in frame:
            assert len(frame["logprobs"]) == len(frame["tokens"])
        tokens.extend(frame["tokens"])
        self.texts[index] = self.text(index) + frame["text"]
        self.deltas.append(frame)

    def _finished(self, frame):
        assert self.started or frame["reason"] == "cancelled", f"finished before started: {frame}"
        assert frame["index"] not in self.finished, f"finished twice: {frame}"
        self.finished[frame["index"]] = frame["reason"]

    def _completed(self, frame):
        waited_only = set(self.finished.values()) == {"cancelled"}
        assert self.started or waited_only, f"completed before started: {frame}"
        assert set(self.tokens) <= set(self.finished), "completed while a suggestion is open"
        self.end = frame

    def _error(self, frame):
        if self.started:
            assert set(self.tokens) <= set(self.finished), "an error while a suggestion is open"
            assert "failed" in self.finished.values() or not self.tokens
        self.end = frame


class Editor:
    """One connection. Frames without a request, or about a frame, are kept in `strays`."""

    _ids = itertools.count(1)

    def __init__(self, url: str, **options):
        self.socket = open_socket(url, **options)
        self.requests: dict[str, Request] = {}
        self.strays: list[dict] = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, frame) -> None:
        self.socket.send(frame if isinstance(frame, str) else json.dumps(frame))

    def expect(self, id: str) -> Request:
        """Follows a request that is sent by other means."""
        request = self.requests[id] = Request(id, {})
        return request

    def ask(self, prompt: str = "The old castle", **fields) -> Request:
        frame = {"type": "suggest", "id": f"r{next(self._ids)}", "prompt": prompt, **fields}
        held = {point["index"]: point["tokens"] for point in fields.get("resume") or []}
        request = self.requests[frame["id"]] = Request(frame["id"], held)
        self.send(frame)
        return request

    def cancel(self, request: Request, **fields) -> None:
        self.send({"type": "cancel", "id": request.id, **fields})

    def prefill(self, document: str, prompt: str, **fields) -> None:
        self.send({"type": "prefill", "document": document, "prompt": prompt, **fields})

    def accept(self, request: Request, index: int, tokens: int) -> None:
        self.send({"type": "accept", "id": request.id, "index": index, "tokens": tokens})

    def receive(self, seconds: float = ANSWER_S) -> dict:
        text = self.socket.recv(timeout=seconds)
        assert isinstance(text, str), "a binary frame from a server"
        frame = json.loads(text)
        check_server_frame(frame)
        request = self.requests.get(frame.get("id"))
        if request:
            request.add(frame)
        else:
            self.strays.append(frame)
        return frame

    def wait(self, condition, seconds: float = ANSWER_S):
        """Reads frames until `condition()` holds; returns what it gave."""
        end = time.monotonic() + seconds
        while not (value := condition()):
            self.receive(max(0.001, end - time.monotonic()))
        return value

    def begin(self, request: Request) -> Request:
        """Reads until the first text of this request."""
        self.wait(lambda: request.deltas or request.end)
        assert request.deltas, request.end
        return request

    def finish(self, *requests: Request) -> Request:
        """Reads until these requests have ended; returns the first."""
        self.wait(lambda: all(request.end for request in requests))
        return requests[0]

    def complete(self, prompt: str = "The old castle", **fields) -> Request:
        """Asks and reads to the end, which must be a good one."""
        request = self.finish(self.ask(prompt, **fields))
        assert request.end["type"] == "completed", request.end
        indices = request.held.keys() if "resume" in fields else range(fields.get("n", 1))
        assert set(request.finished) == set(indices), request.finished
        return request

    def stray(self) -> dict:
        """The next frame that belongs to no request."""
        self.wait(lambda: self.strays)
        return self.strays.pop(0)

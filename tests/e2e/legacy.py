"""The writeup.ai editor: cumulative texts over one socket a page."""

import json
import time

from wire import open_socket

ANSWER_S = 60
INVALID = "Invalid Data Was Passed"


class LegacyEditor:
    def __init__(self, url: str):
        self.socket = open_socket(url)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, prompt: str, **fields) -> None:
        self.send({"message_type": "new_request", "prompt": prompt, **fields})

    def send(self, frame) -> None:
        self.socket.send(frame if isinstance(frame, str) else json.dumps(frame))

    def receive(self, seconds: float = ANSWER_S) -> dict:
        """The next message: an echoed prompt and texts by name."""
        answer = json.loads(self.socket.recv(timeout=seconds))
        assert set(answer) == {"message"}, answer
        message = answer["message"]
        assert all(isinstance(value, str) for value in message.values()), message
        return message

    def follow(self, echo: str, until, seconds: float = ANSWER_S) -> list:
        """Reads messages with this echo, each going on from the one before, until `until(texts)`. Messages to older
        requests may come first, but not in between."""
        texts: list = []
        end = time.monotonic() + seconds
        while not texts or not until(texts):
            message = self.receive(max(0.001, end - time.monotonic()))
            if message["prompt"] == echo:
                texts = extended(texts, message)
            else:
                assert not texts, f"an answer to {message['prompt'][-40:]!r} among those to {echo[-40:]!r}"
        return texts


def extended(before: list, message: dict) -> list:
    """The texts of a message, each of which must go on from the one before."""
    names = message.keys() - {"prompt"}
    assert names == {f"text_{index}" for index in range(len(names))}, names
    texts = [message[f"text_{index}"] for index in range(len(names))]
    for index, text in enumerate(texts):
        assert text not in (INVALID, "An Error Occurred"), message
        earlier = before[index] if index < len(before) else ""
        assert text.startswith(earlier), (earlier, text)
        assert text == text.strip()
    return texts

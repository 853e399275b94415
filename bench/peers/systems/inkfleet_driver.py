"""Inkfleet: a model service, asked through its WebSocket on one connection by a client that is not ours."""

import asyncio
import json

import websockets
from driver import serve
from service import Service


SAME_BY_CHANCE = 3  # tokens: two prompts of random words may begin alike


class System:
    def __init__(self, config):
        self.words = config["words"]
        self.service = Service(config["program"], config["model"], config["threads"], config["dtype"])
        self.loop = asyncio.new_event_loop()
        self.about = {"inkfleet": self.service.version(), "dtype": config["dtype"]}

    def prepare(self, work):
        """The frames, one a prompt, and an open connection to send them on."""
        frames = [json.dumps({
            "type": "suggest", "id": str(i), "prompt": "".join(self.words[str(token)] for token in prompt), "n": work["n"],
            "max_tokens": work["max_tokens"], "temperature": work["temperature"], "top_k": work["top_k"],
            "seed": work["seed"] * 1000 + i, "deadline_ms": 600_000}) for i, prompt in enumerate(work["prompts"])]
        socket = self.loop.run_until_complete(
            websockets.connect(self.service.url, max_size=None, ping_interval=None, compression=None))
        return frames, socket

    def generate(self, prepared, work):
        return self.loop.run_until_complete(self.exchange(*prepared, work))

    async def exchange(self, frames, socket, work):
        began = self.loop.time()
        first, completed = None, []
        for frame in frames:
            await socket.send(frame)
        while len(completed) < len(frames):
            text = await socket.recv()
            if first is None and '"delta"' in text:
                first = self.loop.time() - began
            # Most frames are deltas, of which nothing more is asked.
            if '"started"' in text or '"completed"' in text or '"error"' in text:
                self.take(json.loads(text), work, completed)
        return socket, first, completed

    def take(self, frame, work, completed):
        if frame["type"] == "error":
            raise RuntimeError(f"the service answered {frame}")
        if frame["type"] == "started":
            expected = len(work["prompts"][int(frame["id"])])
            if frame["prompt_tokens"] != expected or frame["cached_tokens"] > SAME_BY_CHANCE:
                raise RuntimeError(f"expected a prompt of {expected} tokens that is not cached: {frame}")
        if frame["type"] == "completed":
            completed.append(frame["usage"]["completion_tokens"])

    def read(self, outcome):
        socket, first, completed = outcome
        self.loop.run_until_complete(socket.close())
        return {"tokens": completed, "first_token_seconds": first}

    def close(self):
        self.service.close()


if __name__ == "__main__":
    serve(System)

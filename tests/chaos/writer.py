"""Writers whose connections may break: each asks again, at any door, for what is missing of its text."""

import asyncio
import itertools
import json
import threading
import time
from dataclasses import dataclass, field

from editor import Request
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

BROKEN = (WebSocketException, OSError, EOFError)  # OSError: TimeoutError too
ANSWER_S = 120
AGAIN_S = 0.05
STEP_MS = 20  # added to a step: about the pace of a gpt2-medium on one GPU


@dataclass
class Story:
    """One request as its writer knows it, over however many connections it took."""

    ask: dict
    seed: int | None = None
    tokens: dict = field(default_factory=dict)
    texts: dict = field(default_factory=dict)
    finished: dict = field(default_factory=dict)
    grown: dict = field(default_factory=dict)  # when each suggestion got text
    parts: list = field(default_factory=list)  # what each connection brought
    end: dict | None = None
    asked_again: int = 0  # after a refusal that named a time to wait
    goodbyes: list = field(default_factory=list)  # close codes; None for a connection that broke; nothing for one that was not made
    wrong: str | None = None  # what broke the contract
    begun: float = field(default_factory=time.monotonic)
    ended: float | None = None

    def frame(self) -> dict:
        frame = {"type": "suggest", "id": f"p{len(self.parts)}", **self.ask}
        if self.seed is not None:
            open_ones = [index for index in range(self.ask["n"]) if index not in self.finished]
            frame["resume"] = [{"index": index, "tokens": list(self.tokens.get(index, []))} for index in open_ones]
        return frame

    def take(self, frame: dict) -> None:
        part = self.parts[-1]
        assert frame.get("id") == part.id, f"a frame of nobody's: {frame}"
        part.add(frame)  # which holds it against the contract
        kind, index = frame["type"], frame.get("index")
        if kind == "started":
            assert frame["seed"] == self.ask["seed"]
            self.seed = frame["seed"]
        elif kind == "delta":
            self.tokens.setdefault(index, []).extend(frame["tokens"])
            self.texts[index] = self.texts.get(index, "") + frame["text"]
            self.grown.setdefault(index, []).append(time.monotonic())
        elif kind == "finished":
            self.finished[index] = frame["reason"]
        elif kind == "completed" or kind == "error":
            self.end = frame

    def deltas(self, index: int) -> list:
        return [delta for part in self.parts for delta in part.deltas if delta["index"] == index]

    def refused(self) -> bool:
        """An error that costs nothing but time: nothing had begun, and it says when to ask again."""
        return self.end["type"] == "error" and self.seed is None and "retry_after_ms" in self.end

    @property
    def lost(self) -> bool:
        return self.end is None or self.end["type"] != "completed"

    def same_as(self, whole: "Story") -> bool:
        mine, other = ((story.tokens, story.texts, story.finished) for story in (self, whole))
        return self.wrong is None and mine == other


class Writer:
    """Asks one thing after another. `silence`: a connection that says nothing for so long is given up."""

    def __init__(self, doors: list, first_door: int = 0, silence: float = 30):
        self.doors = itertools.cycle(doors[first_door % len(doors) :] + doors[: first_door % len(doors)])
        self.silence = silence

    async def write(self, story: Story) -> None:
        end = time.monotonic() + ANSWER_S
        while story.end is None and story.wrong is None and time.monotonic() < end:
            before = len(story.parts)
            try:
                await self.connected(story)
            except BROKEN as broken:
                if len(story.parts) > before:
                    goodbye = getattr(broken, "rcvd", None)
                    story.goodbyes.append(goodbye and goodbye.code)
                await asyncio.sleep(AGAIN_S)
            except AssertionError as wrong:
                story.wrong = str(wrong)
            if story.end and story.refused():
                pause, story.end = story.end["retry_after_ms"] / 1000, None
                story.asked_again += 1
                await asyncio.sleep(min(pause, 1))
        story.ended = time.monotonic()

    async def connected(self, story: Story) -> None:
        url = next(self.doors)
        async with connect(url, max_size=None, proxy=None, ping_interval=None, open_timeout=5, close_timeout=1) as socket:
            frame = story.frame()
            held = {point["index"]: point["tokens"] for point in frame.get("resume", [])}
            story.parts.append(Request(frame["id"], held))
            await socket.send(json.dumps(frame))
            while story.end is None:
                story.take(json.loads(await asyncio.wait_for(socket.recv(), self.silence)))


class Crowd:
    """Writers on a thread of their own, each of which asks `rounds` times, or until stop(), and thinks for `pause` seconds in between."""

    def __init__(self, doors: list, asks: list, writers: int | None = None, rounds: int | None = 1, silence: float = 30, pause: float = 0):
        self.stories: list[Story] = []
        self._asks = asks
        self._rounds = rounds
        self._pause = pause
        self._stopped = False
        self._writers = [Writer(doors, i, silence) for i in range(writers or len(asks))]
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()), daemon=True)
        self._thread.start()

    async def _all(self):
        await asyncio.gather(*(self._write(writer, i) for i, writer in enumerate(self._writers)))

    async def _write(self, writer: Writer, first: int):
        for round in itertools.count() if self._rounds is None else range(self._rounds):
            if self._stopped:
                return
            story = Story(self._asks[(first + round * len(self._writers)) % len(self._asks)])
            self.stories.append(story)
            await writer.write(story)
            await asyncio.sleep(self._pause)

    def wait(self, condition, seconds: float = ANSWER_S) -> None:
        """Until it holds for the stories; they grow meanwhile."""
        end = time.monotonic() + seconds
        while not condition(list(self.stories)):
            assert time.monotonic() < end, "the load does not get there"
            time.sleep(0.005)  # it can only be looked at again

    def wait_streaming(self, suggestions: int, pieces: int = 1) -> None:
        """Until so many suggestions have so many pieces of text and have not ended."""
        def growing(story):
            return [i for i, grown in list(story.grown.items()) if len(grown) >= pieces and i not in story.finished]

        self.wait(lambda stories: sum(len(growing(story)) for story in stories) >= suggestions)

    def stop(self) -> list:
        """Lets everybody finish what is running."""
        self._stopped = True
        return self.join()

    def join(self) -> list:
        self._thread.join(2 * ANSWER_S)
        assert not self._thread.is_alive(), "a writer does not come to its end"
        return self.stories


def asks(count: int, **fields) -> list:
    """Requests that differ, each with its seed."""
    openings = ["The storm grew", "She opened the box and", "At the end of the road", "Nobody had told him", "The wizard said",
                "It was a cold morning when", "The letter began with", "Far below the castle"]
    fields = dict(n=5, max_tokens=80, temperature=0.9, deadline_ms=120_000) | fields
    return [dict(prompt=f"{openings[i % len(openings)]} {i}", seed=1000 + i, **fields) for i in range(count)]


def undisturbed(door: str, asks: list) -> dict:
    """What everybody gets when nothing happens, by seed."""
    stories = Crowd([door], asks).join()
    assert not any(story.lost or story.wrong or story.parts[1:] for story in stories), "disturbed before it began"
    return {story.ask["seed"]: story for story in stories}


def undisturbed_then_slow(services, asks: list) -> dict:
    """What everybody gets from the first of the services; from then on all take their time, so that something can happen meanwhile."""
    whole = undisturbed(services[0].url, asks)
    for service in services:
        service.slow(STEP_MS)
    return whole


def hold_against(result, stories: list, whole: dict, what: str = "") -> None:
    """The two figures that every scenario has; `what` tells them from others of their kind."""
    lost = [story for story in stories if story.lost]
    different = [story for story in stories if not story.lost and not story.same_as(whole[story.ask["seed"]])]
    result.at_most(f"{what}lost", len(lost), 0)
    result.at_most(f"{what}different", len(different), 0)
    for story in lost[:3] + different[:3]:
        result.note(f"seed {story.ask['seed']}: {story.wrong or story.end}, {len(story.parts)} connections")

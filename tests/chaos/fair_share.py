"""Twenty models, twenty API keys, and one key that wants much more than its share."""

import asyncio
import itertools
import json
import random
import secrets
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import programs
from saturation import GOODPUT, Capacity, resident_mb
from websockets.asyncio.client import connect

MODELS = KEYS = 20
LIVE = 2  # requests of a key at a model, to find what the services can do; the 64 places of each hold 16 in all
LOAD = 2  # of the capacity, in all
FLOOD = 10  # of its share, from one key
KEPT = 0.9  # of the fair share, by each of the others
STEP_MS = 400  # added to a step of 64 suggestions: a service's capacity then, and not what two cores can do for twenty
SERVICE = ["--max-step-ms", 1000, "--prefix-cache", "off"]
SHAPE = dict(n=4, max_tokens=6, temperature=0.9, deadline_ms=8_000)
PROMPT_WORDS = 12
LIMITS = {"live_requests": 10_000, "live_requests_per_caller": 10_000}  # they alone would keep much of the flood away
WARMUP_S = 5
WORDS = Path(programs.ROOT / "tests/data/texts/northanger-abbey-excerpt.txt").read_text().split()


class Asker:
    """Whoever has one API key, with a connection to each model."""

    def __init__(self, key: str, doors: list, seed: int):
        self.key = key
        self.doors = doors
        self.tokens = 0  # that came
        self.completed = []  # requests that came whole: when, and how many tokens they had
        self.errors = Counter()  # by code
        self.latest = 0.0  # by which a request left after its time
        self.again = False  # asks anew wherever it is answered
        self._cut = set()  # requests of which the deadline took a part
        self._numbers = itertools.count()
        self._random = random.Random(seed)

    async def open(self, stack: AsyncExitStack) -> None:
        options = dict(additional_headers={"Authorization": f"Bearer {self.key}"}, proxy=None, ping_interval=None, compression=None)
        self.sockets = [await stack.enter_async_context(connect(door, **options)) for door in self.doors]
        for socket in self.sockets:
            stack.callback(asyncio.create_task(self._read(socket)).cancel)

    async def ask(self, socket) -> None:
        prompt = " ".join(self._random.choices(WORDS, k=PROMPT_WORDS))
        await socket.send(json.dumps({"type": "suggest", "id": f"r{next(self._numbers)}", "prompt": prompt, **SHAPE}))

    async def ask_in_time(self, rate: float, until: float) -> None:
        """All models in turn, whatever they answer."""
        order = []
        at = time.monotonic() + self._random.random() / rate
        while at < until:
            await asyncio.sleep(at - time.monotonic())
            self.latest = max(self.latest, time.monotonic() - at)
            order = order or self._random.sample(self.sockets, len(self.sockets))
            await self.ask(order.pop())
            at += 1 / rate

    async def _read(self, socket) -> None:
        async for text in socket:
            frame = json.loads(text)
            if frame["type"] == "delta":
                self.tokens += len(frame["tokens"])
            elif frame["type"] == "finished" and frame["reason"] == "deadline":
                self._cut.add(frame["id"])
            elif frame["type"] == "completed":
                if frame["id"] in self._cut:
                    self.errors["deadline"] += 1
                else:
                    self.completed.append((time.monotonic(), frame["usage"]["completion_tokens"]))
                if self.again:
                    await self.ask(socket)
            elif frame["type"] == "error":
                self.errors[frame["code"]] += 1


async def capacity_of(askers: list, seconds: float) -> Capacity:
    """The most that comes when each key always has LIVE requests at each model."""
    for asker in askers:
        asker.again = True
        for socket in LIVE * asker.sockets:
            await asker.ask(socket)
    await asyncio.sleep(WARMUP_S)
    begin, before = time.monotonic(), sum(asker.tokens for asker in askers)
    await asyncio.sleep(seconds)
    tokens_per_s = (sum(asker.tokens for asker in askers) - before) / (time.monotonic() - begin)
    for asker in askers:
        asker.again = False
    of_each = [tokens for asker in askers for _, tokens in asker.completed]
    return Capacity(tokens_per_s, tokens_per_s * len(of_each) / sum(of_each))


async def flood(askers: list, capacity: Capacity, seconds: float) -> list:
    """What each gets of its fair share. The first asks for FLOOD times its share, all together for LOAD times the capacity."""
    share = capacity.requests_per_s / KEYS
    rates = [FLOOD * share] + [(LOAD * KEYS - FLOOD) / (KEYS - 1) * share] * (KEYS - 1)
    begin = time.monotonic() + WARMUP_S
    end = begin + seconds
    await asyncio.gather(*(asker.ask_in_time(rate, end) for asker, rate in zip(askers, rates, strict=True)))
    tokens = [sum(tokens for at, tokens in asker.completed if begin <= at < end) for asker in askers]
    return [KEYS * one / seconds / capacity.tokens_per_s for one in tokens]


async def measure(result, doors: list, keys: list, short: bool) -> None:
    seconds = 10 if short else 60
    askers = [Asker(key, doors, seed) for seed, key in enumerate(keys)]
    async with AsyncExitStack() as stack:
        for asker in askers:
            await asker.open(stack)
        capacity = await capacity_of(askers, seconds / 2)
        greedy, *others = await flood(askers, capacity, seconds)
    result.tell("capacity_per_s", capacity.requests_per_s)
    result.at_least("least_of_fair_share", min(others), KEPT, paced=True)
    result.tell("others_of_fair_share", sum(others) / len(others))
    result.tell("flood_of_fair_share", greedy)
    result.at_least("goodput", (greedy + sum(others)) / KEYS, GOODPUT, paced=True)
    of_others = sum((asker.errors for asker in askers[1:]), Counter())
    failed = set(askers[0].errors + of_others) - {"overloaded", "deadline"}
    result.at_most("failed", len(failed), 0)
    result.note(f"errors: the flood's {dict(askers[0].errors)}, others' {dict(of_others)}; "
                f"sent late by at most {1000 * max(asker.latest for asker in askers):.0f} ms")


# Deliberate break: a Generation::client() that is always empty: all requests are taken as they come.
def fair_share(stage, result, short):
    """20 models, 20 keys, twice the capacity, one key that asks for 10 times its share: the others keep theirs."""
    services = stage.services(MODELS, *SERVICE)
    for service in services:
        service.slow(STEP_MS)
    keys = [secrets.token_urlsafe() for _ in range(KEYS)]
    key_file = stage.folder / "keys"
    key_file.write_text("".join(f"key-{i} {key}\n" for i, key in enumerate(keys)))
    routes = [{"suffix": f"/model-{i}", "upstreams": [service.url]} for i, service in enumerate(services)]
    config = dict(routes=routes, auth={"key_file": str(key_file)}, limits=LIMITS)
    gateway = stage.gateway([service.address for service in services], **config)
    asyncio.run(measure(result, [f"ws://{gateway.address}{route['suffix']}" for route in routes], keys, short))
    result.tell("resident_mb", sum(resident_mb(service.pid) for service in services))


SCENARIOS = [fair_share]

"""The client library on the real gateway, through a proxy that cuts its connections at random places."""

import json
import random
import re

import pytest
from conftest import CLIENT, ROOT, run_node
from editor import Editor
from fault_proxy import FaultProxy, Faults

SEED = 1902
ROUNDS = 12
CUTS = 20  # connections that are cut, before the rest is left alone
LEAST, MOST = 150, 2_500  # bytes towards the client: from within the handshake's answer to some deltas of every stream
PROMPTS = ["The old castle", "Once upon a time", "The princess opened the door and", "We the people", "", "He said th"]


class CuttingProxy(FaultProxy):
    """Cuts each of its first connections at a place of its own."""

    def __init__(self, target: str, cuts: list[int]):
        self.cuts = cuts
        super().__init__(target)

    async def _accept(self, reader, writer):
        self._set(Faults(cut_after=self.cuts.pop(0) if self.cuts else None))
        await super()._accept(reader, writer)


def requests(round_: int) -> list:
    """Two requests at the same time: one with a seed, one that is given its own; with and without `heal` in turn."""
    prompt = PROMPTS[round_ % len(PROMPTS)]
    fields = dict(prompt=prompt, n=3, max_tokens=40, temperature=0.9, top_k=40, heal=round_ % 2 == 1)
    return [{"model": "gpt2-demo", "fields": {**fields, "seed": round_}}, {"model": "gpt2-demo", "fields": {**fields, "stop": ["\n"]}}]


def undisturbed(fleet, request: dict, seed: int):
    """What a client that is not ours gets, asked directly and alone."""
    with Editor(f"ws://{fleet.services[request['model']].address}/{request['model']}") as editor:
        return editor.complete(**{**request["fields"], "seed": seed})


# Deliberate break: LiveRequest.attempt() without the seed, or Suggestion.add() that takes any offset.
@pytest.mark.parametrize("round_", range(ROUNDS))
def test_cut_anywhere_every_stream_is_the_undisturbed_one(fleet, round_):
    dice = random.Random(SEED + round_)
    asked = requests(round_)
    with CuttingProxy(fleet.gateway.address, [dice.randint(LEAST, MOST) for _ in range(CUTS)]) as proxy:
        stories = json.loads(run_node(CLIENT / "test" / "drive.ts", {"address": f"http://{proxy.address}", "requests": asked}))
        assert proxy.links > 2, "nothing was cut"
    for request, story in zip(asked, stories, strict=True):
        whole = undisturbed(fleet, request, story["receipt"]["seed"])
        texts = [whole.text(index) for index in range(3)]
        assert story["texts"] == texts
        assert [story["pieces"].get(str(index), "") for index in range(3)] == texts, "a reader saw something else"
        assert story["tokens"] == [whole.tokens.get(index, []) for index in range(3)]
        assert {int(index): reason for index, reason in story["reasons"].items()} == whole.finished
        assert story["receipt"] == whole.end["receipt"]


def test_the_example_of_the_documentation_runs(fleet, tmp_path):
    [example] = re.findall(r"```ts\n(.*?)```", (ROOT / "docs" / "javascript.md").read_text(), re.DOTALL)
    script = CLIENT / "test" / f"example-{tmp_path.name}.ts"  # where it finds the packages it imports
    script.write_text(example.replace('"inkfleet-client"', '"../src/index.ts"'))
    try:
        said = run_node(script, INKFLEET=f"http://{fleet.gateway.address}")
    finally:
        script.unlink()
    assert "gpt2-demo, gpt2-demo-wizards" in said
    assert said.count("gpt2-demo-wizards:") >= 1
    assert re.search(r"seed 7, weights [0-9a-z:]+", said), said
    assert "cancelled" in said

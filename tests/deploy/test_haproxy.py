"""HAProxy as deploy/generate sets it up, in front of real services and a gateway: what a cloud's balancer does."""

import json
import sys

import pytest
from conftest import ROOT

import faults
import programs
from small_fleet import Fleet

sys.path.insert(0, str(ROOT / "tests" / "chaos"))

from fault_proxy import FaultProxy  # noqa: E402
from writer import Crowd, asks, undisturbed  # noqa: E402

MODELS = {"gpt2-demo": 2, "gpt2-demo-legal": 1}
AGE_S = 3


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("haproxy")
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        with Fleet(folder, MODELS, {"gpt2-demo": ["gpt2"]}) as fleet:
            for name, count in MODELS.items():
                fleet.wait_rotation(f"model_{name}", count)
            fleet.wait_rotation("gateways", 1)
            yield fleet


def model_of(url: str) -> str:
    """Which model answers there."""
    done = programs.run_tool("inkfleet-suggest", url, "A", "--max-tokens", 2, "--json")
    return next(frame["model"] for frame in map(json.loads, done.stdout.splitlines()) if frame["type"] == "started")


# Deliberate break: `path,map_beg` of "/NAME" in place of the first element of the path.
def test_a_suffix_goes_to_its_model_and_all_else_to_the_gateway(fleet):
    for name in MODELS:
        assert model_of(f"ws://{fleet.door}/{name}") == name
        assert faults.http(f"http://{fleet.door}/{name}/healthz")[0] == 200
    assert model_of(f"ws://{fleet.door}/gpt2") == "gpt2-demo"
    for path in ("/gpt2-demo-other", "/gpt2-demo-legalx"):
        before = fleet.sessions("gateways")
        assert programs.run_tool("inkfleet-suggest", f"ws://{fleet.door}{path}", "A").returncode != 0
        assert fleet.sessions("gateways") == before + 1, "a service was asked"


# Deliberate break: no `check` in HAProxy's default-server.
def test_a_fatal_error_leaves_the_rotation_and_nobody_else_notices(fleet, record_property):
    first, second = (fleet.services[f"gpt2-demo:{number}"] for number in (1, 2))
    requests = asks(8, n=2, max_tokens=60)
    whole = undisturbed(f"ws://{second.address}/gpt2-demo", requests)
    # By way of the gateway, which goes on elsewhere; who is connected to that very service is told `internal`.
    crowd = Crowd([f"ws://{fleet.door}/gpt2"], requests, writers=4, rounds=None)
    crowd.wait_streaming(2)
    assert set(fleet.rotation("model_gpt2-demo").values()) == {"UP"}
    faults.order(first.address, "fatal_device_error")
    took = fleet.wait_rotation("model_gpt2-demo", 1)
    stories = crowd.stop()
    record_property("fatal_error_out_of_rotation", f"{took:.1f} s, {len(stories)} requests meanwhile")
    assert [story.wrong for story in stories if story.lost or not story.same_as(whole[story.ask["seed"]])] == []
    assert first.process.wait(30) == 70
    fleet.services["gpt2-demo:1"] = fleet.start_service(fleet.made / "services" / "here" / "gpt2-demo:1.env")
    fleet.wait_rotation("model_gpt2-demo", 2)


# Deliberate break: leave `resume` out of Writer's frames.
def test_connections_that_are_cut_by_age_lose_nothing(fleet):
    """As Google's balancer does at timeoutSec, however lively a connection is."""
    requests = asks(6, n=2, max_tokens=200)
    services = [fleet.services[f"gpt2-demo:{number}"] for number in (1, 2)]
    whole = undisturbed(f"ws://{services[0].address}/gpt2-demo", requests)
    for service in services:
        faults.order(service.address, "slow_steps", ms=25)
    proxy = FaultProxy(fleet.door)
    proxy.set(age=AGE_S)
    try:
        stories = Crowd([f"ws://{proxy.address}/gpt2-demo"], requests).join()
    finally:
        proxy.close()
        for service in services:
            faults.clear(service.address)
    assert sum(len(story.parts) - 1 for story in stories) >= len(requests)
    assert [story.wrong for story in stories if story.lost or not story.same_as(whole[story.ask["seed"]])] == []

"""A drill of autoscaling with real programs: load rises and falls, a controller goes by the saturation that services export, services
come and go by the gateway's file and HAProxy's run-time door, and no stream is lost."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT

import faults
import picture
import programs
from autoscaler import Policy, Sample
from metrics import Metrics
from small_fleet import Fleet

sys.path.insert(0, str(ROOT / "tests" / "chaos"))

from writer import Crowd, asks, undisturbed  # noqa: E402

MODEL = "gpt2-demo"
BACKEND = f"model_{MODEL}"
TARGET, LEAST, MOST, WINDOW_S = 0.6, 1, 4, 4
LOOK_S = 0.5
STEP_MS = 25  # of a larger model
PHASE_S = 90
CROWD = 20
CACHE_MB = 8  # room for about twelve requests
OUT = Path(os.environ.get("INKFLEET_DRILL_OUT", ROOT / "build" / "deploy-drill"))


def test_the_policy_goes_by_the_metric():
    policy = Policy(target=0.5, least=1, most=4, window=10)
    assert policy.decide(0, 1, 0.52) == 1  # near enough
    assert policy.decide(1, 1, 1.0) == 2
    policy.forget()
    assert [policy.decide(at, 2, 0.1) for at in (2, 6, 9)] == [2, 2, 2]  # not before it has been so for long
    assert policy.decide(11, 2, 0.1) == 1
    policy.forget()
    assert policy.decide(12, 4, 1.0) == 4  # no more than most


class Scaled:
    """The services there are, and how one comes and goes."""

    def __init__(self, fleet: Fleet):
        self.fleet = fleet
        self.file = fleet.made / "services" / "here" / f"{MODEL}:1.env"
        self.config = json.loads((fleet.made / "gateway.json").read_text())
        self.services = [fleet.services[f"{MODEL}:1"]]
        faults.order(self.services[0].address, "slow_steps", ms=STEP_MS)
        self.ended = []

    def tell_gateway(self):
        self.config["routes"][0]["upstreams"] = [f"ws://{service.address}/{MODEL}" for service in self.services]
        (self.fleet.made / "gateway.json").write_text(json.dumps(self.config))
        self.fleet.gateway.hang_up("new configuration is in use")

    def add(self):
        service = self.fleet.start_service(self.file, f"127.0.0.1:{programs.free_port()}")
        faults.order(service.address, "slow_steps", ms=STEP_MS)
        self.services.append(service)
        self.tell_gateway()
        name = f"{BACKEND}/{service.address}"
        self.fleet.balancer(f"add server {name} {service.address} check inter 1s fall 2 rise 2")
        self.fleet.balancer(f"enable health {name}")
        self.fleet.balancer(f"enable server {name}")

    def remove(self):
        service = self.services.pop()
        self.fleet.balancer(f"set server {BACKEND}/{service.address} state drain")
        self.tell_gateway()
        service.process.send_signal(signal.SIGTERM)
        self.ended.append(service)

    def go_to(self, count: int):
        while len(self.services) < count:
            self.add()
        while len(self.services) > count:
            self.remove()

    def looked_at(self) -> tuple:
        """Mean saturation, and how many requests wait in all."""
        figures = [Metrics(f"http://{service.address}") for service in self.services]
        mean = sum(metrics.sum("inkfleet_saturation") for metrics in figures) / len(figures)
        return mean, sum(metrics.sum("inkfleet_queue_depth") for metrics in figures)


class Drill:
    def __init__(self, scaled: Scaled):
        self.scaled = scaled
        self.policy = Policy(TARGET, LEAST, MOST, WINDOW_S)
        self.begun = time.monotonic()
        self.samples = []
        self.crowds = []

    def look(self):
        now, count = time.monotonic() - self.begun, len(self.scaled.services)
        mean, queued = self.scaled.looked_at()
        decided = self.policy.decide(now, count, mean)
        live = sum(story.end is None for crowd in self.crowds for story in list(crowd.stories))
        self.samples.append(Sample(now, count, mean, queued, decided, live))
        if decided != count:
            self.scaled.go_to(decided)
            self.policy.forget()

    def run_until(self, count_reached) -> None:
        end = time.monotonic() + PHASE_S
        while not count_reached(len(self.scaled.services)):
            assert time.monotonic() < end, f"it stays at {len(self.scaled.services)} services: {self.samples[-5:]}"
            self.look()
            time.sleep(LOOK_S)

    def run_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look()
            time.sleep(LOOK_S)

    def draw(self, file: Path):
        panels = {
            "live requests": [(sample.at, sample.live) for sample in self.samples],
            "mean saturation": [(sample.at, sample.mean) for sample in self.samples],
            "services": [(sample.at, sample.count) for sample in self.samples],
            "requests that wait": [(sample.at, sample.queued) for sample in self.samples],
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        picture.draw(f"Autoscaling drill: {LEAST} to {MOST} services, target {TARGET}", panels, TARGET, file)


# Deliberate breaks: SIGKILL for SIGTERM in remove(); a saturation that is always 0.5.
@pytest.mark.slow
def test_services_follow_the_load_and_no_stream_is_lost(tmp_path, monkeypatch, record_property):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    requests = asks(28, n=2, max_tokens=80)
    flags = ["--cache-mb", CACHE_MB, "--drain-seconds", 2]
    with Fleet(tmp_path, {MODEL: 1}, {MODEL: ["gpt2"]}, flags) as fleet:
        fleet.wait_rotation(BACKEND, 1)
        whole = undisturbed(f"ws://{fleet.services[f'{MODEL}:1'].address}/{MODEL}", requests)
        drill = Drill(Scaled(fleet))
        doors = [f"ws://{fleet.door}/{MODEL}", f"ws://{fleet.door}/gpt2"]  # straight to services, and by way of the gateway
        few = Crowd(doors, requests[:1], writers=1, rounds=None)
        drill.crowds.append(few)
        drill.run_for(4)
        assert len(drill.scaled.services) == LEAST
        many = Crowd(doors, requests, writers=CROWD, rounds=None)
        drill.crowds.append(many)
        drill.run_until(lambda count: count >= 3)
        drill.run_for(8)
        stories = many.stop()
        drill.run_until(lambda count: count == LEAST)
        stories += few.stop()
        assert [service.process.wait(30) for service in drill.scaled.ended] == [0] * len(drill.scaled.ended)
    drill.draw(OUT / "autoscaling.svg")
    record_property("autoscaling", f"{len(stories)} requests, steps {judge(drill, stories, whole)}")


def judge(drill: Drill, stories: list, whole: dict) -> list:
    """The steps: when, from and to how many services, at which saturation."""
    assert [story.wrong or story.end for story in stories if story.lost or not story.same_as(whole[story.ask["seed"]])] == []
    assert max(sample.queued for sample in drill.samples) <= CROWD
    steps = [sample for sample in drill.samples if sample.step != sample.count]
    assert {sample.step > sample.count for sample in steps} == {True, False}
    for sample in steps:
        if sample.step > sample.count:
            assert sample.mean > TARGET, f"out without need: {sample}"
        else:
            window = [other for other in drill.samples if sample.at - WINDOW_S / 2 < other.at <= sample.at]
            assert all(other.mean < TARGET for other in window), f"in under load: {sample}"
    return [(round(sample.at), sample.count, sample.step, round(sample.mean, 2)) for sample in steps]

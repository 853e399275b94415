"""HAProxy as deploy/generate sets it up, in front of real services and a gateway: what a cloud's balancer does."""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, generated, tool

import faults
import programs

sys.path.insert(0, str(ROOT / "tests" / "chaos"))

from fault_proxy import FaultProxy  # noqa: E402
from writer import Crowd, asks, undisturbed  # noqa: E402

MODELS = {"gpt2-demo": 2, "gpt2-demo-legal": 1}
ALIAS = {"gpt2-demo": ["gpt2"], "gpt2-demo-legal": []}
ROTATION_S = 30
AGE_S = 3


def free_ports(count: int) -> list:
    """Neighbours, since the services of a model on a host have ports in turn."""
    while True:
        first = programs.free_port()
        with ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return list(range(first, first + count))


class Fleet(ExitStack):
    """Every program as the generated files say."""

    def __init__(self, folder: Path):
        super().__init__()
        self.folder = folder
        self.ports = free_ports(10)
        (folder / "fleet.yaml").write_text(yaml.safe_dump(self.file()))
        self.made = generated(folder / "fleet.yaml", folder / "deploy", "hosts") / "hosts"
        self.services = {}
        for file in sorted((self.made / "services" / "here").iterdir()):
            self.services[file.stem] = self.start_service(file)
        gateway = programs.Program(["inkfleet-gateway", "--config", self.made / "gateway.json"], folder / "gateway.log")
        self.gateway = self.enter(gateway)
        self.haproxy = self.start_haproxy()

    def file(self) -> dict:
        gateway, admin, balancer, *others = self.ports
        entries = []
        for (name, count), port in zip(MODELS.items(), (others[0], others[3]), strict=True):
            entries.append({
                "name": name, "aliases": ALIAS[name], "weights": {"path": str(programs.MODELS / name)}, "port": port, "dtype": "int8",
                "device": {"kind": "cpu", "machine_type": "none", "threads": 1}, "replicas": {"min": 1, "max": count},
                "scale": {"signal": "cpu", "target": 0.5}, "limits": {"cache_mb": 256},
            })
        return {
            "fleet": "here", "release": "0.1.0", "models": entries,
            "gateway": {"port": gateway, "admin_port": admin, "replicas": {"min": 1, "max": 1}, "machine_type": "none"},
            "balancer": {"port": balancer, "websocket_seconds": 60},
            "hosts": [{"name": "here", "address": "127.0.0.1", "gateway": True, "balancer": True, "models": MODELS}],
        }

    def enter(self, program):
        self.callback(program.close)
        return program.wait_listening().wait_ready()

    def start_service(self, file: Path):
        flags = dict(line.split("=", 1) for line in file.read_text().splitlines())
        flags["INKFLEET_MODEL"] = str(programs.MODELS / flags["INKFLEET_NAME"])
        log = self.folder / f"{file.stem.replace(':', '-')}.log"
        return self.enter(programs.Program(["inkfleet-model", "--faults"], log, env={**os.environ, **flags}))

    def start_haproxy(self):
        text = (self.made / "haproxy.cfg").read_text().replace("/etc/haproxy/models.map", str(self.made / "models.map"))
        text = text.replace("  user haproxy\n  group haproxy\n", "").replace("  master-worker\n", "").replace("/run/haproxy", str(self.folder))
        (self.folder / "haproxy.cfg").write_text(text.replace("bind :", "bind 127.0.0.1:"))
        with (self.folder / "haproxy.log").open("wb") as log:
            process = subprocess.Popen([tool("haproxy"), "-db", "-f", self.folder / "haproxy.cfg"], stdout=log, stderr=log)
        self.callback(process.wait, 10)
        self.callback(process.terminate)
        return process

    @property
    def door(self) -> str:
        return f"127.0.0.1:{self.ports[2]}"

    def rotation(self, backend: str) -> dict:
        with socket.socket(socket.AF_UNIX) as door:
            door.connect(str(self.folder / "admin.sock"))
            door.sendall(b"show stat\n")
            with door.makefile() as answer:
                rows = [line.split(",") for line in answer if line.startswith(f"{backend},")]
        return {row[1]: row[17] for row in rows if row[1] != "BACKEND"}

    def wait_rotation(self, backend: str, up: int) -> float:
        begun = time.monotonic()
        while True:
            try:
                if sum(state.startswith("UP") for state in self.rotation(backend).values()) == up:
                    return time.monotonic() - begun
            except OSError:
                assert self.haproxy.poll() is None, (self.folder / "haproxy.log").read_text()
            assert time.monotonic() - begun < ROTATION_S, f"{backend}: {self.rotation(backend)}"
            time.sleep(0.02)  # it can only be asked again


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("haproxy")
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        with Fleet(folder) as fleet:
            for name, count in MODELS.items():
                fleet.wait_rotation(f"model_{name}", count)
            fleet.wait_rotation("gateways", 1)
            yield fleet


def model_of(url: str) -> str:
    """Which model answers there."""
    done = programs.run_tool("inkfleet-suggest", url, "A", "--max-tokens", 2, "--json")
    return next(frame["model"] for frame in map(json.loads, done.stdout.splitlines()) if frame["type"] == "started")


# Deliberate break: `path_beg` instead of the first element of the path.
def test_a_suffix_goes_to_its_model_and_all_else_to_the_gateway(fleet):
    for name in MODELS:
        assert model_of(f"ws://{fleet.door}/{name}") == name
        assert faults.http(f"http://{fleet.door}/{name}/healthz")[0] == 200
    assert model_of(f"ws://{fleet.door}/gpt2") == "gpt2-demo"
    for path in ("/gpt2-demo-other", "/gpt2-demo-legalx"):
        assert programs.run_tool("inkfleet-suggest", f"ws://{fleet.door}{path}", "A").returncode != 0


# Deliberate break: the check asks for /livez.
def test_a_fatal_error_leaves_the_rotation_and_nobody_else_notices(fleet):
    first, second = (fleet.services[f"gpt2-demo:{number}"] for number in (1, 2))
    requests = asks(8, n=2, max_tokens=60)
    whole = undisturbed(f"ws://{second.address}/gpt2-demo", requests)
    # By way of the gateway, which goes on elsewhere; who is connected to that very service is told `internal`.
    crowd = Crowd([f"ws://{fleet.door}/gpt2"], requests, writers=4, rounds=None)
    crowd.wait_streaming(2)
    faults.order(first.address, "fatal_device_error")
    took = fleet.wait_rotation("model_gpt2-demo", 1)
    stories = crowd.stop()
    print(f"out of rotation after {took:.1f} s; {len(stories)} requests")
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

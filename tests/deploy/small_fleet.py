"""A fleet of real programs on loopback, each as the generated files say, with HAProxy in front."""

import os
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import yaml
from conftest import generated, tool

import programs

ROTATION_S = 30


class Fleet(ExitStack):
    """`models`: how many services each has. `flags`: of the services, beside what was generated."""

    def __init__(self, folder: Path, models: dict, aliases: dict, flags=()):
        super().__init__()
        self.folder, self.models, self.aliases, self.flags = folder, models, aliases, flags
        first = programs.free_port(10)
        self.ports = range(first, first + 10)  # neighbours, since the services of a model on a host have ports in turn
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
        for (name, count), port in zip(self.models.items(), others[::3], strict=False):
            entries.append(
                {
                    "name": name,
                    "aliases": self.aliases.get(name, []),
                    "weights": {"path": str(programs.MODELS / name)},
                    "port": port,
                    "dtype": "int8",
                    "device": {"kind": "cpu", "machine_type": "none", "threads": 1},
                    "replicas": {"min": 1, "max": count},
                    "hosts": {"here": count},
                    "scale": {"signal": "cpu", "target": 0.5},
                    "limits": {"cache_mb": 256},
                }
            )
        return {
            "fleet": "here",
            "release": "0.1.0",
            "models": entries,
            "gateway": {"port": gateway, "admin_port": admin, "replicas": {"min": 1, "max": 1}, "machine_type": "none"},
            "balancer": {"port": balancer, "websocket_seconds": 60},
            "hosts": [{"name": "here", "address": "127.0.0.1", "gateway": True, "balancer": True}],
        }

    def enter(self, program):
        self.callback(program.close)
        return program.wait_listening().wait_ready()

    def start_service(self, file: Path, listen: str | None = None):
        flags = dict(line.split("=", 1) for line in file.read_text().splitlines())
        flags["INKFLEET_MODEL"] = str(programs.MODELS / flags["INKFLEET_NAME"])
        flags["INKFLEET_LISTEN"] = listen or flags["INKFLEET_LISTEN"]
        log = self.folder / f"{file.stem.replace(':', '-')}.log"
        return self.enter(programs.Program(["inkfleet-model", "--faults", *self.flags], log, env={**os.environ, **flags}))

    def start_haproxy(self):
        text = (self.made / "haproxy.cfg").read_text().replace("/etc/haproxy/models.map", str(self.made / "models.map"))
        text = (
            text.replace("  user haproxy\n  group haproxy\n", "")
            .replace("  master-worker\n", "")
            .replace("/run/haproxy", str(self.folder))
        )
        (self.folder / "haproxy.cfg").write_text(text.replace("bind :", "bind 127.0.0.1:"))
        with (self.folder / "haproxy.log").open("wb") as log:
            process = subprocess.Popen([tool("haproxy"), "-db", "-f", self.folder / "haproxy.cfg"], stdout=log, stderr=log)
        self.callback(process.wait, 10)
        self.callback(process.terminate)
        return process

    @property
    def door(self) -> str:
        return f"127.0.0.1:{self.ports[2]}"

    def balancer(self, command: str) -> list:
        """Lines of what HAProxy answers at its run-time door."""
        with socket.socket(socket.AF_UNIX) as door:
            door.connect(str(self.folder / "admin.sock"))
            door.sendall(f"{command}\n".encode())
            with door.makefile() as answer:
                return answer.read().splitlines()

    def rotation(self, backend: str) -> dict:
        rows = [line.split(",") for line in self.balancer("show stat") if line.startswith(f"{backend},")]
        return {row[1]: row[17] for row in rows if row[1] != "BACKEND"}

    def sessions(self, backend: str) -> int:
        """So far."""
        return int(next(line for line in self.balancer("show stat") if line.startswith(f"{backend},BACKEND")).split(",")[7])

    def wait_rotation(self, backend: str, up: int) -> float:
        begun = time.monotonic()
        while True:
            try:
                states = list(self.rotation(backend).values())
                if (states.count("UP"), states.count("DOWN")) == (up, len(states) - up):
                    return time.monotonic() - begun
            except OSError:
                assert self.haproxy.poll() is None, (self.folder / "haproxy.log").read_text()
            assert time.monotonic() - begun < ROTATION_S, f"{backend}: {self.rotation(backend)}"
            time.sleep(0.02)  # it can only be asked again

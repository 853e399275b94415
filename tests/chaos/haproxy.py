"""HAProxy in the place of a cloud's load balancer: routes by suffix, asks every server for its readiness once a second."""

import csv
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from programs import free_port

SETTINGS = """
global
  stats socket {folder}/haproxy.sock mode 600 level admin
defaults
  mode http
  option redispatch
  retries 2
  timeout connect 2s
  timeout client 1m
  timeout server 1m
  timeout tunnel 1h
  timeout check 1s
  default-server check inter 1s fall 2 rise 1
frontend door
  bind 127.0.0.1:{port}
{routes}
{backends}
"""
STOP_S = 10


class HaProxy:
    """`backends`: the addresses behind each suffix."""

    def __init__(self, folder: Path, backends: dict):
        self.address = f"127.0.0.1:{free_port()}"
        self.stats = folder / "haproxy.sock"
        routes = [f"  use_backend {name} if {{ path /{name} }} || {{ path_beg /{name}/ }}" for name in backends]
        servers = []
        for name, addresses in backends.items():
            servers += [f"backend {name}", "  balance leastconn", f"  option httpchk GET /{name}/readyz"]
            servers += [f"  server s{i} {address}" for i, address in enumerate(addresses)]
        settings = SETTINGS.format(folder=folder, port=self.address.split(":")[1], routes="\n".join(routes),
                                   backends="\n".join(servers))
        (folder / "haproxy.cfg").write_text(settings)
        program = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
        assert program, "haproxy is not installed; scripts/install-packages does that"
        with (folder / "haproxy.log").open("wb") as log:
            self.process = subprocess.Popen([program, "-db", "-f", folder / "haproxy.cfg"], stdout=log, stderr=log)

    def up(self, backend: str) -> list:
        """Whether each server of a backend is in rotation."""
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(STOP_S)
            door.connect(str(self.stats))
            door.sendall(b"show stat\n")
            with door.makefile() as answer:
                rows = list(csv.DictReader(line.removeprefix("# ") for line in answer if line.strip()))
        servers = [row for row in rows if row["pxname"] == backend and row["svname"].startswith("s")]
        return [row["status"].startswith("UP") for row in servers]

    def wait(self, backend: str, up: list, seconds: float = 60) -> float:
        """Until the rotation is this one; how long it took."""
        begun = time.monotonic()
        while True:
            try:
                if self.up(backend) == up:
                    return time.monotonic() - begun
            except OSError:
                assert self.process.poll() is None, "haproxy has ended"
            assert time.monotonic() - begun < seconds, f"the rotation of {backend} is not {up}"
            time.sleep(0.02)  # it can only be asked again

    def close(self):
        self.process.terminate()
        self.process.wait(STOP_S)

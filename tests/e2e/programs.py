"""Starts the real programs and reads what they say, always with a deadline."""

import json
import os
import queue
import random
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("INKFLEET_BIN", ROOT / "build" / "release" / "bin"))
MODELS = ROOT / "models"
ENVIRONMENT = dict(os.environ)  # from before the tests have a cache of their own: scripts look for what they fetched in the user's

START_S = 60  # loading a model on a machine whose cores are busy
STOP_S = 30


class Program:
    """A running server. Its stdout is read by a thread, its stderr goes to a file."""

    def __init__(self, arguments, log: Path, **popen):
        self.arguments = [str(BIN / arguments[0]), *map(str, arguments[1:])]
        self.log = log
        with log.open("ab") as stderr:
            self.process = subprocess.Popen(
                self.arguments, stdout=subprocess.PIPE, stderr=stderr, stdin=subprocess.DEVNULL, text=True, **popen
            )
        self._lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.host, self.port = None, None

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def wait_line(self, prefix: str, seconds: float = START_S) -> str:
        """The rest of the first line that begins with `prefix`."""
        end = time.monotonic() + seconds
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no line '{prefix}' from {self.arguments} in {seconds} s:\n{self.errors()}") from None
            if line is None:
                raise AssertionError(f"{self.arguments} ended with {self.process.wait()}:\n{self.errors()}")
            if line.startswith(prefix):
                return line[len(prefix) :].strip()

    def wait_listening(self):
        self.host, _, port = self.wait_line("listening ").rpartition(":")
        self.port = int(port)
        return self

    def wait_ready(self):
        self.wait_line("ready")
        return self

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def wait_serving(self, *models: str):
        """For a gateway: until it is connected to a service of each model."""
        end = time.monotonic() + START_S
        for model in models:
            while not answers_ok(f"http://{self.address}/{model}/readyz"):
                assert time.monotonic() < end, f"{model} is not served:\n{self.errors()}"
                time.sleep(0.01)  # it can only be asked again
        return self

    def errors(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]

    def hang_up(self, says: str):
        """SIGHUP; waits until the log has one more line that says so."""
        before = self.log.read_text().count(says)
        self.process.send_signal(signal.SIGHUP)
        self.wait_log(says, before + 1)

    def wait_log(self, says: str, times: int = 1, seconds: float = START_S):
        end = time.monotonic() + seconds
        while self.log.read_text().count(says) < times:
            assert time.monotonic() < end, f"the log does not say '{says}':\n{self.errors()}"
            time.sleep(0.01)  # a log can only be read again

    def kill(self):
        self.process.kill()
        self.process.wait(STOP_S)

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()
        self.process.stdout.close()


def start_model(name: str, logs: Path, listen: str = "127.0.0.1:0", extra=()) -> Program:
    """A service of the demo model `name`; not waited for."""
    return Program(
        ["inkfleet-model", "--model", MODELS / name, "--name", name, "--listen", listen, "--threads", 1, *extra],
        logs / f"{name}.log",
    )


def start_gateway(config: dict, folder: Path, extra=()) -> Program:
    path = folder / "gateway.json"
    path.write_text(json.dumps(config))
    return Program(["inkfleet-gateway", "--config", path, *extra], folder / "gateway.log")


def route(name: str, addresses, aliases=()) -> dict:
    return {
        "suffix": f"/{name}",
        "aliases": list(aliases),
        "upstreams": [f"ws://{address}/{name}" for address in addresses],
    }


def answers_ok(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status == 200
    except urllib.error.HTTPError:
        return False


_given_ports = set()


def free_port(neighbours: int = 1) -> int:
    """The first of so many ports that nobody listens at, for a program that is to listen there later. They are below those that
    the system gives to connections and to listeners without a port of their own, or one of these would have it by then."""
    end = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        first = random.randrange(10_000, end - neighbours)
        ports = range(first, first + neighbours)
        if _given_ports.isdisjoint(ports) and all(map(_is_free, ports)):
            _given_ports.update(ports)
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def run_tool(name: str, *arguments, seconds: float = 60, **options) -> subprocess.CompletedProcess:
    """Runs a program that ends by itself."""
    return subprocess.run(
        [str(BIN / name), *map(str, arguments)], capture_output=True, text=True, timeout=seconds, check=False, **options
    )

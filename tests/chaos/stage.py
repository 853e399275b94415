"""The programs a scenario needs: services that keep their address when they are started again, gateways, HAProxy, fault proxies,
and a supervisor as a container platform has one. All of it ends with the scenario."""

import contextlib
import itertools
import signal
import threading
from pathlib import Path

import faults
import programs
from fault_proxy import FaultProxy
from haproxy import HaProxy
from metrics import Metrics

MODEL = "gpt2-demo"
MODELS = programs.MODELS


class Server:
    """A program that keeps its address when it is started again."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.address = f"127.0.0.1:{programs.free_port()}"
        self.url = f"ws://{self.address}/{MODEL}"
        self.metrics = Metrics(f"http://{self.address}")
        self.start()

    def start(self):
        self.program = self.launch()

    def wait_ready(self):
        self.program.wait_listening().wait_ready()
        return self

    def restart(self):
        self.close()
        self.start()
        return self.wait_ready()

    def kill(self, how=signal.SIGKILL):
        self.program.process.send_signal(how)

    @property
    def pid(self) -> int:
        return self.program.process.pid

    def ended(self) -> bool:
        return self.program.process.poll() is not None

    def close(self):
        if not self.ended():
            self.kill(signal.SIGCONT)
            self.kill()
        self.program.close()


class Service(Server):
    def __init__(self, folder: Path, extra=()):
        self.extra = ["--dtype", "int8", "--faults", *extra]
        super().__init__(folder)

    def launch(self):
        return programs.start_model(MODEL, self.folder, self.address, self.extra)

    def slow(self, ms: int):
        """Steps of a larger model: what is measured then is the fleet and not how fast two cores are."""
        faults.order(self.address, "slow_steps", ms=ms)
        return self


class Gateway(Server):
    def __init__(self, folder: Path, addresses, config: dict):
        self.config = {"routes": [programs.route(MODEL, addresses)], **config}
        super().__init__(folder)

    def launch(self):
        return programs.start_gateway({"listen": self.address, **self.config}, self.folder)

    def wait_connected(self, services: int):
        self.metrics.wait("inkfleet_gateway_upstream_connected", lambda up: up >= services, programs.START_S)
        return self


class Supervisor:
    """Starts again what has ended or says twice that only a restart helps."""

    INTERVAL_S = 0.5
    FAILURES = 2

    def __init__(self, services: list):
        self.services = services
        self.restarts = []  # pairs of service and why
        self._failures = dict.fromkeys(services, 0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        while not self._stop.wait(self.INTERVAL_S):
            for service in self.services:
                why = self._verdict(service)
                if why:
                    self._failures[service] = 0
                    service.close()
                    service.start()
                    service.program.wait_listening()
                    self.restarts.append((service, why))

    def _verdict(self, service) -> str | None:
        if service.ended():
            return f"status {service.program.process.returncode}"
        try:
            well = faults.http(f"http://{service.address}/healthz", seconds=2)[0] == 200
        except OSError:
            well = False
        self._failures[service] = 0 if well else self._failures[service] + 1
        return "unhealthy" if self._failures[service] >= self.FAILURES else None

    def close(self):
        self._stop.set()
        self._thread.join(programs.START_S)


class Stage(contextlib.ExitStack):
    def __init__(self, folder: Path):
        super().__init__()
        self.folder = folder
        self._numbers = itertools.count()

    def _folder(self) -> Path:
        folder = self.folder / str(next(self._numbers))
        folder.mkdir(parents=True)
        return folder

    def _keep(self, what):
        self.callback(what.close)
        return what

    def services(self, count: int, *extra) -> list:
        services = [self._keep(Service(self._folder(), extra)) for _ in range(count)]
        return [service.wait_ready() for service in services]

    def gateway(self, addresses, connected: int | None = None, **config) -> Gateway:
        """`connected`: waits for so many of the services, not for all."""
        gateway = self._keep(Gateway(self._folder(), addresses, config)).wait_ready()
        return gateway.wait_connected(len(addresses) if connected is None else connected)

    def haproxy(self, addresses) -> HaProxy:
        balancer = self._keep(HaProxy(self._folder(), {MODEL: addresses}))
        balancer.wait(MODEL, [True] * len(addresses))
        balancer.url = f"ws://{balancer.address}/{MODEL}"
        return balancer

    def proxy(self, target: str, **what) -> FaultProxy:
        proxy = self._keep(FaultProxy(target))
        proxy.set(**what)
        proxy.url = f"ws://{proxy.address}/{MODEL}"
        return proxy

    def supervisor(self, services) -> Supervisor:
        return self._keep(Supervisor(services))


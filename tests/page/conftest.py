"""The programs under test, and what drives them from outside: Node.js for the client library, a browser for the page."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "chaos")]

import programs  # noqa: E402

NODE = os.environ.get("INKFLEET_NODE", "node")
CLIENT = ROOT / "clients" / "js"
NODE_S = 100


def run_node(script: Path, order: dict | None = None, **environment) -> str:
    """Runs a TypeScript file to its end; what it printed."""
    done = subprocess.run(
        [NODE, "--import", "tsx", str(script)],
        cwd=CLIENT,
        input=json.dumps(order or {}),
        capture_output=True,
        text=True,
        timeout=NODE_S,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """The programs' caches are not those of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


class Fleet:
    """Two models in int8, where equal requests have equal bytes, behind one gateway."""

    MODELS = ("gpt2-demo", "gpt2-demo-wizards")

    def __init__(self, folder: Path):
        self.services = {name: programs.start_model(name, folder, extra=["--dtype", "int8"]) for name in self.MODELS}
        for service in self.services.values():
            service.wait_listening().wait_ready()
        routes = [programs.route(name, [service.address]) for name, service in self.services.items()]
        self.gateway = programs.start_gateway({"listen": "127.0.0.1:0", "routes": routes}, folder)
        self.gateway.wait_listening().wait_ready().wait_serving(*self.MODELS)

    def close(self):
        for program in [self.gateway, *self.services.values()]:
            program.close()


@pytest.fixture(scope="session")
def fleet(tmp_path_factory):
    fleet = Fleet(tmp_path_factory.mktemp("fleet"))
    yield fleet
    fleet.close()

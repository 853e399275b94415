"""The programs under test, and what drives them from outside: Node.js for the client library, a browser for the page."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "chaos")]

import faults  # noqa: E402
import programs  # noqa: E402
from writing_page import WritingPage  # noqa: E402

NODE = os.environ.get("INKFLEET_NODE", "node")
CLIENT = ROOT / "clients" / "js"
NODE_S = 100
ALIASES = {"gpt2-demo": ["gpt2"], "gpt2-demo-wizards": ["gpt2-medium-hp"]}


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
        extra = ["--dtype", "int8", "--faults"]
        self.services = {name: programs.start_model(name, folder, extra=extra) for name in self.MODELS}
        for service in self.services.values():
            service.wait_listening().wait_ready()
        routes = [programs.route(name, [service.address], ALIASES[name]) for name, service in self.services.items()]
        self.gateway = programs.start_gateway({"listen": "127.0.0.1:0", "routes": routes}, folder)
        self.gateway.wait_listening().wait_ready().wait_serving(*self.MODELS)

    @property
    def url(self) -> str:
        return f"http://{self.gateway.address}/"

    def slow(self, model: str, ms: int):
        """Each step of a model takes so much longer; 0: as it is."""
        faults.order(self.services[model].address, "slow_steps", ms=ms)

    def close(self):
        for program in [self.gateway, *self.services.values()]:
            program.close()


@pytest.fixture(scope="session")
def fleet(tmp_path_factory):
    fleet = Fleet(tmp_path_factory.mktemp("fleet"))
    yield fleet
    fleet.close()


@pytest.fixture
def slow(fleet):
    """Makes the steps of models slow for a test: what it looks at lasts."""
    slowed = []

    def order(model: str, ms: int):
        slowed.append(model)
        fleet.slow(model, ms)

    yield order
    for model in slowed:
        faults.clear(fleet.services[model].address)


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium; nothing of it runs outside of the tests."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser):
    """Opens the page as somebody who was never there before; at the end nothing may have gone wrong in it."""
    with ExitStack() as stack:

        def open_page(url: str, settings: dict | None = None, **options) -> WritingPage:
            context = browser.new_context(**{"viewport": {"width": 1100, "height": 800}, **options})
            stack.callback(context.close)
            page = WritingPage(context, url, settings or {})
            stack.callback(page.assert_sound)
            return page

        yield open_page

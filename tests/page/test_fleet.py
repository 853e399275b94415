"""The page when services die, the gateway restarts, keys are asked for, or nothing is there."""

import re
import urllib.request

import pytest
from conftest import ALIASES
from editor import Editor
from playwright.sync_api import expect

import faults
import programs

MODEL = "gpt2-demo"
PROMPT = "The old castle stood"
SETTINGS = {"n": 2, "length": 60}
STEP_MS = 60


class Small:
    """A gateway of the test's own, before services of one model that it may end."""

    def __init__(self, folder, services: int, **config):
        self.folder = folder
        self.config = config
        extra = ["--dtype", "int8", "--faults"]
        self.services = [programs.start_model(MODEL, folder, extra=extra) for _ in range(services)]
        for service in self.services:
            service.wait_listening().wait_ready()
            faults.order(service.address, "slow_steps", ms=STEP_MS)
        self.gateway = self.open("127.0.0.1:0")
        self.url = f"http://{self.gateway.address}/"

    def open(self, listen: str):
        routes = [programs.route(MODEL, [service.address for service in self.services], ALIASES[MODEL])]
        config = {"listen": listen, "routes": routes, **self.config}
        return programs.start_gateway(config, self.folder).wait_listening().wait_ready()

    def restart_gateway(self):
        self.gateway.kill()
        self.gateway = self.open(self.gateway.address)

    def undisturbed(self, frame: dict) -> list[str]:
        """What the page should have got, from a service that is alive."""
        fields = {name: frame[name] for name in ("prompt", "n", "max_tokens", "temperature", "top_k", "top_p", "seed", "heal")}
        service = next(service for service in self.services if service.process.poll() is None)
        faults.clear(service.address)
        with Editor(f"ws://{service.address}/{MODEL}") as editor:
            request = editor.complete(**fields)
        return [re.sub(r"\n+", " ↵ ", request.text(index)) for index in range(fields["n"])]

    def close(self):
        for program in [self.gateway, *self.services]:
            program.close()


@pytest.fixture
def small(tmp_path):
    made = []

    def make(services: int = 1, **config) -> Small:
        made.append(Small(tmp_path, services, **config))
        return made[-1]

    yield make
    for fleet in made:
        fleet.close()


def serving(fleet: Small) -> programs.Program:
    """The service that is at work."""
    for service in fleet.services:
        with urllib.request.urlopen(f"http://{service.address}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        if any(line.startswith("inkfleet_running_requests") and float(line.split()[-1]) > 0 for line in lines):
            return service
    raise AssertionError("no service is at work")


def wait_growing(page):
    """Until some of the answer about the whole text is there, and some is not."""
    page.wait_frames(lambda: page.asked() and page.last_asked()["prompt"] == PROMPT)
    answer = page.last_asked()["id"]
    page.wait_frames(lambda: len([f for f in page.received if f["type"] == "delta" and f["id"] == answer]) >= 6)


def texts_of(page) -> list[str]:
    return page.options.all_text_contents()


# Deliberate break: a Relay that moves no request: the page says that the voice does not answer.
def test_a_service_dies_and_the_text_goes_on(small, visit):
    fleet = small(2)
    fleet.gateway.wait_serving(MODEL)
    page = visit(fleet.url, SETTINGS).connected()
    page.type(PROMPT)
    wait_growing(page)
    serving(fleet).kill()
    page.whole_ghost()
    assert page.message.text_content() == ""
    assert texts_of(page) == fleet.undisturbed(page.last_asked())


# Deliberate break: LiveRequest.attempt() without resume: the beginning comes twice.
def test_the_gateway_restarts_and_the_page_comes_back_with_the_rest(small, visit):
    fleet = small()
    fleet.gateway.wait_serving(MODEL)
    page = visit(fleet.url, SETTINGS).connected()
    page.type(PROMPT)
    wait_growing(page)
    fleet.restart_gateway()
    page.wait_frames(lambda: "resume" in page.last_asked())
    page.whole_ghost()
    assert texts_of(page) == fleet.undisturbed(page.last_asked())
    assert any(point["tokens"] for point in page.last_asked()["resume"])
    page.connected()


def test_it_says_when_the_connection_is_lost_and_that_it_is_back(small, visit):
    fleet = small()
    fleet.gateway.wait_serving(MODEL)
    page = visit(fleet.url, SETTINGS).connected()
    fleet.gateway.kill()
    expect(page.page.locator("[data-field=connection]")).to_have_text("Reconnecting…")
    page.type(PROMPT)
    fleet.gateway = fleet.open(fleet.gateway.address)
    expect(page.ghost).to_be_visible(timeout=20_000)
    expect(page.page.locator("[data-field=connection]")).to_have_text("Connected")
    assert page.written() == PROMPT


def test_it_says_when_no_service_answers(small, visit):
    fleet = small()
    fleet.gateway.wait_serving(MODEL)
    page = visit(fleet.url, SETTINGS).connected()
    fleet.services[0].kill()
    page.type(PROMPT)
    expect(page.message).to_have_text("Waiting for a service of this voice…")
    fleet.services[0] = programs.start_model(MODEL, fleet.folder, fleet.services[0].address).wait_listening().wait_ready()
    expect(page.ghost).to_be_visible(timeout=20_000)
    assert page.message.text_content() == ""


def test_a_key_is_asked_for_and_used(small, visit, tmp_path):
    key = "a-key-of-somebody-0123456789"
    file = tmp_path / "keys.txt"
    file.write_text(f"somebody {key}\n")
    fleet = small(auth={"key_file": str(file)})
    page = visit(fleet.url, SETTINGS)
    expect(page.message).to_contain_text("asks for an API key")
    page.action("settings")
    page.page.get_by_label("API key").fill(key)
    page.page.get_by_role("button", name="Done").click()
    page.connected().type(PROMPT)
    expect(page.ghost).to_be_visible()
    assert key not in page.page.url and all(key not in url for url in page.urls)


def test_a_voice_that_is_not_there_is_told(fleet, visit):
    page = visit(f"{fleet.url}?model=gpt2-nobody").connected()
    expect(page.message).to_have_text("The gateway does not have this voice. Choose another one.")


def test_without_a_page_the_gateway_says_so(tmp_path):
    config = {"listen": "127.0.0.1:0", "page": "off", "routes": [programs.route("none", ["127.0.0.1:1"])]}
    gateway = programs.start_gateway(config, tmp_path).wait_listening().wait_ready()
    try:
        with urllib.request.urlopen(f"http://{gateway.address}/") as answer:
            assert "The page where people write is missing" in answer.read().decode()
    finally:
        gateway.close()

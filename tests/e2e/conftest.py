"""The fleet under test: three model services and a gateway, started once."""

import functools
from pathlib import Path

import pytest
from tokenizers import Tokenizer

import programs
from editor import Editor

ALIASES = {
    "gpt2-demo": ["gpt2", "gpt2-medium", "gpt2-large", "gpt2-medium-companies", "gpt2-medium-research", "gpt2-medium-lyrics"],
    "gpt2-demo-wizards": ["gpt2-medium-hp", "gpt2-medium-got"],
    "gpt2-demo-legal": ["gpt2-medium-legal"],
}


class Fleet:
    """The services, and a gateway that is started when first asked for."""

    def __init__(self, models: dict, folder: Path):
        self.models = models
        self.folder = folder

    @functools.cached_property
    def gateway(self) -> programs.Program:
        routes = [programs.route(name, [model.address], ALIASES[name]) for name, model in self.models.items()]
        gateway = programs.start_gateway({"listen": "127.0.0.1:0", "routes": routes}, self.folder)
        return gateway.wait_listening().wait_ready().wait_serving(*self.models)

    def running(self) -> list:
        return [*self.models.values(), *([self.gateway] if "gateway" in self.__dict__ else [])]

    def program(self, door: str, model: str = "gpt2-demo") -> programs.Program:
        return self.gateway if door == "gateway" else self.models[model]

    def url(self, door: str, model: str = "gpt2-demo") -> str:
        """The WebSocket address of a model, at its service or at the gateway."""
        return f"ws://{self.program(door, model).address}/{model}"

    def http(self, door: str) -> str:
        return f"http://{self.program(door).address}"

    def legacy(self, name: str, twin: bool = False) -> str:
        kind = "test" if twin else "async"
        return f"ws://{self.gateway.address}/ws/{kind}/writeup/text_generation/session/{name}/"


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """The programs' caches are not those of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def fleet(cache, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fleet")
    fleet = Fleet({name: programs.start_model(name, folder) for name in ALIASES}, folder)
    try:
        for program in fleet.models.values():
            program.wait_listening().wait_ready()
        yield fleet
        for program in fleet.running():
            assert program.process.poll() is None, f"{program.arguments} ended during the tests:\n{program.errors()}"
    finally:
        for program in fleet.running():
            program.close()


@pytest.fixture(params=["service", "gateway"])
def door(request) -> str:
    """Where the editor connects: the protocol is the same."""
    return request.param


@pytest.fixture
def url(fleet, door) -> str:
    return fleet.url(door)


@pytest.fixture
def editor(url):
    with Editor(url) as connection:
        yield connection


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """The reference: the tokenizers package, on the demo model's own file."""
    return Tokenizer.from_file(str(programs.MODELS / "gpt2-demo" / "tokenizer.json"))


@pytest.fixture(scope="session")
def decode(tokenizer):
    return lambda tokens: tokenizer.decode(tokens, skip_special_tokens=False)

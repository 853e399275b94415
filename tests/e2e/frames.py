"""The JSON Schemas of proto/schema, applied to real traffic."""

import functools
import json

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from programs import ROOT


@functools.cache
def _registry() -> Registry:
    files = sorted((ROOT / "proto" / "schema").glob("*.json"))
    return Registry().with_resources((path.name, Resource.from_contents(json.loads(path.read_text()))) for path in files)


@functools.cache
def validator(name: str) -> Draft202012Validator:
    schema = _registry().contents(f"{name}.json")
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator({"$ref": f"{name}.json"}, registry=_registry())


def check_server_frame(frame) -> None:
    """The schema of the frame's own type, whose messages say more than those of a choice."""
    assert isinstance(frame, dict) and isinstance(frame.get("type"), str), frame
    names = [choice["$ref"] for choice in _registry().contents("server_frame.json")["oneOf"]]
    assert f"{frame['type']}.json" in names, f"not a frame of a server: {frame}"
    validator(frame["type"]).validate(frame)


def is_client_frame(frame) -> bool:
    return validator("client_frame").is_valid(frame)

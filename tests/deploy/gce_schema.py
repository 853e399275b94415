"""Google's own description of an API (the discovery document that its Python client carries): which methods there are, and what a
message may hold."""

import json
import re
from pathlib import Path

import googleapiclient

DOCUMENTS = Path(googleapiclient.__file__).parent / "discovery_cache" / "documents"
NUMBERS = re.compile(r"-?\d+")


class Refused(Exception):
    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


class Api:
    def __init__(self, name: str):
        self.document = json.loads((DOCUMENTS / f"{name}.json").read_text())
        self.base = f"/{self.document['servicePath']}".rstrip("/")
        self.methods = list(self._methods(self.document["resources"]))

    def _methods(self, resources: dict):
        for collection, resource in resources.items():
            for name, method in resource.get("methods", {}).items():
                path = method.get("flatPath", method["path"])
                pattern = re.sub(r"\\\{\\?\+?(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path))
                yield method["httpMethod"], re.compile(pattern), collection, name, method
            yield from self._methods(resource.get("resources", {}))

    def find(self, verb: str, path: str):
        """Collection, method's name, its description and the parameters in the path."""
        for method, pattern, collection, name, description in self.methods:
            match = method == verb and pattern.fullmatch(path)
            if match:
                return collection, name, description, match.groupdict()
        raise Refused(404, f"{verb} {path}: there is no such method")

    def check(self, description: dict, query: dict, body) -> None:
        parameters = {**self.document["parameters"], **description.get("parameters", {})}
        for name in query:
            if name not in parameters:
                raise Refused(400, f"{description['id']}: there is no parameter {name}")
        if (body is not None) != ("request" in description):
            raise Refused(400, f"{description['id']}: a body is {'expected' if body is None else 'not expected'}")
        if body is not None:
            self.check_value({"$ref": description["request"]["$ref"]}, body, description["id"])

    def check_value(self, schema: dict, value, place: str) -> None:
        if "$ref" in schema:
            schema = {"type": "object", **self.document["schemas"][schema["$ref"]]}
        kind = schema.get("type", "any")
        if kind == "object":
            self.check_object(schema, value, place)
        elif kind == "array":
            self.expect(isinstance(value, list), place, "a list", value)
            for number, item in enumerate(value):
                self.check_value(schema["items"], item, f"{place}[{number}]")
        else:
            self.check_scalar(kind, schema, value, place)

    def check_object(self, schema: dict, value, place: str) -> None:
        self.expect(isinstance(value, dict), place, "an object", value)
        properties, others = schema.get("properties", {}), schema.get("additionalProperties")
        for key, item in value.items():
            if key not in properties and others is None:
                raise Refused(400, f'Unknown name "{key}" at {place}: Cannot find field.')
            known = properties.get(key, others)
            if known.get("readOnly") and key != "fingerprint":
                raise Refused(400, f"{place}.{key}: is the server's to say")
            self.check_value(known, item, f"{place}.{key}")

    def check_scalar(self, kind: str, schema: dict, value, place: str) -> None:
        right = {
            "string": isinstance(value, str) or (schema.get("format") in ("int64", "uint64") and type(value) is int),
            "integer": type(value) is int,
            "number": type(value) in (int, float),
            "boolean": isinstance(value, bool),
        }
        self.expect(right.get(kind, True), place, f"a {kind}", value)
        if schema.get("format") in ("int64", "uint64") and isinstance(value, str):
            self.expect(NUMBERS.fullmatch(value), place, "a number", value)
        if "enum" in schema:
            self.expect(value in schema["enum"], place, f"one of {', '.join(schema['enum'])}", value)

    @staticmethod
    def expect(right, place: str, what: str, value) -> None:
        if not right:
            raise Refused(400, f"{place}: expected {what}, found {value!r}")

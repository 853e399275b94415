"""Holds real traffic against the document at /openapi.json."""

import json
import urllib.request

import httpx2
from jsonschema import Draft202012Validator


class OpenApi:
    def __init__(self, base: str):
        with urllib.request.urlopen(f"{base}/openapi.json", timeout=10) as answer:
            self.document = json.load(answer)

    def validator(self, schema: dict) -> Draft202012Validator:
        return Draft202012Validator({**schema, "components": self.document["components"]})

    def operation(self, method: str, path: str) -> dict:
        template = "/v1/models/{model}" if path.startswith("/v1/models/") else path
        return self.document["paths"][template][method.lower()]

    def check_request(self, method: str, path: str, body: bytes) -> None:
        schema = self.operation(method, path)["requestBody"]["content"]["application/json"]["schema"]
        self.validator(schema).validate(json.loads(body))

    def is_request(self, method: str, path: str, body: dict) -> bool:
        schema = self.operation(method, path)["requestBody"]["content"]["application/json"]["schema"]
        return self.validator(schema).is_valid(body)

    def check_answer(self, method: str, path: str, status: int, headers, body: bytes) -> None:
        answer = self.operation(method, path)["responses"][str(status)]
        kind = headers["content-type"].partition(";")[0]
        schema = answer["content"][kind]["schema"]
        for name in answer.get("headers", {}):
            assert name in headers, f"{status} without {name}"
        if kind == "text/event-stream":
            self.check_events(body.decode())
        else:
            self.validator(schema).validate(json.loads(body))

    def check_events(self, body: str) -> None:
        """Each event is a Completion; an error is the last one, else [DONE] is."""
        assert body.endswith("\n\n"), "an event is cut off"
        events = [line.removeprefix("data: ") for line in body.split("\n\n") if line]
        completion = self.validator({"$ref": "#/components/schemas/Completion"})
        for event in events[:-1]:
            completion.validate(json.loads(event))
        if events[-1] != "[DONE]":
            self.validator({"$ref": "#/components/schemas/Error"}).validate(json.loads(events[-1]))


class _Recorded(httpx2.SyncByteStream):
    """Passes a body on, and checks it once it has been read to its end."""

    def __init__(self, stream, check):
        self.stream, self.check, self.read, self.whole = stream, check, [], False

    def __iter__(self):
        for piece in self.stream:
            self.read.append(piece)
            yield piece
        self.whole = True

    def close(self):
        self.stream.close()
        if self.whole:
            self.check(b"".join(self.read))


class CheckedTransport(httpx2.HTTPTransport):
    """What a client sends and is answered must be in the document; `checked` counts the answers that were."""

    def __init__(self, api: OpenApi):
        super().__init__()
        self.api, self.checked = api, 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        response = super().handle_request(request)
        path = request.url.path
        if response.status_code == 200 and request.method == "POST":
            self.api.check_request(request.method, path, request.read())

        def check(body: bytes) -> None:
            if path.startswith("/v1/chat"):
                return self.api.validator({"$ref": "#/components/schemas/Error"}).validate(json.loads(body))
            self.api.check_answer(request.method, path, response.status_code, response.headers, body)
            self.checked += 1

        return httpx2.Response(response.status_code, headers=response.headers, stream=_Recorded(response.stream, check))

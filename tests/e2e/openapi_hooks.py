"""What schemathesis is told beside /openapi.json: sizes that leave time for many requests, and what a schema cannot say, that some
parameters do not go together. Values the schema does not allow are left as they are."""

import schemathesis

VOCABULARY = 8192  # of the demo models
SMALL = {"max_tokens": (1024, 4), "n": (32, 2), "best_of": (32, 2)}


def is_int(value, least, most) -> bool:
    return type(value) in (int, float) and value == int(value) and least <= value <= most


def within_vocabulary(prompt):
    if isinstance(prompt, list):
        return [within_vocabulary(item) for item in prompt]
    return prompt % VOCABULARY if is_int(prompt, 0, 2**31 - 1) else prompt


def short(stop):
    """At most 16 characters, which are at most 64 bytes."""
    if isinstance(stop, list):
        return [short(item) for item in stop]
    return stop[:16] if isinstance(stop, str) and len(stop) <= 64 else stop


@schemathesis.hook
def before_call(context, case, kwargs):
    if isinstance(case.body, dict):
        case.body = together(dict(case.body))


def together(body: dict) -> dict:
    for name, (limit, most) in SMALL.items():
        if is_int(body.get(name), 1, limit):
            body[name] = min(body[name], most)
    for name, change in {"prompt": within_vocabulary, "stop": short}.items():
        if name in body:
            body[name] = change(body[name])
    if is_int(body.get("best_of"), 1, 32):
        body["n"] = body["best_of"] if body.get("n") is None or is_int(body["n"], 1, 32) else body["n"]
    if isinstance(body.get("stream_options"), dict) and body.get("stream") in (None, False):
        body["stream"] = True
    if body.get("echo") is True and is_int(body.get("logprobs"), 0, 5):
        del body["echo"]
    if is_int(body.get("deadline_ms"), 100, 600_000):
        body["deadline_ms"] = 60_000
    return body

"""The OpenAI-compatible door, as OpenAI's own JavaScript client uses it."""

import json
import subprocess

from metrics import Metrics
from openapi import OpenApi
from programs import ENVIRONMENT, ROOT
from test_openai import ABANDONED, ENDED, REFUSED


CANCELLED = 1  # requests that the script goes away from


# Deliberate break: an answer to a refused parameter without its name.
def test_the_javascript_client(fleet, tokenizer, tmp_path):
    script = ROOT / "tests" / "e2e" / "openai_client.mjs"
    refused = [({**fields, **fields.get("extra_body", {})}, param) for fields, param in REFUSED]
    gateway = Metrics(fleet.http("gateway"))
    before = gateway.sum(ENDED, may_be_absent=True, labels=ABANDONED)
    arguments = [fleet.http("gateway") + "/v1", json.dumps(tokenizer.encode("The old castle").ids), json.dumps(refused), tmp_path / "traffic"]
    command = [ROOT / "scripts" / "with-node", "node", script, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False, env=ENVIRONMENT)
    assert ran.returncode == 0 and ran.stdout == "ok\n", ran.stderr
    Metrics(fleet.http("service")).wait("inkfleet_running_suggestions", lambda running: running == 0)
    gateway.wait(ENDED, lambda ended: ended == before + CANCELLED, labels=ABANDONED)
    check_traffic(OpenApi(fleet.http("gateway")), (tmp_path / "traffic").read_text().splitlines())


# Deliberate break: a usage without prompt_tokens_details, which the document requires.
def check_traffic(api: OpenApi, lines: list):
    """All that the client sent and was answered is in the document."""
    for line in lines:
        exchange = json.loads(line)
        method, path, status, body = (exchange[name] for name in ("method", "path", "status", "body"))
        if path.startswith("/v1/chat"):
            api.validator({"$ref": "#/components/schemas/Error"}).validate(json.loads(body))
            continue
        if method == "POST" and status == 200:
            api.check_request(method, path, exchange["sent"])
        api.check_answer(method, path, status, exchange["headers"], body.encode())
    assert len(lines) > len(REFUSED)

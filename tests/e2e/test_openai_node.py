"""The OpenAI-compatible door, as OpenAI's own JavaScript client uses it."""

import json
import subprocess

from metrics import Metrics
from programs import ENVIRONMENT, ROOT
from test_openai import REFUSED


# Deliberate break: an answer to a refused parameter without its name.
def test_the_javascript_client(fleet, tokenizer):
    script = ROOT / "tests" / "e2e" / "openai_client.mjs"
    refused = [({**fields, **fields.get("extra_body", {})}, param) for fields, param in REFUSED]
    arguments = [fleet.http("gateway") + "/v1", json.dumps(tokenizer.encode("The old castle").ids), json.dumps(refused)]
    command = [ROOT / "scripts" / "with-node", "node", script, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False, env=ENVIRONMENT)
    assert ran.returncode == 0 and ran.stdout == "ok\n", ran.stderr
    Metrics(fleet.http("service")).wait("inkfleet_running_suggestions", lambda running: running == 0)

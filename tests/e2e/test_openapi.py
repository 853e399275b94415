"""The document at /openapi.json, and the door fuzzed from it by schemathesis: no 500, no crash, no answer the document does not
know. INKFLEET_FUZZ_SECONDS says for how long; the same seed makes the same requests."""

import os
import subprocess
import sys
from pathlib import Path

from metrics import Metrics
from openapi import OpenApi

SECONDS = int(os.environ.get("INKFLEET_FUZZ_SECONDS", "15"))
SEED = os.environ.get("INKFLEET_FUZZ_SEED", "1")
HERE = Path(__file__).parent


def test_the_document_names_the_models_and_all_parameters(fleet):
    api = OpenApi(fleet.http("gateway"))
    names = api.document["components"]["schemas"]["ModelName"]["enum"]
    assert {"gpt2-demo", "gpt2-medium", "gpt2-demo-legal"} <= set(names)
    good = {"model": "gpt2-demo", "prompt": [[1, 2], "a"], "n": 2, "stop": "x"}
    assert api.is_request("post", "/v1/completions", good)
    for wrong in ({"n": 33}, {"suffix": "x"}, {"model": "gpt-5"}, {"prompt": []}, {"presence_penalty": 1}):
        assert not api.is_request("post", "/v1/completions", {**good, **wrong})


def ended(fleet, outcome: str) -> float:
    labels = ['door="openai"', f'outcome="{outcome}"']
    return Metrics(fleet.http("gateway")).sum("inkfleet_gateway_requests_total", may_be_absent=True, labels=labels)


# Deliberate break: an answer 404 for a model that is missing in the document.
def test_the_door_stands_fuzzing(fleet, tmp_path):
    completed, internal = ended(fleet, "completed"), ended(fleet, "internal")
    refused = Metrics(fleet.http("gateway")).sum("inkfleet_gateway_refused_total", may_be_absent=True)
    ran = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "--config-file", HERE / "schemathesis.toml", "run"]
        + [f"{fleet.http('gateway')}/openapi.json", "--max-time", str(SECONDS), "--seed", SEED, "--phases", "examples,coverage,fuzzing"],
        env={**os.environ, "SCHEMATHESIS_HOOKS": "openapi_hooks", "PYTHONPATH": str(HERE), "NO_COLOR": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS + 90,
        check=False,
    )
    print(ran.stdout)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert [program.process.poll() for program in (fleet.gateway, *fleet.models.values())] == [None] * (1 + len(fleet.models))
    # It has asked for completions and got them, and for what is refused.
    assert ended(fleet, "completed") > completed + 5
    assert Metrics(fleet.http("gateway")).sum("inkfleet_gateway_refused_total") > refused + 5
    assert ended(fleet, "internal") == internal

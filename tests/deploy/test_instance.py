"""What runs on an instance of Google Cloud beside our programs, with a stand-in for what it asks there."""

import json
import os
import subprocess
import threading
from pathlib import Path

import pytest
from conftest import ROOT

import fake_google
import programs
import weights

HOST = ROOT / "deploy" / "host"
MODEL = "gpt2-demo"


@pytest.fixture
def google(tmp_path):
    """Its address; the folder is tmp_path."""
    server = fake_google.serve(tmp_path, 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    service = programs.start_model(MODEL, tmp_path)
    yield service.wait_listening().wait_ready()
    service.close()


def run(name: str, *arguments, **environment) -> subprocess.CompletedProcess:
    command = [HOST / name, *map(str, arguments)]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=False)


# Deliberate break: "valueType": "INT64", or a metric that is called otherwise than the autoscaler's.
def test_saturation_is_published_as_a_series_of_the_instance(google, model, tmp_path, ours):
    settings = {"INKFLEET_METADATA": google, "INKFLEET_MONITORING": google}
    done = run("inkfleet-publish-saturation", f"http://{model.address}/metrics", "--once", **settings)
    assert done.returncode == 0, done.stderr
    [series] = json.loads((tmp_path / "series.jsonl").read_text())["timeSeries"]
    assert series["resource"]["labels"] == {"project_id": "example-project", "instance_id": "4711", "zone": "europe-west4-a"}
    assert series["metricKind"] == "GAUGE"  # an autoscaler averages nothing else as it is
    assert 0 <= series["points"][0]["value"]["doubleValue"] <= 1
    resources = json.loads((ours / "google" / "resources.json").read_text())
    metrics = [
        signal["metric"]
        for item in resources
        for signal in item["body"].get("autoscalingPolicy", {}).get("customMetricUtilizations", [])
    ]
    assert set(metrics) == {series["metric"]["type"]}


def test_a_service_that_does_not_answer_has_no_saturation(google, tmp_path):
    settings = {"INKFLEET_METADATA": google, "INKFLEET_MONITORING": google}
    done = run("inkfleet-publish-saturation", f"http://127.0.0.1:{programs.free_port()}/metrics", "--once", **settings)
    assert done.returncode == 1 and not (tmp_path / "series.jsonl").exists()


def gateway_metadata(ours: Path) -> dict:
    resources = json.loads((ours / "google" / "resources.json").read_text())
    template = next(
        item["body"] for item in resources if item["collection"] == "instanceTemplates" and item["owner"] == "gateway"
    )
    return {item["key"]: item["value"] for item in template["properties"]["metadata"]["items"]}


def instance(address: str, service: str, status: str = "RUNNING", fleet: str = "inkfleet") -> dict:
    return {"status": status, "labels": {"fleet": fleet, "service": service}, "networkInterfaces": [{"networkIP": address}]}


# Deliberate break: leave the label of the fleet out of the filter.
def test_gateways_find_the_services_there_are(google, model, tmp_path, ours):
    etc = tmp_path / "etc"
    etc.mkdir()
    metadata = gateway_metadata(ours)
    template = json.loads(metadata["inkfleet-gateway"]) | {"listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0"}
    members = json.loads(metadata["inkfleet-members"])
    members["models"][MODEL]["port"] = model.port
    for name, content in (("gateway.template.json", template), ("gateway.json", template), ("members.json", members)):
        (etc / name).write_text(json.dumps(content))
    gateway = programs.Program(["inkfleet-gateway", "--config", etc / "gateway.json"], tmp_path / "gateway.log")
    try:
        gateway.wait_listening().wait_ready()
        assert not programs.answers_ok(f"http://{gateway.address}/{MODEL}/readyz")
        others = [instance("127.0.0.8", MODEL, "STOPPING"), instance("127.0.0.9", MODEL, fleet="another")]
        (tmp_path / "instances.json").write_text(json.dumps([instance("127.0.0.1", MODEL), *others]))
        settings = dict(
            INKFLEET_ETC=str(etc),
            INKFLEET_METADATA=google,
            INKFLEET_COMPUTE=google,
            INKFLEET_RELOAD=f"kill -HUP {gateway.process.pid}",
        )
        assert "have changed" in run("inkfleet-find-services", "--once", **settings).stdout
        gateway.wait_serving(MODEL)
        routes = {route["suffix"]: route["upstreams"] for route in json.loads((etc / "gateway.json").read_text())["routes"]}
        assert routes[f"/{MODEL}"] == [f"ws://127.0.0.1:{model.port}/{MODEL}"]
        assert routes["/gpt2-demo-legal"] == ["ws://nobody.invalid:9021/gpt2-demo-legal"]
        assert run("inkfleet-find-services", "--once", **settings).stdout == ""
        (tmp_path / "instances.json").unlink()  # the API fails
        failed = run("inkfleet-find-services", "--once", **settings)
        assert failed.returncode == 1 and "what was known stays" in failed.stderr
        gateway.wait_serving(MODEL)
    finally:
        gateway.close()


def test_weights_are_taken_from_a_bucket_and_verified(google, tmp_path):
    (tmp_path / "buckets" / "store").mkdir(parents=True)
    with (tmp_path / "buckets" / "store" / "model.tar").open("wb") as out:
        weights.write_archive(programs.MODELS / MODEL, out)
    sha256 = weights.sha256_of(programs.MODELS / MODEL)
    settings = {"INKFLEET_METADATA": google, "INKFLEET_STORAGE": google}
    folder = tmp_path / "models" / "current"
    wrong = run("inkfleet-fetch-weights", "gs://store/model.tar", "0" * 64, folder, **settings)
    assert wrong.returncode == 1 and "its SHA-256 is not" in wrong.stderr and not folder.exists()
    done = run("inkfleet-fetch-weights", "gs://store/model.tar", sha256, folder, **settings)
    assert done.returncode == 0, done.stderr
    original = {path.name: path.read_bytes() for path in (programs.MODELS / MODEL).iterdir()}
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".sha256"} == original
    (tmp_path / "buckets" / "store" / "model.tar").unlink()
    assert run("inkfleet-fetch-weights", "gs://store/model.tar", sha256, folder, **settings).returncode == 0  # it is there
    assert [path.name for path in folder.parent.iterdir()] == ["current"]

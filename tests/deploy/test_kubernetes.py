"""The manifests, built with kustomize: strictly what the API takes, and whatever one names of another is there."""

import json
import subprocess
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from conftest import FLEETS, ROOT, generated, kustomize

CRDS = Path(__file__).parent / "crds"
VERSION = "1.35"
PAUSE_S = 10


def build(folder: Path) -> list:
    done = subprocess.run([*kustomize(), folder], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="session")
def manifests(made) -> list:
    return build(made / "kubernetes")


@pytest.fixture(scope="session")
def models(fleet_file) -> list:
    return yaml.safe_load(fleet_file.read_text())["models"]


def strict(schema):
    """As the API server with fieldValidation=Strict: an unknown field is a mistake."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: strict(value) for key, value in schema.items()}
    if "properties" in schema and isinstance(schema["properties"], dict) and "additionalProperties" not in schema:
        schema["additionalProperties"] = False
    if schema.pop("x-kubernetes-int-or-string", False):
        schema["type"] = ["integer", "string"]
    return schema


def validate(manifest: dict) -> None:
    file = CRDS / f"{manifest['kind']}.json"
    if file.exists():
        schema = strict(json.loads(file.read_text()))
        schema["properties"]["metadata"] = {"type": "object"}
        jsonschema.Draft202012Validator(schema).validate(manifest)
    else:
        kubernetes_validate.validate(manifest, VERSION, strict=True)


def slug(model: dict) -> str:
    return model["name"].lower().replace(".", "-").replace("_", "-")


def named(manifests: list, kind: str) -> dict:
    return {item["metadata"]["name"]: item for item in manifests if item["kind"] == kind}


def test_all_is_what_the_api_takes(manifests):
    for manifest in manifests:
        validate(manifest)
    kinds = {manifest["kind"] for manifest in manifests}
    assert kinds == {
        *("ConfigMap", "Service", "Deployment", "PodDisruptionBudget", "NetworkPolicy"),
        *("HorizontalPodAutoscaler", "ScaledObject", "HTTPRoute"),
    }


MISSPELT = [
    ("Deployment", ["spec", "template", "spec", "containers", 0, "livenessProbe"], "failureTreshold"),
    ("HTTPRoute", ["spec", "rules", 0], "backendRef"),
    ("ScaledObject", ["spec", "triggers", 0], "metricTypes"),
    ("PodDisruptionBudget", ["spec"], "maxUnavailabel"),
]


@pytest.mark.parametrize(("kind", "place", "field"), MISSPELT)
def test_a_misspelt_field_fails(manifests, kind, place, field):
    manifest = json.loads(json.dumps(next(item for item in manifests if item["kind"] == kind)))
    target = manifest
    for step in place:
        target = target[step]
    target[field] = {}
    with pytest.raises((jsonschema.ValidationError, kubernetes_validate.ValidationError)):
        validate(manifest)


# Deliberate break: without names.yaml each HTTPRoute names a Service "model", which there is not.
def test_what_is_referred_to_exists(manifests):
    services, deployments, maps = (named(manifests, kind) for kind in ("Service", "Deployment", "ConfigMap"))
    for route in named(manifests, "HTTPRoute").values():
        for rule in route["spec"]["rules"]:
            for backend in rule["backendRefs"]:
                assert backend["port"] in [port["port"] for port in services[backend["name"]]["spec"]["ports"]]
    for kind in ("ScaledObject", "HorizontalPodAutoscaler"):
        for item in named(manifests, kind).values():
            assert item["spec"]["scaleTargetRef"]["name"] in deployments
    for deployment in deployments.values():
        pod = deployment["spec"]["template"]["spec"]
        for container in pod["containers"]:
            for source in container.get("envFrom", []):
                assert source["configMapRef"]["name"] in maps
        for volume in pod["volumes"]:
            assert "configMap" not in volume or volume["configMap"]["name"] in maps


def test_selectors_choose_the_pods_of_one_model(manifests):
    pods = {name: item["spec"]["template"]["metadata"]["labels"] for name, item in named(manifests, "Deployment").items()}
    spread = ["template", "spec", "topologySpreadConstraints", 0, "labelSelector", "matchLabels"]
    selectors = [
        ("Service", ["selector"]),
        ("PodDisruptionBudget", ["selector", "matchLabels"]),
        ("NetworkPolicy", ["podSelector", "matchLabels"]),
    ]
    for kind, path in [*selectors, ("Deployment", ["selector", "matchLabels"]), ("Deployment", spread)]:
        for name, item in named(manifests, kind).items():
            if name == "gateway" and path is spread:
                continue
            selector = item["spec"]
            for step in path:
                selector = selector[step]
            assert [pod for pod, labels in pods.items() if selector.items() <= labels.items()] == [name], f"{kind} {name}"


def test_services_lead_to_the_port_the_program_listens_on(manifests, models):
    maps, services = named(manifests, "ConfigMap"), named(manifests, "Service")
    routes = json.loads(next(item for name, item in maps.items() if name.startswith("gateway-"))["data"]["gateway.json"])[
        "routes"
    ]
    assert len(routes) == len(models)
    for name, deployment in named(manifests, "Deployment").items():
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert {port["targetPort"] for port in services[name]["spec"]["ports"]} == set(ports)
        probes = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "readiness", "liveness")}
        assert {kind: probe["path"] for kind, probe in probes.items()} == {
            "startup": "/readyz",
            "readiness": "/readyz",
            "liveness": "/healthz",
        }
        assert all(probe["port"] == "websocket" for probe in probes.values())
        policy = named(manifests, "NetworkPolicy")[name]
        assert [rule["ports"] for rule in policy["spec"]["ingress"]] == [
            [{"port": ports["websocket"]}],
            [{"port": ports["metrics"]}],
        ]
        if name == "gateway":
            continue
        flags = maps[container["envFrom"][0]["configMapRef"]["name"]]["data"]
        assert (flags["INKFLEET_LISTEN"], flags["INKFLEET_ADMIN_LISTEN"]) == (
            f"0.0.0.0:{ports['websocket']}",
            f"0.0.0.0:{ports['metrics']}",
        )
        assert [route["upstreams"] for route in routes if route["suffix"] == f"/{flags['INKFLEET_NAME']}"] == [
            [f"ws://{name}:{ports['websocket']}/{flags['INKFLEET_NAME']}"]
        ]


def test_a_pod_has_time_to_drain(manifests, models):
    drains = {f"model-{slug(model)}": model.get("limits", {}).get("drain_seconds", 60) for model in models}
    for name, deployment in named(manifests, "Deployment").items():
        pod = deployment["spec"]["template"]["spec"]
        pause = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pod["terminationGracePeriodSeconds"] >= pause + drains.get(name, 5) + 5


def test_pods_are_sandboxed(manifests):
    for deployment in named(manifests, "Deployment").values():
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"]
        for container in pod["containers"] + pod.get("initContainers", []):
            sandbox = container["securityContext"]
            assert (
                sandbox["readOnlyRootFilesystem"]
                and not sandbox["allowPrivilegeEscalation"]
                and sandbox["capabilities"] == {"drop": ["ALL"]}
            )
            assert container["image"].startswith("registry.example.org/") and ":" in container["image"].rsplit("/", 1)[1]


def test_scaling_follows_the_file(manifests, models):
    objects = named(manifests, "ScaledObject")
    assert len(objects) == len(models)
    for model in models:
        spec = objects[f"model-{slug(model)}"]["spec"]
        assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (model["replicas"]["min"], model["replicas"]["max"])
        trigger = spec["triggers"][0]["metadata"]
        assert float(trigger["threshold"]) == model["scale"]["target"]
        assert "inkfleet_saturation" in trigger["query"] and f'service="{spec["scaleTargetRef"]["name"]}"' in trigger["query"]


def test_gpu_models_ask_for_a_gpu(manifests, models):
    for model in models:
        deployment = named(manifests, "Deployment")[f"model-{slug(model)}"]
        limits = deployment["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
        assert ("nvidia.com/gpu" in limits) == (model["device"]["kind"] == "gpu")


def test_no_balancer_goes_round_the_keys(tmp_path):
    """With routes by way of the gateways only these have a route."""
    text = (
        FLEETS["ours"]
        .read_text()
        .replace("routes: services", "routes: gateways")
        .replace("signal: load_balancing", "signal: cpu")
    )
    file = ROOT / "build" / f"fleet-{tmp_path.name}.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    try:
        made = generated(file, tmp_path / "deploy")
    finally:
        file.unlink()
    assert set(named(build(made / "kubernetes"), "HTTPRoute")) == {"gateway"}
    assert not (made / "hosts" / "models.map").read_text()
    resources = json.loads((made / "google" / "resources.json").read_text())
    assert [item["body"]["name"] for item in resources if item["collection"] == "backendServices"] == ["inkfleet-gateway"]

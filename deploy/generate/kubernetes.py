"""Kubernetes: an overlay for each model and one for the gateways, over the bases in deploy/kubernetes."""

import json
import os
import shutil
from pathlib import Path

import yaml

import weights
from fleet import ROOT, SHARED, Fleet, Model
from programs import environment, gateway_config, gateway_port, model_flags

BASES = ROOT / "deploy" / "kubernetes"
NAMES = "names.yaml"
PART = "inkfleet/part"  # label: which model something is of, or what all share
FOLDER = "/models/current"
ANY_PROXY = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]  # what stands before the gateway has some private address
PACE_ROOM = 5  # seconds of a preStop pause, within the grace period


def relative(base: str, folder: Path) -> str:
    """kustomize takes no absolute paths."""
    return os.path.relpath(BASES / base, folder)


def replace(path: str, value) -> dict:
    return {"op": "replace", "path": path, "value": value}


def scraped_from(fleet: Fleet) -> dict:
    """Metrics are for Prometheus alone."""
    expressions = "/spec/ingress/1/from/0/namespaceSelector/matchExpressions"
    return replace(f"{expressions}/0/values", [fleet.data["kubernetes"].get("monitoring", "monitoring")])


def patch(kind: str, *operations) -> dict:
    return {"target": {"kind": kind}, "patch": yaml.safe_dump(list(operations), sort_keys=False)}


def images(fleet: Fleet) -> list:
    registry = fleet.data["kubernetes"]["registry"]
    return [
        {"name": f"inkfleet-{program}", "newName": f"{registry}/inkfleet-{program}", "newTag": fleet.release}
        for program in ("model", "gateway")
    ]


def service_name(model: Model) -> str:
    return f"model-{model.slug}"


def scaling(fleet: Fleet, model: Model) -> list:
    """KEDA asks Prometheus for the mean over a model's pods; the series' `service` is what ServiceMonitors call it."""
    query = f'avg(inkfleet_saturation{{namespace="{fleet.data["kubernetes"]["namespace"]}",service="{service_name(model)}"}})'
    trigger = "/spec/triggers/0/metadata"
    return [
        replace("/spec/minReplicaCount", model.replicas["min"]),
        replace("/spec/maxReplicaCount", model.replicas["max"]),
        replace(f"{trigger}/serverAddress", fleet.data["kubernetes"]["prometheus"]),
        replace(f"{trigger}/query", query),
        replace(f"{trigger}/threshold", str(model.scale["target"])),
    ]


def deployment(fleet: Fleet, model: Model) -> list:
    container, fetch = "/spec/template/spec/containers/0", "/spec/template/spec/initContainers/0"
    source = model.weights_from(fleet.data["kubernetes"]["weights"])
    tries = -(-model.load_seconds // 5)
    memory = f"{model.data.get('limits', {}).get('cache_mb', 1024) + 2048}Mi"
    return [
        replace("/spec/template/spec/terminationGracePeriodSeconds", model.stop_seconds + 2 * PACE_ROOM),
        replace(f"{fetch}/args", [source, model.weights_sha256, FOLDER]),
        replace(f"{container}/ports/0/containerPort", model.port),
        replace(f"{container}/startupProbe/failureThreshold", tries),
        replace(f"{container}/resources/requests/cpu", str(max(1, model.device.get("threads", 1)))),
        replace(f"{container}/resources/requests/memory", memory),
        replace(f"{container}/resources/limits/memory", memory),
    ]


def route(model: Model) -> list:
    match = {"path": {"type": "PathPrefix", "value": f"/{model.name}"}}
    return [replace("/spec/rules/0/matches", [match]), replace("/spec/rules/0/backendRefs/0/port", model.port)]


def model_overlay(fleet: Fleet, model: Model, folder: Path) -> dict:
    flags = {**model_flags(fleet, model, f"0.0.0.0:{model.port}", FOLDER), "admin_listen": "0.0.0.0:9100"}
    components = [*(["direct"] if fleet.routes_directly else []), *(["gpu"] if model.on_gpu else [])]
    patches = [
        patch("Deployment", *deployment(fleet, model)),
        patch("Service", replace("/spec/ports/0/port", model.port)),
        patch("ScaledObject", *scaling(fleet, model)),
        patch("NetworkPolicy", replace("/spec/ingress/0/ports/0/port", model.port), scraped_from(fleet)),
    ]
    if fleet.routes_directly:
        patches.append(patch("HTTPRoute", *route(model)))
    return {
        "resources": [relative("model", folder)],
        "components": [relative(component, folder) for component in components],
        "configurations": [NAMES],
        "nameSuffix": f"-{model.slug}",
        "labels": [{"pairs": {PART: model.slug}, "includeSelectors": True, "includeTemplates": True}],
        "configMapGenerator": [{"name": "model", "literals": environment(flags).splitlines()}],
        "patches": patches,
    }


def gateway_overlay(fleet: Fleet, folder: Path) -> dict:
    port, replicas = gateway_port(fleet), fleet.data["gateway"]["replicas"]
    scaled = [replace("/spec/minReplicas", replicas["min"]), replace("/spec/maxReplicas", replicas["max"])]
    share = round(100 * fleet.data["gateway"].get("cpu_target", 0.6))
    return {
        "resources": [relative("gateway", folder)],
        "labels": [{"pairs": {PART: SHARED}}],
        "configMapGenerator": [{"name": "gateway", "files": ["gateway.json"]}],
        "patches": [
            patch("Deployment", replace("/spec/template/spec/containers/0/ports/0/containerPort", port)),
            patch("Service", replace("/spec/ports/0/port", port)),
            patch("HorizontalPodAutoscaler", *scaled, replace("/spec/metrics/0/resource/target/averageUtilization", share)),
            patch("HTTPRoute", replace("/spec/rules/0/backendRefs/0/port", port)),
            patch("NetworkPolicy", replace("/spec/ingress/0/ports/0/port", port), scraped_from(fleet)),
        ],
    }


def fleet_overlay(fleet: Fleet, folder: Path) -> dict:
    door = fleet.data["kubernetes"]["front_door"]
    return {
        "namespace": fleet.data["kubernetes"]["namespace"],
        "resources": ["gateway", *(f"models/{model.slug}" for model in fleet.models)],
        "images": images(fleet),
        "patches": [patch("HTTPRoute", replace("/spec/parentRefs", [door]))],
    }


def write_overlay(folder: Path, kustomization: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    head = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump({**head, **kustomization}, sort_keys=False))


def write(fleet: Fleet, folder: Path) -> None:
    write_overlay(folder, fleet_overlay(fleet, folder))
    write_overlay(folder / "gateway", gateway_overlay(fleet, folder / "gateway"))
    # A headless Service's name has the address of every pod that is ready.
    config = gateway_config(
        fleet, f"0.0.0.0:{gateway_port(fleet)}", "0.0.0.0:9100", ANY_PROXY, lambda model: [f"{service_name(model)}:{model.port}"]
    )
    (folder / "gateway" / "gateway.json").write_text(json.dumps(config, indent=2) + "\n")
    for model in fleet.models:
        place = folder / "models" / model.slug
        write_overlay(place, model_overlay(fleet, model, place))
        shutil.copy(BASES / NAMES, place)  # kustomize reads files of an overlay's own folder alone
    weights.write_archives(fleet.models, folder / "weights")

"""The instance template of a group: a machine that finds in its metadata all it needs to become a member of the fleet."""

import json

import weights
from fleet import ROOT
from programs import GOOGLE_FRONT_ENDS, UPSTREAM_NOBODY, admin_port, environment, gateway_config, gateway_port, model_flags

MODEL = "/var/lib/inkfleet/models/current"
SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


def program_metadata(service) -> dict:
    fleet, model = service.fleet, service.model
    if model:
        return {
            "inkfleet-env": environment(model_flags(fleet, model, f"0.0.0.0:{model.port}", MODEL)),
            "inkfleet-weights": model.weights_from(service.google["bucket"]),
            "inkfleet-weights-sha256": model.weights_sha256,
            "inkfleet-model": model.name,
            "inkfleet-gpu": str(model.on_gpu).lower(),
            "inkfleet-stop-seconds": str(model.stop_seconds),
            "inkfleet-load-seconds": str(model.load_seconds),
        }
    listen, admin_listen = f"0.0.0.0:{gateway_port(fleet)}", f"127.0.0.1:{admin_port(fleet)}"
    config = gateway_config(fleet, listen, admin_listen, GOOGLE_FRONT_ENDS, lambda model: [f"{UPSTREAM_NOBODY}:{model.port}"])
    models = {model.name: {"service": model.slug, "port": model.port} for model in fleet.models}
    return {
        "inkfleet-gateway": json.dumps(config),
        "inkfleet-members": json.dumps({"fleet": fleet.name, "models": models}),
    }


def metadata(service) -> dict:
    program = "model" if service.model else "gateway"
    return {
        "startup-script": (ROOT / "deploy" / "google" / "startup.sh").read_text(),
        "inkfleet-program": program,
        "inkfleet-package": f"{service.google['bucket']}/releases/{service.fleet.package_object(program)}",
        "inkfleet-package-sha256": service.fleet.package_sha256(program),
        **program_metadata(service),
    }


def accelerator(model) -> dict:
    if model is None or not model.on_gpu:
        return {"scheduling": {"onHostMaintenance": "MIGRATE", "automaticRestart": True}}
    return {
        "guestAccelerators": [{"acceleratorType": model.device["accelerator"], "acceleratorCount": 1}],
        "scheduling": {"onHostMaintenance": "TERMINATE", "automaticRestart": True},
    }


def properties(service) -> dict:
    google, fleet, model = service.google, service.fleet, service.model
    interface = {"network": f"projects/{google['project']}/global/networks/{google['network']}"}
    if "subnetwork" in google:
        interface["subnetwork"] = f"projects/{google['project']}/regions/{google['region']}/subnetworks/{google['subnetwork']}"
    tags = [fleet.name, f"{fleet.name}-{'model' if model else 'gateway'}"]
    return {
        "machineType": model.device["machine_type"] if model else fleet.data["gateway"]["machine_type"],
        "disks": [{"boot": True, "autoDelete": True, "initializeParams": {"sourceImage": google["image"], "diskSizeGb": "30"}}],
        "networkInterfaces": [interface],
        "serviceAccounts": [{"email": google["service_account"], "scopes": SCOPES}],
        "tags": {"items": tags},
        "labels": {"fleet": fleet.name, "service": service.what},
        "metadata": {"items": [{"key": key, "value": value} for key, value in sorted(metadata(service).items())]},
        **accelerator(model),
    }


def template(service) -> dict:
    """Named by what is in it: a template never changes, and equal ones are one."""
    content = properties(service)
    digest = weights.digest_of(json.dumps(content, sort_keys=True))
    return {"name": f"{service.name}-{digest[:10]}", "properties": content}

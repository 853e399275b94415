"""A plain fleet: an inventory of Ansible, an environment file for each service, the gateways' file, HAProxy's."""

import json
from pathlib import Path

import yaml

import haproxy
import weights
from fleet import Fleet, Model
from programs import admin_port, environment, gateway_config, gateway_port, model_flags

MODELS = "/var/lib/inkfleet/models"


def folder_of(model: Model) -> str:
    return f"{MODELS}/{model.archive.removesuffix('.tar')}"


def instances(model: Model, host: dict) -> list:
    """Pairs of a unit's instance name and its port. Model names have no colon."""
    return [(f"{model.name}:{number}", model.port + number - 1) for number in range(1, model.count_on(host) + 1)]


def services(fleet: Fleet, model: Model) -> list:
    """Addresses of a model's services on all hosts."""
    return [f"{host['address']}:{port}" for host in fleet.hosts for _, port in instances(model, host)]


def gateways(fleet: Fleet) -> list:
    return [f"{host['address']}:{gateway_port(fleet)}" for host in fleet.hosts if host.get("gateway")]


def balancers(fleet: Fleet) -> list:
    return [host["address"] for host in fleet.hosts if host.get("balancer")]


def host_vars(fleet: Fleet, host: dict) -> dict:
    own = [
        {
            "instance": instance,
            "model": model.name,
            "port": port,
            "gpu": model.on_gpu,
            "folder": folder_of(model),
            "stop_seconds": model.stop_seconds,
            "load_seconds": model.load_seconds,
        }
        for model in fleet.models
        for instance, port in instances(model, host)
    ]
    held = {service["model"] for service in own}
    return {
        "ansible_host": host["address"],
        "inkfleet_services": own,
        "inkfleet_weights": [
            {
                "model": model.name,
                "folder": folder_of(model),
                "sha256": model.weights_sha256,
                "source": "" if model.local_weights else model.weights_from(""),
            }
            for model in fleet.models
            if model.name in held
        ],
    }


def inventory(fleet: Fleet) -> dict:
    hosts = fleet.hosts
    groups = {
        "balancers": [host for host in hosts if host.get("balancer")],
        "gateways": [host for host in hosts if host.get("gateway")],
        "model_hosts": [host for host in hosts if any(model.count_on(host) for model in fleet.models)],
    }
    children = {group: {"hosts": {host["name"]: {} for host in members}} for group, members in groups.items()}
    return {
        "all": {
            "hosts": {host["name"]: host_vars(fleet, host) for host in hosts},
            "vars": {
                "inkfleet_release": fleet.release,
                "inkfleet_gateway_port": gateway_port(fleet),
                "inkfleet_gateway_admin_port": admin_port(fleet),
                "inkfleet_balancer_port": fleet.data["balancer"]["port"],
                "inkfleet_model_names": [model.name for model in fleet.models],
            },
            "children": {"inkfleet": {"children": children}},
        }
    }


def write(fleet: Fleet, folder: Path) -> None:
    for host in fleet.hosts:
        for model in fleet.models:
            for instance, port in instances(model, host):
                file = folder / "services" / host["name"] / f"{instance}.env"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(environment(model_flags(fleet, model, f"{host['address']}:{port}", folder_of(model))))
    config = gateway_config(
        fleet,
        f"0.0.0.0:{gateway_port(fleet)}",
        f"127.0.0.1:{admin_port(fleet)}",
        balancers(fleet),
        lambda model: services(fleet, model),
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gateway.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "inventory.yml").write_text(yaml.safe_dump(inventory(fleet), sort_keys=False))
    haproxy.write(fleet, folder, gateways(fleet), lambda model: services(fleet, model))
    weights.write_archives(fleet.models, folder / "weights")

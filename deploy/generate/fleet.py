"""Reads fleet.yaml: schema, then what a schema cannot say. What comes out is right, and every other module relies on it."""

import dataclasses
import functools
import json
import re
from pathlib import Path

import jsonschema
import yaml

import weights

ROOT = Path(__file__).resolve().parents[2]
HEALTHY = "/healthz"  # a restart is the cure when it fails: autohealing, liveness
READY = "/readyz"  # new work may come: load balancers, readiness
LOAD_S = 120  # from start to ready, for what is new to a machine
DRAIN_S = 60  # a whole context, 1,024 tokens, at 58 ms each; what takes longer is handed over
GOODBYE_S = 10  # beside the drain, until a program is gone
SHARED = "gateway"  # what is no model's
NO_GPU_UP_TO = (0, 1)  # releases whose engine for GPUs has not been tried on one


class Wrong(Exception):
    """A mistake in fleet.yaml, named so that one can find it."""


def slug(name: str) -> str:
    """A model's name as Google Cloud and Kubernetes take it."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


@dataclasses.dataclass(frozen=True)
class Model:
    data: dict
    folder: Path  # that paths in the file start from

    def __getattr__(self, key):
        try:
            return self.data[key]
        except KeyError:
            raise AttributeError(key) from None

    @property
    def aliases(self) -> list:
        return self.data.get("aliases", [])

    @property
    def slug(self) -> str:
        return slug(self.name)

    @property
    def on_gpu(self) -> bool:
        return self.device["kind"] == "gpu"

    def count_on(self, host: dict) -> int:
        """How many services of it a plain host has."""
        return self.data.get("hosts", {}).get(host["name"], 0)

    @property
    def drain_seconds(self) -> int:
        return self.data.get("limits", {}).get("drain_seconds", DRAIN_S)

    @property
    def stop_seconds(self) -> int:
        return self.drain_seconds + GOODBYE_S

    @property
    def load_seconds(self) -> int:
        return self.data.get("limits", {}).get("load_seconds", LOAD_S)

    @functools.cached_property
    def weights_sha256(self) -> str:
        source = self.data["weights"]
        return source.get("sha256") or weights.sha256_of(self.local_weights)

    @property
    def local_weights(self) -> Path | None:
        """The folder on this machine, for weights that are given so."""
        path = self.data["weights"].get("path")
        return path and (self.folder / path).resolve()

    @property
    def archive(self) -> str:
        """The name of its weights' archive: other contents, other name."""
        return f"{self.name}-{self.weights_sha256[:12]}.tar"

    def weights_from(self, store: str) -> str:
        """Where a machine of the fleet gets them; local ones are put into `store` first (scripts/deploy does)."""
        source = self.data["weights"]
        return source.get("bucket") or source.get("url") or f"{store}/weights/{self.archive}"

    def flags(self) -> dict:
        """Flags of inkfleet-model that do not depend on where it runs."""
        limits = {key: value for key, value in self.data.get("limits", {}).items() if key not in ("load_seconds", "drain_seconds")}
        return {
            "name": self.name,
            "device": "cuda" if self.on_gpu else "cpu",
            "dtype": self.data.get("dtype", "auto"),
            "threads": self.device.get("threads", 0),
            "drain_seconds": self.drain_seconds,
            **limits,
        }


@dataclasses.dataclass(frozen=True)
class Fleet:
    data: dict
    models: tuple
    packages: Path

    @staticmethod
    def load(file: Path, packages: Path) -> "Fleet":
        data = yaml.safe_load(file.read_text())
        validate(data, file)
        models = tuple(Model(entry, ROOT if file.is_relative_to(ROOT) else file.parent) for entry in data["models"])
        fleet = Fleet(data, models, packages)
        check_names(fleet)
        check_replicas(fleet)
        check_devices(fleet)
        check_weights(fleet)
        check_host_names(fleet)
        check_balancer(fleet)
        return fleet

    @property
    def name(self) -> str:
        return self.data["fleet"]

    @property
    def release(self) -> str:
        return self.data["release"]

    @property
    def routes_directly(self) -> bool:
        """Whether the balancer sends a model's suffix to its services, and only the rest to the gateways."""
        return self.data["balancer"].get("routes", "services") == "services"

    @property
    def sections(self) -> dict:
        return self.data

    @property
    def hosts(self) -> list:
        return self.data.get("hosts", [])

    def model(self, name: str) -> Model:
        for model in self.models:
            if model.name == name:
                return model
        raise Wrong(f"{name}: there is no such model; there are {', '.join(model.name for model in self.models)}")

    def package(self, program: str) -> str:
        return f"inkfleet-{program}-{self.release}-linux-x86_64.tar.gz"

    def package_sha256(self, program: str) -> str:
        sums = self.packages / "SHA256SUMS"
        for line in sums.read_text().splitlines() if sums.exists() else []:
            digest, name = line.split()
            if name.lstrip("*") == self.package(program):
                return digest
        raise Wrong(f"{sums}: does not name {self.package(program)}; `make package` makes it")

    def package_object(self, program: str) -> str:
        """Its name in a bucket: other contents, other name."""
        return f"{self.package_sha256(program)[:12]}-{self.package(program)}"


def validate(data, file: Path) -> None:
    schema = json.loads((ROOT / "deploy" / "fleet.schema.json").read_text())
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(data))
    if error:
        raise Wrong(f"{file}: {error.json_path}: {error.message}")


def check_once(names: dict, name: str, place: str) -> None:
    if name in names:
        raise Wrong(f"{place}: {name} is at {names[name]} too")
    names[name] = place


def check_names(fleet: Fleet) -> None:
    names, slugs, ports = {}, {}, {}
    for model in fleet.models:
        check_once(names, model.name, f"{model.name}.name")
        for alias in model.aliases:
            check_once(names, alias, f"{model.name}.aliases")
        if not re.fullmatch(r"[a-z].{0,39}", model.slug):
            raise Wrong(f"{model.name}.name: begins with a letter and has at most 40 characters in the names of cloud resources")
        if model.slug in (SHARED, "front"):
            raise Wrong(f"{model.name}.name: is what all models share in the names of cloud resources")
        check_once(slugs, model.slug, f"{model.name}.name")
    reserved = {fleet.data["gateway"]["port"]: "gateway.port", fleet.data["gateway"]["admin_port"]: "gateway.admin_port"}
    check_once(reserved, fleet.data["balancer"]["port"], "balancer.port")
    for model in fleet.models:
        most = max([1, *(model.count_on(host) for host in fleet.hosts)])
        for port in range(model.port, model.port + most):
            check_once(ports | reserved, port, f"{model.name}.port")
            ports[port] = f"{model.name}.port"


def check_replicas(fleet: Fleet) -> None:
    places = {"gateway": fleet.data["gateway"]["replicas"], **{model.name: model.replicas for model in fleet.models}}
    for place, replicas in places.items():
        if replicas["min"] > replicas["max"]:
            raise Wrong(f"{place}.replicas: min is {replicas['min']}, more than max, {replicas['max']}")


DTYPES = {"cpu": ("auto", "fp32", "bf16", "int8"), "gpu": ("auto", "fp16", "bf16")}


def check_devices(fleet: Fleet) -> None:
    major, minor, _ = fleet.release.split(".", 2)
    for model in fleet.models:
        kind, dtype = model.device["kind"], model.data.get("dtype", "auto")
        if dtype not in DTYPES[kind]:
            raise Wrong(f"{model.name}.dtype: {dtype}, but on a {kind} there are {', '.join(DTYPES[kind])}")
        if model.on_gpu and (int(major), int(minor)) <= NO_GPU_UP_TO:
            raise Wrong(f"{model.name}.device.kind: gpu, but the engine for GPUs of release {fleet.release} has not been tried on one; take cpu")


def check_weights(fleet: Fleet) -> None:
    for model in fleet.models:
        folder = model.local_weights
        if folder and not (folder / "config.json").is_file():
            raise Wrong(f"{model.name}.weights.path: {folder} holds no config.json of a model")


def check_host_names(fleet: Fleet) -> None:
    names, addresses = {}, {}
    for host in fleet.hosts:
        check_once(names, host["name"], f"hosts.{host['name']}")
        check_once(addresses, host["address"], f"hosts.{host['name']}.address")
    for model in fleet.models:
        for name in model.data.get("hosts", {}):
            if name not in names:
                raise Wrong(f"{model.name}.hosts: there is no host {name}")


def check_hosts(fleet: Fleet) -> None:
    """What plain hosts need, and clouds do not."""
    for model in fleet.models:
        count = sum(model.count_on(host) for host in fleet.hosts)
        least, most = model.replicas["min"], model.replicas["max"]
        if not least <= count <= most:
            raise Wrong(f"{model.name}.hosts: {count} services, but replicas asks for {least} to {most}")
    if not any(host.get("gateway") for host in fleet.hosts):
        raise Wrong("hosts: none has a gateway")


def check_balancer(fleet: Fleet) -> None:
    if fleet.routes_directly and "auth" in fleet.data["gateway"].get("settings", {}):
        raise Wrong(
            "balancer.routes: with gateway.settings.auth it must be gateways, or editors get to the services without a key"
        )
    for model in fleet.models:
        if model.scale["signal"] == "load_balancing" and not fleet.routes_directly:
            raise Wrong(f"{model.name}.scale.signal: load_balancing needs balancer.routes: services")
    longest = max(model.drain_seconds for model in fleet.models)
    if fleet.data["balancer"]["websocket_seconds"] < longest:
        raise Wrong(f"balancer.websocket_seconds: less than the longest drain_seconds, {longest}")

"""One list of models, and every output agrees with it: names, paths, ports, health."""

import json
import re
import socket
import subprocess

import pytest
import yaml
from conftest import FLEETS, ROOT, generate, generated, kustomize, tool

import balancers
import programs

READY, HEALTHY = "/readyz", "/healthz"
GOOGLE_KEEPS_MS = 600_000  # how long its balancer keeps quiet connections to those behind it


@pytest.fixture(scope="session")
def models(fleet_file) -> dict:
    return {model["name"]: model for model in yaml.safe_load(fleet_file.read_text())["models"]}


@pytest.fixture(scope="session")
def google(made) -> list:
    return json.loads((made / "google" / "resources.json").read_text())


def of(resources: list, collection: str) -> dict:
    return {resource["body"]["name"]: resource["body"] for resource in resources if resource["collection"] == collection}


def slug(name: str) -> str:
    return {"GPT2.medium_xl": "gpt2-medium-xl"}.get(name, name)


def paths(models: dict) -> dict:
    """Paths, and the model each is of; None: none's, so the gateways'."""
    expected = {path: name for name in models for path in (f"/{name}", f"/{name}/", f"/{name}{READY}", f"/{name}{HEALTHY}")}
    none = [
        "/",
        "/v1/models",
        "/ws/async/writeup/text_generation/session/x/",
        *(f"/{name}x" for name in models),
        *(f"/x/{name}" for name in models),
    ]
    aliases = [f"/{alias}" for model in models.values() for alias in model.get("aliases", [])]
    return expected | dict.fromkeys([*none, *aliases])


def test_the_gateways_file_knows_every_model_and_alias(made, models):
    for file in (made / "hosts" / "gateway.json", made / "kubernetes" / "gateway" / "gateway.json"):
        routes = {route["suffix"]: route["aliases"] for route in json.loads(file.read_text())["routes"]}
        assert routes == {f"/{name}": model.get("aliases", []) for name, model in models.items()}


# Deliberate break: hosts.instances() that gives the second service of a host the first one's port.
def test_hosts_have_the_services_that_gateway_and_balancer_expect(made, models):
    servers = balancers.haproxy_servers((made / "hosts" / "haproxy.cfg").read_text())
    routes = {
        route["suffix"][1:]: route["upstreams"] for route in json.loads((made / "hosts" / "gateway.json").read_text())["routes"]
    }
    for name in models:
        services = []
        for file in sorted((made / "hosts" / "services").glob(f"*/{name}:*.env")):
            flags = dict(line.split("=", 1) for line in file.read_text().splitlines())
            assert flags["INKFLEET_NAME"] == name
            services.append(flags["INKFLEET_LISTEN"])
        expected = models[name]["hosts"].values()
        assert len(set(services)) == len(services) == sum(expected)
        assert sorted(routes[name]) == [f"ws://{service}/{name}" for service in sorted(services)]
        assert (servers[f"model_{name}"][0], sorted(servers[f"model_{name}"][1])) == (READY, sorted(services))
    assert servers["gateways"][0] == READY
    assert set(servers) == {"gateways", *(f"model_{name}" for name in models)}


def test_the_inventory_names_the_services_of_each_host(made):
    hosts = yaml.safe_load((made / "hosts" / "inventory.yml").read_text())["all"]["hosts"]
    files = {(file.parent.name, file.stem) for file in (made / "hosts" / "services").glob("*/*.env")}
    assert files == {(host, service["instance"]) for host, own in hosts.items() for service in own["inkfleet_services"]}
    for own in hosts.values():
        folders = {weights["folder"] for weights in own["inkfleet_weights"]}
        assert folders == {service["folder"] for service in own["inkfleet_services"]}


# Deliberate break: HAProxy's map asked with path_beg, or Google's `/m*`.
def test_every_path_goes_to_the_same_model_everywhere(made, models, google):
    haproxy = [(made / "hosts" / name).read_text() for name in ("haproxy.cfg", "models.map")]
    url_map = of(google, "urlMaps").popitem()[1]
    prefix = url_map["defaultService"].removesuffix("gateway")
    routes = kubernetes_routes(made)
    for path, model in paths(models).items():
        assert balancers.haproxy_backend(*haproxy, path) == (f"model_{model}" if model else "gateways"), path
        assert balancers.url_map_service(url_map, path) == prefix + (f"model-{slug(model)}" if model else "gateway"), path
        assert balancers.route_backend(routes, path) == (f"model-{slug(model)}" if model else "gateway"), path


def kubernetes_routes(made) -> list:
    text = subprocess.run([*kustomize(), made / "kubernetes"], capture_output=True, text=True, check=True, timeout=60).stdout
    return [item for item in yaml.safe_load_all(text) if item["kind"] == "HTTPRoute"]


def test_google_asks_each_model_on_its_port(google, models):
    checks, groups, backends, templates = (
        of(google, kind) for kind in ("healthChecks", "instanceGroupManagers", "backendServices", "instanceTemplates")
    )
    firewall = next(body for name, body in of(google, "firewalls").items() if name.endswith("probers"))
    open_ports = firewall["allowed"][0]["ports"]
    for name, model in models.items():
        own = next(group for group in groups if group.endswith(f"-model-{slug(name)}"))
        ready, live = checks[f"{own}-ready"], checks[f"{own}-live"]
        assert ready["httpHealthCheck"] == {"port": model["port"], "requestPath": READY}
        assert live["httpHealthCheck"] == {"port": model["port"], "requestPath": HEALTHY}
        patience = [check["checkIntervalSec"] * check["unhealthyThreshold"] for check in (ready, live)]
        assert patience[0] < patience[1], "autohealing replaces machines: it must be more patient than the balancer"
        assert groups[own]["namedPorts"][0]["port"] == model["port"] and str(model["port"]) in open_ports
        assert backends[own]["healthChecks"][0].endswith(f"/{own}-ready")
        assert groups[own]["autoHealingPolicies"][0]["healthCheck"].endswith(f"/{own}-live")
        metadata = template_metadata(templates, groups[own])
        assert f"INKFLEET_LISTEN=0.0.0.0:{model['port']}\n" in metadata["inkfleet-env"]
        assert f"INKFLEET_NAME={name}\n" in metadata["inkfleet-env"]


# Deliberate break: the same signal for every model, or a backend service without `connectionDraining`.
def test_google_scales_and_drains_as_the_file_says(google, models, fleet_file):
    scalers, backends = of(google, "autoscalers"), of(google, "backendServices")
    websocket_seconds = yaml.safe_load(fleet_file.read_text())["balancer"]["websocket_seconds"]
    signals = {
        "saturation": lambda policy: policy["customMetricUtilizations"][0]["utilizationTarget"],
        "load_balancing": lambda policy: policy["loadBalancingUtilization"]["utilizationTarget"],
        "cpu": lambda policy: policy["cpuUtilization"]["utilizationTarget"],
    }
    for name, model in models.items():
        own = next(scaler for scaler in scalers if scaler.endswith(f"-model-{slug(name)}"))
        policy = scalers[own]["autoscalingPolicy"]
        assert (policy["minNumReplicas"], policy["maxNumReplicas"]) == (model["replicas"]["min"], model["replicas"]["max"])
        assert scalers[own]["target"].endswith(f"/instanceGroupManagers/{own}")
        assert signals[model["scale"]["signal"]](policy) == model["scale"]["target"]
        assert sum("tilization" in key for key in policy) == 1
        assert backends[own]["timeoutSec"] == websocket_seconds
        assert backends[own]["connectionDraining"] == {"drainingTimeoutSec": model.get("limits", {}).get("drain_seconds", 60)}


def template_metadata(templates: dict, group: dict) -> dict:
    template = templates[group["instanceTemplate"].rsplit("/", 1)[1]]
    return {item["key"]: item["value"] for item in template["properties"]["metadata"]["items"]}


def test_gateways_on_google_look_for_the_instances_there_are(google, models):
    templates = of(google, "instanceTemplates")
    gateway = next(group for name, group in of(google, "instanceGroupManagers").items() if name.endswith("-gateway"))
    metadata = template_metadata(templates, gateway)
    members = json.loads(metadata["inkfleet-members"])
    assert {name: entry["port"] for name, entry in members["models"].items()} == {
        name: model["port"] for name, model in models.items()
    }
    labels = [template["properties"]["labels"] for template in templates.values()]
    for entry in members["models"].values():
        assert {"fleet": members["fleet"], "service": entry["service"]} in labels
    assert [route["suffix"] for route in json.loads(metadata["inkfleet-gateway"])["routes"]] == [f"/{name}" for name in models]


def flags_everywhere(made, google, name: str) -> list:
    """The environment of a model's services on plain hosts, Google Cloud and Kubernetes."""
    file = next((made / "hosts" / "services").glob(f"*/{name}:1.env")).read_text()
    templates = of(google, "instanceTemplates")
    group = next(group for key, group in of(google, "instanceGroupManagers").items() if key.endswith(f"-model-{slug(name)}"))
    overlay = yaml.safe_load((made / "kubernetes" / "models" / slug(name) / "kustomization.yaml").read_text())
    literals = "\n".join(overlay["configMapGenerator"][0]["literals"])
    texts = [file, template_metadata(templates, group)["inkfleet-env"], literals]
    return [dict(line.split("=", 1) for line in text.splitlines()) for text in texts]


def gateway_files(made, google) -> list:
    templates = of(google, "instanceTemplates")
    group = next(group for name, group in of(google, "instanceGroupManagers").items() if name.endswith("-gateway"))
    texts = [(made / place / "gateway.json").read_text() for place in ("hosts", "kubernetes/gateway")]
    return [json.loads(text) for text in [*texts, template_metadata(templates, group)["inkfleet-gateway"]]]


# Deliberate break: model_flags() without `behind`.
def test_services_behind_a_balancer_take_its_connections_and_its_pages(made, google, models, fleet_file):
    origins = yaml.safe_load(fleet_file.read_text())["gateway"]["settings"].get("origins")
    for name in models:
        for flags in flags_everywhere(made, google, name):
            assert int(flags["INKFLEET_CONNECTIONS_PER_ADDRESS"]) >= 10_000, "a balancer has a few addresses for all editors"
            assert int(flags["INKFLEET_KEEP_ALIVE_MS"]) > GOOGLE_KEEPS_MS
            assert flags.get("INKFLEET_ORIGIN") == (",".join(origins) if origins else None)
    for config in gateway_files(made, google):
        assert config["limits"]["keep_alive_ms"] > GOOGLE_KEEPS_MS
        assert config.get("origins") == origins


def test_the_gateways_ports_agree(made, google, fleet_file):
    gateway = yaml.safe_load(fleet_file.read_text())["gateway"]
    port = gateway["port"]
    assert [config["listen"] for config in gateway_files(made, google)] == [f"0.0.0.0:{port}"] * 3
    inventory = yaml.safe_load((made / "hosts" / "inventory.yml").read_text())["all"]["vars"]
    assert inventory["inkfleet_gateway_port"] == port
    servers = balancers.haproxy_servers((made / "hosts" / "haproxy.cfg").read_text())["gateways"][1]
    assert servers and {server.rsplit(":", 1)[1] for server in servers} == {str(port)}
    own = next(name for name in of(google, "instanceGroupManagers") if name.endswith("-gateway"))
    assert of(google, "instanceGroupManagers")[own]["namedPorts"] == [{"name": "websocket", "port": port}]
    for kind, path in (("ready", READY), ("live", HEALTHY)):
        check = of(google, "healthChecks")[f"{own}-{kind}"]["httpHealthCheck"]
        assert check == {"port": port, "requestPath": path}


def test_the_balancer_asks_each_second(made):
    """Two failures then take a server out, within 3 s in all."""
    assert "default-server check inter 1s fall 2 rise 2\n" in (made / "hosts" / "haproxy.cfg").read_text()


def test_a_gpu_model_gets_its_gpu_and_its_time(google, models):
    templates = of(google, "instanceTemplates")
    for name, model in models.items():
        properties = next(body for key, body in templates.items() if re.fullmatch(rf"\w+-model-{slug(name)}-\w{{10}}", key))[
            "properties"
        ]
        gpu = model["device"]["kind"] == "gpu"
        assert ("guestAccelerators" in properties) == gpu
        assert properties["scheduling"]["onHostMaintenance"] == ("TERMINATE" if gpu else "MIGRATE")


def test_the_real_gateway_takes_the_file(made, tmp_path):
    for number, file in enumerate((made / "hosts" / "gateway.json", made / "kubernetes" / "gateway" / "gateway.json")):
        config = json.loads(file.read_text()) | {"listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0"}
        folder = tmp_path / str(number)
        folder.mkdir()
        gateway = programs.start_gateway(config, folder)
        gateway.wait_listening().wait_ready()
        assert gateway.terminate() == 0


def test_haproxy_takes_its_file(made, tmp_path):
    with socket.socket() as taken:  # a port that a check does not bind
        taken.bind(("127.0.0.1", 0))
        config = (
            (made / "hosts" / "haproxy.cfg").read_text().replace("/etc/haproxy/models.map", str(made / "hosts" / "models.map"))
        )
        for name in ("user", "group"):
            config = config.replace(f"  {name} haproxy\n", "")
        (tmp_path / "haproxy.cfg").write_text(config.replace("/run/haproxy/", f"{tmp_path}/"))
        done = subprocess.run(
            [tool("haproxy"), "-c", "-f", tmp_path / "haproxy.cfg"], capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0 and "WARNING" not in done.stderr + done.stdout, done.stderr + done.stdout


def test_the_demo_fleet_is_this_fleet():
    demo = json.loads((ROOT / "deploy" / "demo-fleet.json").read_text())["models"]
    ours = yaml.safe_load(FLEETS["ours"].read_text())["models"]
    assert [(model["name"], model["folder"], model["aliases"]) for model in demo] == [
        (model["name"], model["weights"]["path"], model["aliases"]) for model in ours
    ]


def test_generating_twice_gives_the_same_bytes(made, fleet_file, tmp_path):
    again = generated(fleet_file, tmp_path / "deploy")
    files = {
        path.relative_to(made): path.read_bytes()
        for path in made.rglob("*.*")
        if path.is_file() and path.name != "kustomization.yaml"
    }
    assert len(files) > 15
    for name, content in files.items():
        assert (again / name).read_bytes() == content, name


MISTAKES = {
    "a key that is misspelt": ("  dtype: int8\n", "  dtpye: int8\n", r"models\[0\].*dtpye"),
    "an alias that is a name": ("aliases: [gpt2-medium-legal]", "aliases: [gpt2-demo]", "gpt2-demo is at gpt2-demo.name too"),
    "two models on a port": ("port: 9021", "port: 9011", "9011 is at gpt2-demo-wizards.port too"),
    "a path of the gateway's own": ("name: gpt2-demo-legal\n", "name: metrics\n", "metrics"),
    "min above max": ("replicas: {min: 2, max: 8}", "replicas: {min: 9, max: 8}", "min is 9, more than max, 8"),
    "weights without a checksum": ("weights: {path: models/gpt2-demo}", 'weights: {url: "https://example.org/x.tar"}', "weights"),
    "no such weights": ("path: models/gpt2-demo}", "path: models/nothing}", "holds no config.json"),
    "too few services": (
        "hosts: {models-1: 1, models-2: 1}",
        "hosts: {models-1: 1}",
        "gpt2-demo.hosts: 1 services, but replicas asks for 2 to 8",
    ),
    "keys that nobody asks for": ("settings: {}", "settings: {auth: {key_file: keys}}", "balancer.routes"),
    "a port that the gateway has": ("port: 9001", "port: 8081", "gateway.admin_port"),
    "a host that is misspelt": ("hosts: {models-1: 1, models-2: 1}", "hosts: {models-1: 1, model-2: 1}", "there is no host model-2"),
    "a model called as what all share": ("name: gpt2-demo-legal\n", "name: Gateway\n", "Gateway.name: is what all models share"),
    "a number format of GPUs": ("dtype: int8", "dtype: fp16", "gpt2-demo.dtype: fp16, but on a cpu there are auto, fp32, bf16, int8"),
    "a GPU that the release cannot use": (
        "device: {kind: cpu, machine_type: c3-standard-4, threads: 2}\n    dtype: int8",
        "device: {kind: gpu, machine_type: g2-standard-4, accelerator: nvidia-l4}",
        "gpt2-demo.device.kind: gpu, but the engine for GPUs of release 0.1.0 has not been tried on one",
    ),
    "a step that would look like a hang": ("limits: {cache_mb: 256}", "limits: {max_step_ms: 2000}", r"limits\.max_step_ms: 2000"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named(mistake, tmp_path):
    right, wrong, says = MISTAKES[mistake]
    text = FLEETS["ours"].read_text()
    assert right in text
    file = ROOT / "build" / f"fleet-{tmp_path.name}.yaml"  # in the tree, since paths of weights start from there
    file.parent.mkdir(exist_ok=True)
    file.write_text(text.replace(right, wrong, 1))
    try:
        done = generate(file, tmp_path / "deploy")
    finally:
        file.unlink()
    assert done.returncode == 1 and re.search(says, done.stderr), done.stderr
    assert not (tmp_path / "deploy").exists()

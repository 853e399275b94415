"""Google Cloud: every resource of the fleet in the order in which they are made, as Compute Engine's REST API (v1) takes them.

A resource: `collection` and `scope` ("global" or a region) say where, `body` what it is; `once` what is said when it is made
and never again, since others change it later (the autoscaler the size) or Google answers in other words.
"""

import json
from pathlib import Path

import yaml

import instances
import weights
from fleet import HEALTHY, READY, SHARED, Fleet, Model
from programs import GOOGLE_FRONT_ENDS, gateway_port

PORT_NAME = "websocket"
METRIC = "custom.googleapis.com/inkfleet/saturation"
GATEWAY_START_S = 300  # packages, and the list of services


class Service:
    """One group of like machines: a model's, or the gateways."""

    def __init__(self, fleet: Fleet, model: Model | None):
        self.fleet = fleet
        self.model = model
        self.what = model.slug if model else SHARED
        self.name = f"{fleet.name}-{'model-' if model else ''}{self.what}"
        self.port = model.port if model else gateway_port(fleet)
        self.replicas = model.replicas if model else fleet.data["gateway"]["replicas"]
        self.drain_seconds = model.drain_seconds if model else fleet.data["balancer"]["websocket_seconds"]
        self.start_seconds = GATEWAY_START_S + (model.load_seconds if model else 0)

    @property
    def google(self) -> dict:
        return self.fleet.data["google"]

    def url(self, collection: str, name: str, scope: str | None = None) -> str:
        place = "global" if scope is None else f"regions/{scope}"
        return f"projects/{self.google['project']}/{place}/{collection}/{name}"

    def resource(self, collection: str, body: dict, scope: str = "global", once: dict | None = None) -> dict:
        return {"collection": collection, "scope": scope, "owner": self.what, "body": body, "once": once or {}}

    def health_check(self, kind: str, path: str, interval: int, failures: int) -> dict:
        return self.resource(
            "healthChecks",
            {
                "name": f"{self.name}-{kind}",
                "type": "HTTP",
                "checkIntervalSec": interval,
                "timeoutSec": min(interval, 5),
                "healthyThreshold": 2,
                "unhealthyThreshold": failures,
                "httpHealthCheck": {"port": self.port, "requestPath": path},
            },
        )

    def group(self, template: str) -> dict:
        zones = self.google["zones"]
        body = {
            "name": self.name,
            "baseInstanceName": self.name,
            "instanceTemplate": self.url("instanceTemplates", template),
            "namedPorts": [{"name": PORT_NAME, "port": self.port}],
            "autoHealingPolicies": [
                {"healthCheck": self.url("healthChecks", f"{self.name}-live"), "initialDelaySec": self.start_seconds}
            ],
            "updatePolicy": {
                "type": "PROACTIVE",
                "minimalAction": "REPLACE",
                "maxSurge": {"fixed": len(zones)},  # of a regional group: none, or at least one a zone
                "maxUnavailable": {"fixed": 0},
            },
        }
        once = {
            "targetSize": self.replicas["min"],
            "distributionPolicy": {"zones": [{"zone": f"projects/{self.google['project']}/zones/{zone}"} for zone in zones]},
        }
        return self.resource("instanceGroupManagers", body, self.google["region"], once)

    def signal(self) -> dict:
        scale = self.model.scale if self.model else {"signal": "cpu", "target": self.fleet.data["gateway"].get("cpu_target", 0.6)}
        target = scale["target"]
        return {
            "cpu": {"cpuUtilization": {"utilizationTarget": target}},
            "load_balancing": {"loadBalancingUtilization": {"utilizationTarget": target}},
            "saturation": {
                "customMetricUtilizations": [{"metric": METRIC, "utilizationTarget": target, "utilizationTargetType": "GAUGE"}]
            },
        }[scale["signal"]]

    def autoscaler(self) -> dict:
        region = self.google["region"]
        policy = {
            "mode": "ON",
            "minNumReplicas": self.replicas["min"],
            "maxNumReplicas": self.replicas["max"],
            "coolDownPeriodSec": self.start_seconds,
            "scaleInControl": {"maxScaledInReplicas": {"fixed": 1}, "timeWindowSec": 600},
            **self.signal(),
        }
        body = {"name": self.name, "target": self.url("instanceGroupManagers", self.name, region), "autoscalingPolicy": policy}
        return self.resource("autoscalers", body, region)

    def backend_service(self) -> dict:
        group = {
            "group": self.url("instanceGroups", self.name, self.google["region"]),
            "balancingMode": "UTILIZATION",
            "maxUtilization": 0.8,
            "capacityScaler": 1.0,
        }
        body = {
            "name": self.name,
            "protocol": "HTTP",
            "portName": PORT_NAME,
            "loadBalancingScheme": "EXTERNAL_MANAGED",
            "localityLbPolicy": "LEAST_REQUEST",
            "timeoutSec": self.fleet.data["balancer"]["websocket_seconds"],
            "connectionDraining": {"drainingTimeoutSec": min(self.drain_seconds, 3600)},
            "healthChecks": [self.url("healthChecks", f"{self.name}-ready")],
            "backends": [group],
        }
        return self.resource("backendServices", body)

    def resources(self) -> list:
        template = instances.template(self)
        made = [
            self.health_check("ready", READY, interval=5, failures=2),
            self.health_check("live", HEALTHY, interval=15, failures=4),
            self.resource("instanceTemplates", template),
            self.group(template["name"]),
            self.autoscaler(),
        ]
        return made + ([self.backend_service()] if self.model is None or self.fleet.routes_directly else [])


class FrontDoor(Service):
    """What all services share: the balancer, and who may pass the firewall."""

    def __init__(self, fleet: Fleet, services: list):
        super().__init__(fleet, None)
        self.what = "front"
        self.services = services
        self.name = fleet.name

    def url_map(self) -> dict:
        gateway = self.url("backendServices", f"{self.fleet.name}-gateway")
        routed = [service for service in self.services if service.model and self.fleet.routes_directly]
        rules = [
            {
                "paths": [f"/{service.model.name}", f"/{service.model.name}/*"],
                "service": self.url("backendServices", service.name),
            }
            for service in routed
        ]
        matcher = {"name": "models", "defaultService": gateway, "pathRules": rules}
        tests = [
            {"host": "any", "path": path, "service": rule["service"]}
            for rule in rules
            for path in (rule["paths"][0], rule["paths"][0] + READY)
        ]
        # A suffix that begins with another model's name is not that model's.
        others = ["/", "/v1/models", *(f"/{service.model.name}-other" for service in routed)]
        tests += [{"host": "any", "path": path, "service": gateway} for path in others]
        hosts = [{"hosts": ["*"], "pathMatcher": "models"}]
        return self.resource(
            "urlMaps",
            {"name": self.name, "defaultService": gateway, "hostRules": hosts, "pathMatchers": [matcher], "tests": tests},
        )

    def door(self) -> list:
        """Certificate, proxy, address and rule; plain HTTP where there is no domain."""
        domains = self.google.get("domains")
        proxy, certificate = {"name": self.name, "urlMap": self.url("urlMaps", self.name)}, []
        if domains:
            name = f"{self.name}-{weights.digest_of(json.dumps(domains))[:8]}"
            certificate = [self.resource("sslCertificates", {"name": name, "type": "MANAGED", "managed": {"domains": domains}})]
            proxy["sslCertificates"] = [self.url("sslCertificates", name)]
        kind = "targetHttpsProxies" if domains else "targetHttpProxies"
        said_once = {
            "IPProtocol": "TCP",
            "portRange": "443" if domains else "80",
            "IPAddress": self.url("addresses", self.name),
        }
        rule = {"name": self.name, "target": self.url(kind, self.name), "loadBalancingScheme": "EXTERNAL_MANAGED"}
        return [
            *certificate,
            self.resource(kind, proxy),
            self.resource("globalAddresses", {"name": self.name}),
            self.resource("globalForwardingRules", rule, once=said_once),
        ]

    def firewall(self, name: str, sources: dict, tag: str, ports: list) -> dict:
        body = {
            "name": f"{self.name}-{name}",
            "network": f"projects/{self.google['project']}/global/networks/{self.google['network']}",
            "direction": "INGRESS",
            "targetTags": [tag],
            "allowed": [{"IPProtocol": "tcp", "ports": [str(port) for port in ports]}],
            **sources,
        }
        return self.resource("firewalls", body)

    def firewalls(self) -> list:
        models = [service.port for service in self.services if service.model]
        return [
            self.firewall("probers", {"sourceRanges": GOOGLE_FRONT_ENDS}, self.name, [*models, self.port]),
            self.firewall("gateways", {"sourceTags": [f"{self.name}-gateway"]}, f"{self.name}-model", models),
        ]

    def resources(self) -> list:
        return [*self.firewalls(), self.url_map(), *self.door()]


def resources(fleet: Fleet) -> list:
    services = [*(Service(fleet, model) for model in fleet.models), Service(fleet, None)]
    made = [resource for service in services for resource in service.resources()]
    return made + FrontDoor(fleet, services).resources()


def inventory(fleet: Fleet) -> dict:
    google = fleet.data["google"]
    own = {
        "inkfleet_gcp_fleet": fleet.name,
        "inkfleet_gcp_project": google["project"],
        "inkfleet_gcp_region": google["region"],
        "inkfleet_gcp_models": {model.name: {"owner": model.slug, "group": Service(fleet, model).name} for model in fleet.models},
    }
    return {"google": {"hosts": {"localhost": {"ansible_connection": "local", **own}}}}


def write(fleet: Fleet, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "resources.json").write_text(json.dumps(resources(fleet), indent=2) + "\n")
    (folder / "inventory.yml").write_text(yaml.safe_dump(inventory(fleet), sort_keys=False))
    weights.write_archives(fleet.models, folder / "weights")

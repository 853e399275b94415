"""What Compute Engine demands beyond the shape of a message. `store`: all resources by path."""

import json
import re

import balancers
from gce_schema import Refused

NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
REFERENCE = re.compile(r"projects/[^/]+/(?:global|regions/[^/]+)/(?!networks|images|subnetworks)\w+/[^/\"]+$")
METADATA_BYTES = 256 * 1024


def demand(right, message: str, status: int = 400) -> None:
    if not right:
        raise Refused(status, message)


def references(value) -> set:
    """Paths of resources that a body names. A group's instances are its manager's."""
    if isinstance(value, dict):
        return set().union(*(references(item) for key, item in value.items() if key != "selfLink"), set())
    if isinstance(value, list):
        return set().union(*(references(item) for item in value), set())
    path = re.sub(r"^https?://[^/]+/compute/v1/", "", value) if isinstance(value, str) else ""
    return {path.replace("/instanceGroups/", "/instanceGroupManagers/")} if REFERENCE.match(path) else set()


def check(path: str, body: dict, store: dict) -> None:
    demand(NAME.fullmatch(body["name"]), f"{body['name']}: no name of a resource")
    for reference in references(body):
        demand(reference in store, f"{path}: The resource '{reference}' was not found")
    collection = path.split("/")[-2]
    RULES.get(collection, lambda *_: None)(path, body, store)


def health_check(path, body, _):
    demand(body.get("timeoutSec", 5) <= body.get("checkIntervalSec", 5), f"{path}: timeoutSec is more than checkIntervalSec")


def backend_service(path, body, store):
    demand(len(body.get("healthChecks", [])) == 1, f"{path}: at most one health check, and one is needed")
    demand(0 <= body["connectionDraining"]["drainingTimeoutSec"] <= 3600, f"{path}: drainingTimeoutSec is 0 to 3600")
    demand(body.get("timeoutSec", 30) <= 86400, f"{path}: no connection lives longer than a day")
    for backend in body["backends"]:
        group = store[next(iter(references(backend["group"])))]
        demand(
            any(port["name"] == body["portName"] for port in group["namedPorts"]),
            f"{path}: the group has no port {body['portName']}",
        )


def url_map(path, body, _):
    patterns = [pattern for matcher in body["pathMatchers"] for rule in matcher["pathRules"] for pattern in rule["paths"]]
    for pattern in patterns:
        legal = pattern.startswith("/") and ("*" not in pattern or pattern.endswith("/*") and pattern.count("*") == 1)
        demand(legal, f"{path}: path {pattern}: begins with /, and * stands only at the end after a /")
    demand(len(patterns) == len(set(patterns)), f"{path}: a path is there twice")
    for test in body.get("tests", []):
        found = balancers.url_map_service(body, test["path"], test["host"])
        demand(found == test["service"], f"{path}: test of {test['path']}: expected {test['service']}, found {found}")


def group(path, body, _):
    demand("targetSize" in body, f"{path}: targetSize is required")
    zones = len(body["distributionPolicy"]["zones"])
    surge, unavailable = (body["updatePolicy"][key]["fixed"] for key in ("maxSurge", "maxUnavailable"))
    demand(surge == 0 or surge >= zones, f"{path}: maxSurge is 0 or at least the number of zones")
    demand(surge or unavailable, f"{path}: maxSurge and maxUnavailable are both 0")


def template(path, body, _):
    properties = body["properties"]
    if "guestAccelerators" in properties:
        demand(properties["scheduling"]["onHostMaintenance"] == "TERMINATE", f"{path}: machines with GPUs cannot be moved")
    for item in properties["metadata"]["items"]:
        demand(len(item["value"].encode()) <= METADATA_BYTES, f"{path}: metadata {item['key']} is too large")


def autoscaler(path, body, _):
    policy = body["autoscalingPolicy"]
    demand(policy["minNumReplicas"] <= policy["maxNumReplicas"], f"{path}: min is more than max")
    targets = [
        value
        for key, signal in policy.items()
        if "tilization" in key
        for value in (signal if isinstance(signal, list) else [signal])
    ]
    demand(targets and all(0 < target["utilizationTarget"] for target in targets), f"{path}: no signal to scale on")


RULES = {
    "healthChecks": health_check,
    "backendServices": backend_service,
    "urlMaps": url_map,
    "instanceGroupManagers": group,
    "instanceTemplates": template,
    "autoscalers": autoscaler,
}


def check_unused(path: str, store: dict) -> None:
    users = [other for other, body in store.items() if path in references(body)]
    demand(not users, f"The resource '{path}' is already being used by '{', '.join(users)}'")


def check_fingerprint(path: str, found: dict, body: dict) -> None:
    if "fingerprint" in found:
        demand(body.get("fingerprint") == found["fingerprint"], f"{path}: Invalid fingerprint.", 412)


def check_size(path: str, body: dict, store: dict) -> None:
    """Whoever sets a size that an autoscaler has set fights it."""
    if "targetSize" in body:
        scaled = any(path in references(other.get("target")) for key, other in store.items() if "/autoscalers/" in key)
        demand(not scaled, f"{path}: targetSize is the autoscaler's")


def fingerprint(body: dict) -> str:
    return f"{hash(json.dumps(body, sort_keys=True)) & 0xFFFFFFFF:08x}"

"""How the two programs are started: the same flags on every kind of fleet, as the environment variables each flag has."""

from fleet import Fleet, Model

GOOGLE_FRONT_ENDS = ["130.211.0.0/22", "35.191.0.0/16"]  # health checks too
CONNECTIONS = 10_000  # as many as a service takes of all addresses
KEEP_ALIVE_MS = 620_000  # a balancer that kept a connection for longer than we would send requests into closed ones
UPSTREAM_NOBODY = (
    "nobody.invalid"  # a name that is never found: a model whose services are not known yet is unavailable, not unknown
)


def environment(flags: dict) -> str:
    """An EnvironmentFile of systemd, an --env-file of podman."""
    return "".join(f"INKFLEET_{key.upper()}={value}\n" for key, value in flags.items())


def model_flags(fleet: Fleet, model: Model, listen: str, folder: str) -> dict:
    """A balancer's connections all come from its own few addresses, and it keeps them for ten minutes (Google's does)."""
    behind = {"connections_per_address": CONNECTIONS, "keep_alive_ms": KEEP_ALIVE_MS}
    origins = fleet.data["gateway"].get("settings", {}).get("origins", [])
    if fleet.routes_directly and origins:
        behind["origin"] = ",".join(origins)
    return {**model.flags(), **behind, "listen": listen, "model": folder}


def gateway_config(fleet: Fleet, listen: str, admin_listen: str, proxies: list, upstreams) -> dict:
    """`proxies`: what stands before it. `upstreams(model)`: host and port of each of its services."""
    settings = fleet.data["gateway"].get("settings", {})
    return {
        "listen": listen,
        "admin_listen": admin_listen,
        "trusted_proxies": proxies,
        **settings,
        "limits": {"keep_alive_ms": KEEP_ALIVE_MS, **settings.get("limits", {})},
        "routes": [
            {
                "suffix": f"/{model.name}",
                "aliases": model.aliases,
                "upstreams": [f"ws://{address}/{model.name}" for address in upstreams(model)],
            }
            for model in fleet.models
        ],
    }


def gateway_port(fleet: Fleet) -> int:
    return fleet.data["gateway"]["port"]


def admin_port(fleet: Fleet) -> int:
    return fleet.data["gateway"]["admin_port"]

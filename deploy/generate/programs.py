"""How the two programs are started: the same flags on every kind of fleet, as the environment variables each flag has."""

from fleet import Fleet, Model

GOOGLE_FRONT_ENDS = ["130.211.0.0/22", "35.191.0.0/16"]  # health checks too
UPSTREAM_NOBODY = (
    "nobody.invalid"  # a name that is never found: a model whose services are not known yet is unavailable, not unknown
)


def environment(flags: dict) -> str:
    """An EnvironmentFile of systemd, an --env-file of podman."""
    return "".join(f"INKFLEET_{key.upper()}={value}\n" for key, value in flags.items())


def model_flags(model: Model, listen: str, folder: str) -> dict:
    return {**model.flags(), "listen": listen, "model": folder}


def gateway_config(fleet: Fleet, listen: str, admin_listen: str, proxies: list, upstreams) -> dict:
    """`proxies`: what stands before it. `upstreams(model)`: host and port of each of its services."""
    return {
        "listen": listen,
        "admin_listen": admin_listen,
        "trusted_proxies": proxies,
        **fleet.data["gateway"].get("settings", {}),
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

"""HAProxy in front of a plain fleet, as a cloud's balancer is: a model's suffix goes to its services, all else to the gateways."""

from pathlib import Path

from fleet import READY, Fleet

NAME = "haproxy.cfg"
MAP = "models.map"
MAP_PATH = f"/etc/haproxy/{MAP}"

CONFIG = """# Generated from fleet.yaml: changes are lost. Servers are drained and added at run time through the socket.
global
  master-worker
  user haproxy
  group haproxy
  stats socket /run/haproxy/admin.sock mode 600 level admin expose-fd listeners
  stats timeout 30s
  hard-stop-after {websocket_seconds}s
  log stdout format raw local0 notice

defaults
  mode http
  log global
  option forwardfor
  option redispatch
  retries 2
  timeout connect 5s
  timeout http-request 10s
  timeout client 60s
  timeout server 60s
  timeout check 1s
  timeout tunnel {websocket_seconds}s
  balance leastconn
  default-server check inter 1s fall 2 rise 2

frontend editors
  bind :{port}
  use_backend %[path,field(2,/),map_str({map_path},gateways)]
"""

BACKEND = """
backend {name}
  option httpchk
  http-check send meth GET uri {ready} ver HTTP/1.1 hdr Host balancer
  http-check expect status 200
{servers}
"""


def backend_of(name: str) -> str:
    return f"model_{name}"


def backend(name: str, addresses: list) -> str:
    servers = "\n".join(f"  server {address} {address}" for address in addresses)
    return BACKEND.format(name=name, ready=READY, servers=servers)


def config(fleet: Fleet, gateways: list, services) -> str:
    """`services(model)`: addresses."""
    balancer = fleet.data["balancer"]
    text = CONFIG.format(port=balancer["port"], websocket_seconds=balancer["websocket_seconds"], map_path=MAP_PATH)
    text += backend("gateways", gateways)
    return text + "".join(backend(backend_of(model.name), services(model)) for model in fleet.models)


def write(fleet: Fleet, folder: Path, gateways: list, services) -> None:
    (folder / NAME).write_text(config(fleet, gateways, services))
    routed = fleet.models if fleet.routes_directly else []
    (folder / MAP).write_text("".join(f"{model.name} {backend_of(model.name)}\n" for model in routed))

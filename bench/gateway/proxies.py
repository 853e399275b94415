"""The gateway and the proxies it is compared with: each a process in front of the same stub service."""

import json
import shutil
import socket
import subprocess
import time
import urllib.request

MODEL = "stub"
START_S = 20
CONNECTIONS = 19_000
PROXY_CONNECTIONS = 4_000  # each takes two descriptors

HAPROXY = """
global
  nbthread 1
  maxconn {connections}
defaults
  mode http
  timeout connect 2s
  timeout client 1m
  timeout server 1m
  timeout tunnel 1h
frontend door
  bind 127.0.0.1:{port}
  default_backend stub
backend stub
  server stub {stub}
"""

NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.err;
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://{stub};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_read_timeout 1h;
    }}
  }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A server, stopped at the end of a `with`."""

    def __init__(self, arguments, log):
        with open(log, "wb") as file:
            self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=file, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def wait_line(self, prefix):
        for line in self.process.stdout:
            if line.startswith(prefix):
                return line[len(prefix) :].strip()
        raise SystemExit(f"{self.process.args[0]} ended before it said '{prefix}'")

    def resident_kb(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


class Stub(Process):
    def __init__(self, bin_folder, folder):
        super().__init__([bin_folder / "gateway_stub", "--listen", "127.0.0.1:0"], folder / "stub.log")
        self.address = self.wait_line("listening ")
        self.url = f"ws://{self.address}/{MODEL}"

    def sent(self):
        """Deltas that it has sent by now."""
        with urllib.request.urlopen(f"http://{self.address}/sent", timeout=10) as answer:
            return json.load(answer)["deltas"]


class Gateway(Process):
    """`limits` as its configuration has them."""

    def __init__(self, bin_folder, folder, stub, name="gateway", **limits):
        config = {
            "listen": "127.0.0.1:0",
            "routes": [{"suffix": f"/{MODEL}", "upstreams": [f"ws://{stub.address}/{MODEL}"]}],
            "limits": {"connections": CONNECTIONS, "live_requests_per_caller": 10_000, **limits},
        }
        (folder / f"{name}.json").write_text(json.dumps(config))
        super().__init__([bin_folder / "inkfleet-gateway", "--config", folder / f"{name}.json"], folder / f"{name}.log")
        self.address = self.wait_line("listening ")
        self.url = f"ws://{self.address}/{MODEL}"

    def histogram(self, name):
        """Its cumulative counts by upper bound."""
        counts = {}
        with urllib.request.urlopen(f"http://{self.address}/metrics", timeout=10) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(name + "_bucket{"):
                    bound = line.split('le="')[1].split('"')[0]
                    counts[float(bound)] = float(line.rsplit(" ", 1)[1])
        return counts

    def forwarded(self):
        """Frames it has begun to write by now."""
        return max(self.histogram("inkfleet_gateway_forward_seconds").values())


class Proxy(Process):
    def __init__(self, program, arguments, folder, settings, stub):
        port = free_port()
        file = folder / f"{program}.conf"
        file.write_text(settings.format(port=port, stub=stub.address, folder=folder, connections=PROXY_CONNECTIONS))
        path = shutil.which(program) or shutil.which(program, path="/usr/sbin")
        if not path:
            raise SystemExit(f"{program} is not installed; bench/gateway/run does that")
        super().__init__([path, *arguments, str(file)], folder / f"{program}.log")
        self.url = f"ws://127.0.0.1:{port}/{MODEL}"
        self.wait_port(port)

    def wait_port(self, port):
        end = time.monotonic() + START_S
        while time.monotonic() < end and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        self.__exit__()
        raise SystemExit(f"{self.process.args[0]} does not listen; see its log")


def haproxy(folder, stub):
    return Proxy("haproxy", ["-db", "-f"], folder, HAPROXY, stub)


def nginx(folder, stub):
    return Proxy("nginx", ["-p", str(folder), "-c"], folder, NGINX, stub)

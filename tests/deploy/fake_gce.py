"""Compute Engine's REST API in memory: takes what the discovery document allows and the rules demand, and remembers who asked what."""

import contextlib
import json
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import gce_rules as rules
from gce_schema import Api, Refused

HOST = "https://www.googleapis.com/compute/v1/"
WITH_FINGERPRINT = ("urlMaps", "backendServices", "instanceGroupManagers")
TOKEN = "a-token-of-the-test"


def merge(old, new):
    """JSON merge patch (RFC 7386): lists are replaced."""
    if not isinstance(new, dict) or not isinstance(old, dict):
        return new
    return {**old, **{key: merge(old.get(key), value) for key, value in new.items()}}


class FakeGce:
    def __init__(self):
        self.api = Api("compute.v1")
        self.store = {}
        self.changes = []  # verb and path of what was not only read
        self.refusals = []
        self._clock = 0
        self._lock = threading.Lock()

    def answer(self, verb: str, target: str, body):
        url = urllib.parse.urlsplit(target)
        path = url.path.removeprefix(f"{self.api.base}/")
        query = dict(urllib.parse.parse_qsl(url.query))
        collection, method, description, _ = self.api.find(verb, path)
        self.api.check(description, query, body)
        with self._lock:
            work = getattr(self, f"do_{method}", None)
            if work is None:
                raise Refused(501, f"{description['id']} is not part of this stand-in")
            return work(path, query, body)

    def do_get(self, path, _, __):
        return self.found(path)

    def found(self, path):
        if path not in self.store:
            raise Refused(404, f"The resource '{path}' was not found")
        return self.said(path)

    def said(self, path):
        """As the API says it: whole URLs, and more than it was told."""
        body = json.loads(json.dumps(self.store[path]).replace('"projects/', f'"{HOST}projects/'))
        if "/instanceGroupManagers/" in path:
            body["status"] = {"isStable": True, "versionTarget": {"isReached": True}}
            body["instanceGroup"] = HOST + path.replace("instanceGroupManagers", "instanceGroups")
        if "/forwardingRules/" in path:
            body |= {"portRange": f"{body['portRange']}-{body['portRange']}", "IPAddress": "203.0.113.7"}
        return body

    def do_list(self, path, _, __):
        return {"items": [self.said(key) for key in self.store if key.rpartition("/")[0] == path]}

    def do_insert(self, path, _, body):
        path = f"{path}/{body['name']}"
        rules.demand(path not in self.store, f"The resource '{path}' already exists", 409)
        self.keep("insert", path, body)
        return self.done()

    def do_patch(self, path, query, body):
        if path.endswith("/autoscalers"):
            path = f"{path}/{query['autoscaler']}"
        found = self.found(path)
        rules.check_fingerprint(path, found, body)
        rules.check_size(path, body, self.store)
        self.keep("patch", path, merge(self.store[path], body))
        return self.done()

    def keep(self, verb, path, body):
        body = {key: value for key, value in body.items() if key != "fingerprint"}
        rules.check(path, body, self.store)
        self._clock += 1
        body.setdefault("creationTimestamp", f"2026-01-01T00:00:00.{self._clock:06d}-00:00")
        if path.split("/")[-2] in WITH_FINGERPRINT:
            body["fingerprint"] = rules.fingerprint(body)
        self.store[path] = {**body, "selfLink": path}
        self.changes.append((verb, path))

    def do_delete(self, path, _, __):
        self.found(path)
        rules.check_unused(path, {key: body for key, body in self.store.items() if key != path})
        del self.store[path]
        self.changes.append(("delete", path))
        return self.done()

    def do_wait(self, *_):
        return self.done("DONE")

    @staticmethod
    def done(status="RUNNING"):
        return {"name": "operation-1", "status": status}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else None
        try:
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                raise Refused(401, "no valid token")
            status, answer = 200, self.server.fake.answer(self.command, self.path, body)
        except Refused as refused:
            if refused.status != 404 or self.command != "GET":
                self.server.fake.refusals.append(str(refused))
            status, answer = refused.status, {"error": {"code": refused.status, "message": str(refused)}}
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def served(fake):
    """Its address, for as long as the block lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.fake = fake
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/compute/v1/"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()

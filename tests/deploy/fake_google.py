"""fake_google.py FOLDER PORT: what an instance of Google Cloud asks while it starts and runs, on loopback. FOLDER/attributes.json is its
metadata, FOLDER/buckets/ holds buckets, FOLDER/instances.json the project's instances; what monitoring is told goes to
FOLDER/series.jsonl after it was held against Google's own description."""

import json
import sys
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from gce_schema import Api, Refused

TOKEN = "a-token-of-the-test"
METADATA = {
    "project/project-id": "example-project",
    "instance/id": "4711",
    "instance/zone": "projects/1/zones/europe-west4-a",
    "instance/service-accounts/default/token": json.dumps({"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"}),
}


class Google:
    def __init__(self, folder: Path):
        self.folder = folder
        self.monitoring = Api("monitoring.v3")

    def get(self, path: str, query: dict, headers) -> bytes:
        if path.startswith("/computeMetadata/v1/"):
            self.demand(headers.get("Metadata-Flavor") == "Google", 403, "Metadata-Flavor")
            return self.metadata(path.removeprefix("/computeMetadata/v1/")).encode()
        self.demand(headers.get("Authorization") == f"Bearer {TOKEN}", 401, "no token")
        if path.endswith("/aggregated/instances"):
            return self.instances(query["filter"])
        file = self.folder / "buckets" / path.lstrip("/")
        self.demand(file.is_file(), 404, path)
        return file.read_bytes()

    def metadata(self, path: str) -> str:
        if path.startswith("instance/attributes/"):
            attributes = json.loads((self.folder / "attributes.json").read_text())
            self.demand(path.rsplit("/", 1)[1] in attributes, 404, path)
            return attributes[path.rsplit("/", 1)[1]]
        self.demand(path in METADATA, 404, path)
        return METADATA[path]

    def instances(self, wanted: str) -> bytes:
        """Of the filter only what we ask with."""
        words = dict(word.replace('"', "").split("=") for word in wanted.split(" AND "))
        found = [
            instance
            for instance in json.loads((self.folder / "instances.json").read_text())
            if instance["labels"]["fleet"] == words["labels.fleet"] and instance["status"] == words["status"]
        ]
        return json.dumps(
            {"items": {"zones/a": {"instances": found}, "zones/b": {"warning": {"code": "NO_RESULTS_ON_PAGE"}}}}
        ).encode()

    def post(self, path: str, headers, body: bytes) -> bytes:
        self.demand(headers.get("Authorization") == f"Bearer {TOKEN}", 401, "no token")
        _, _, description, _ = self.monitoring.find("POST", path.lstrip("/"))
        self.monitoring.check(description, {}, json.loads(body))
        for series in json.loads(body)["timeSeries"]:
            fits = [set(point["value"]) == {f"{series['valueType'].lower()}Value"} for point in series["points"]]
            self.demand(all(fits), 400, f"a point is no {series['valueType']}")
        with (self.folder / "series.jsonl").open("a") as out:
            out.write(json.dumps(json.loads(body)) + "\n")
        return b"{}"

    @staticmethod
    def demand(right, status: int, what: str) -> None:
        if not right:
            raise Refused(status, what)


class Handler(BaseHTTPRequestHandler):
    def answer(self):
        url = urllib.parse.urlsplit(self.path)
        try:
            if self.command == "GET":
                body = self.server.google.get(url.path, dict(urllib.parse.parse_qsl(url.query)), self.headers)
            else:
                body = self.server.google.post(url.path, self.headers, self.rfile.read(int(self.headers["Content-Length"])))
            status = 200
        except Refused as refused:
            status, body = refused.status, str(refused).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


def serve(folder: Path, port: int) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.google = Google(folder)
    return server


if __name__ == "__main__":
    made = serve(Path(sys.argv[1]), int(sys.argv[2]))
    print(f"listening 127.0.0.1:{made.server_port}", flush=True)
    made.serve_forever()

"""A replica that is well by all its probes and fails every request at once: what looks idle and must not draw everything."""

import contextlib
import json
import threading
from http import HTTPStatus

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve


class FailingReplica:
    """`asked` counts the requests it was given."""

    def __init__(self):
        self.asked = 0
        self._server = serve(self._answer, "127.0.0.1", 0, process_request=self._probe, close_timeout=1)
        self.address = "{}:{}".format(*self._server.socket.getsockname())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()

    @staticmethod
    def _probe(connection, request):
        return connection.respond(HTTPStatus.OK, "{}") if request.path.endswith("healthz") else None

    def _answer(self, connection):
        with contextlib.suppress(ConnectionClosed):
            for text in connection:
                frame = json.loads(text)
                if frame["type"] == "suggest":
                    self.asked += 1
                    error = {"type": "error", "code": "internal", "message": "it fails", "id": frame["id"]}
                    connection.send(json.dumps(error))

"""Orders faults of a service that was started with --faults, and asks for its health."""

import json
import threading
import time
import urllib.error
import urllib.request
from http.client import HTTPException

HEALTH_S = 5  # a probe that has no answer by then has failed


def http(url: str, method: str = "GET", body=None, seconds: float = 10, **headers):
    """Status and parsed JSON."""
    data = None if body is None else (body if isinstance(body, bytes) else json.dumps(body).encode())
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def order(address: str, fault: str, **values) -> None:
    status, answer = http(f"http://{address}/faults", "POST", {"fault": fault, **values})
    assert status == 200 and fault in answer["active"], answer


def clear(address: str) -> None:
    assert http(f"http://{address}/faults", "DELETE") == (200, {"active": []})


def wait_unhealthy(address: str, since: float, limit: float, path: str = "/healthz") -> dict:
    """Asks until the answer is 503; every answer must come within a second, and that one within `limit` of `since`."""
    while True:
        asked = time.monotonic()
        status, answer = http(f"http://{address}{path}")
        now = time.monotonic()
        assert now - asked <= 1, f"{path} took {now - asked:.2f} s"
        if status == 503:
            assert now - since <= limit, f"503 after {now - since:.2f} s"
            return answer
        assert now - since <= limit, f"still {status} after {now - since:.2f} s"
        time.sleep(0.02)  # it can only be asked again


class HealthWatch:
    """Asks for health all the time, beside what a test does, and remembers what was not 200: an answer, or why there is none."""

    def __init__(self, address: str, every: float = 0.02, seconds: float = HEALTH_S):
        self.url = f"http://{address}/healthz"
        self.every = every
        self.seconds = seconds
        self.asked = 0
        self.slowest = 0.0
        self.failures = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _watch(self):
        while not self._stop.wait(self.every):
            begun = time.monotonic()
            try:
                status, answer = http(self.url, seconds=self.seconds)
                if status != 200:
                    self.failures.append(answer)
            except (OSError, HTTPException, ValueError) as broken:
                self.failures.append(repr(broken))
            self.slowest = max(self.slowest, time.monotonic() - begun)
            self.asked += 1

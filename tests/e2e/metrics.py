"""Reads Prometheus text."""

import re
import time
import urllib.request

_SAMPLE = re.compile(r"^(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")


def label(labels: str, name: str) -> str:
    return re.search(rf'(?:^|,){name}="([^"]*)"', labels)[1]


class Metrics:
    def __init__(self, base: str):
        self.address = f"{base}/metrics"

    def samples(self) -> list:
        """Triples of name, labels as written, value."""
        with urllib.request.urlopen(self.address, timeout=10) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain")
            lines = answer.read().decode().splitlines()
        matches = [_SAMPLE.match(line) for line in lines if line and not line.startswith("#")]
        assert all(matches), "a line that is no sample"
        return [(match["name"], match["labels"] or "", float(match["value"])) for match in matches]

    def sum(self, name: str, may_be_absent: bool = False, labels=()) -> float:
        """Over all that have these labels; a metric that is not there is a mistake, but for one that begins with what it counts."""
        values = [value for sample, its, value in self.samples() if sample == name and all(label in its for label in labels)]
        assert values or may_be_absent, f"no metric {name}"
        return sum(values)

    def wait(self, name: str, condition, seconds: float = 10, may_be_absent: bool = False, labels=()) -> None:
        end = time.monotonic() + seconds
        while not condition(value := self.sum(name, may_be_absent, labels)):
            assert time.monotonic() < end, f"{name} is still {value}"
            time.sleep(0.02)  # a gauge can only be asked again

"""The watch itself: whatever is no answer of 200 in time is a failure, and it goes on asking."""

import socket
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))
from faults import HealthWatch  # noqa: E402

LIMIT_S = 20


def watch_until_asked(watch, times: int):
    end = time.monotonic() + LIMIT_S
    with watch:
        while watch.asked < times:
            assert time.monotonic() < end, "it does not ask again"
            time.sleep(0.005)  # it can only be looked at again


@pytest.fixture
def silent():
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield "{}:{}".format(*server.getsockname())


# Deliberate break: a HealthWatch that catches no error: its thread ends with the first one.
def test_a_refused_connection_is_a_failure():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # taken, and nobody listens
        watch = HealthWatch("{}:{}".format(*unused.getsockname()))
        watch_until_asked(watch, 2)
    assert len(watch.failures) == watch.asked
    assert watch.slowest > 0


# Deliberate break: http() without the watch's time limit.
def test_no_answer_in_time_is_a_failure(silent):
    watch = HealthWatch(silent, seconds=0.1)
    watch_until_asked(watch, 2)
    assert len(watch.failures) == watch.asked
    assert watch.slowest >= 0.1

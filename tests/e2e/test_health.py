"""Health that does not lie: every fault a real service can be ordered to have, and what is seen of it from outside.
Each test has a service of its own. Times are those of docs/operations.md, on this client's clock."""

import time

import pytest
from websockets.exceptions import ConnectionClosedError

import programs
from editor import Editor
from faults import HealthWatch, clear, http, order, wait_unhealthy
from metrics import Metrics, label

MODEL = "gpt2-demo"
PROMPT = "The storm grew"
HANG_S = 3
FATAL_S = 1
FATAL_STATUS = 70


@pytest.fixture
def start(tmp_path):
    """Starts services with --faults, which end with the test."""
    started = []

    def start(*extra):
        service = programs.start_model(MODEL, tmp_path, extra=("--faults", *extra))
        started.append(service)
        return service.wait_listening().wait_ready()

    yield start
    for service in started:
        if service.process.poll() is None:
            service.kill()
        service.close()


@pytest.fixture
def service(start):
    return start()


def editor_of(service) -> Editor:
    return Editor(f"ws://{service.address}/{MODEL}")


def device_errors(service) -> dict:
    samples = Metrics(f"http://{service.address}").samples()
    return {label(labels, "class"): value for name, labels, value in samples if name == "inkfleet_device_errors_total"}


def health_metric(service) -> dict:
    samples = Metrics(f"http://{service.address}").samples()
    return {label(labels, "check"): value for name, labels, value in samples if name == "inkfleet_health"}


# Break: let the engine's thread hold its mutex during a step, and /healthz hangs with it; or raise --step-limit-ms.
def test_a_hung_engine_is_seen_and_the_rest_goes_on_answering(service):
    with editor_of(service) as editor:
        editor.complete(PROMPT, max_tokens=2)
        order(service.address, "hang_engine")
        assert http(f"http://{service.address}/healthz")[0] == 200, "an idle engine is not hung"
        request = editor.ask(PROMPT, max_tokens=3)
        answer = wait_unhealthy(service.address, time.monotonic(), HANG_S)
        assert answer["check"] == "engine"
        assert wait_unhealthy(service.address, time.monotonic(), 1, "/readyz")["check"] == "engine"
        assert wait_unhealthy(service.address, time.monotonic(), 1, f"/{MODEL}/healthz")["check"] == "engine"
        assert http(f"http://{service.address}/livez")[0] == 200
        assert health_metric(service) == {"device": 1, "engine": 0, "error": 1}

        clear(service.address)
        editor.finish(request)
        assert request.end["type"] == "completed"
        assert http(f"http://{service.address}/healthz")[0] == 200


# Break: leave `waiting` out of judge_device(), and the device hangs unseen.
def test_a_hung_device_is_seen_while_nothing_runs(service):
    order(service.address, "hang_device")
    answer = wait_unhealthy(service.address, time.monotonic(), HANG_S)
    assert answer["check"] == "device"
    clear(service.address)
    end = time.monotonic() + 10
    while http(f"http://{service.address}/healthz")[0] != 200:
        assert time.monotonic() < end
        time.sleep(0.02)  # the next answer of the device


# Break: keep the prober's errors from the latch, and an idle service with a lost device stays.
@pytest.mark.parametrize("busy", [False, True])
def test_a_fatal_error_is_seen_at_once_and_ends_the_process(service, busy):
    with editor_of(service) as editor:
        if busy:
            request = editor.begin(editor.ask(PROMPT, n=4, max_tokens=400))
        ordered = time.monotonic()
        order(service.address, "fatal_device_error", error="cudaErrorECCUncorrectable")
        answer = wait_unhealthy(service.address, ordered, FATAL_S)
        assert answer["check"] == "error"
        assert "cudaErrorECCUncorrectable" in answer["detail"]
        assert wait_unhealthy(service.address, ordered, FATAL_S, "/readyz")["check"] == "error"
        assert sum(device_errors(service).values()) > 0
        assert set(device_errors(service)) == {"hardware"}
        if busy:
            editor.finish(request)
            assert request.end["code"] == "internal"
            assert set(request.finished.values()) == {"failed"}
        refused = editor.finish(editor.ask(PROMPT, max_tokens=2)).end
        assert refused["code"] in ("unavailable", "internal")
    assert service.process.wait(programs.STOP_S) == FATAL_STATUS
    assert "cudaErrorECCUncorrectable" in service.errors()


# Break: take it for any other failure in EngineHost::judge(), and the answer is `internal`.
def test_out_of_memory_costs_one_request(service):
    with editor_of(service) as editor:
        order(service.address, "out_of_memory")
        refused = editor.finish(editor.ask(PROMPT, max_tokens=3)).end
        assert (refused["type"], refused["code"]) == ("error", "overloaded")
        assert refused["retry_after_ms"] > 0
        editor.complete(PROMPT, max_tokens=3)
    assert http(f"http://{service.address}/healthz")[0] == 200
    assert device_errors(service) == {"out_of_memory": 1}


# Slow is not hung: steps of a second, far beyond what a service lets itself take; then prompts that fill the context.
# Break: judge the engine's progress by --max-step-ms.
def test_no_false_alarm_while_long_prompts_burst_in(service):
    long_prompt = "word " * 400
    with HealthWatch(service.address) as watch, editor_of(service) as editor:
        order(service.address, "slow_steps", ms=1000)
        editor.finish(*[editor.ask(f"{i} {PROMPT}", n=4, max_tokens=3) for i in range(4)])
        clear(service.address)
        editor.finish(*[editor.ask(f"{i} {long_prompt}", n=4, max_tokens=20) for i in range(12)])
    assert watch.failures == []
    assert watch.asked > 20
    assert watch.slowest <= 1


def test_a_connection_breaks_after_its_tokens(service):
    order(service.address, "drop_connection_after", tokens=5)
    with editor_of(service) as editor:
        request = editor.ask(PROMPT, max_tokens=40, seed=3)
        with pytest.raises(ConnectionClosedError) as broken:
            editor.finish(request)
        assert broken.value.rcvd is None, "it said goodbye"
        assert len(request.tokens.get(0, [])) < 5
    with editor_of(service) as editor:
        whole = editor.complete(PROMPT, max_tokens=40, seed=3)
        held = request.tokens.get(0, [])
        assert whole.tokens[0][: len(held)] == held


def test_a_process_dies_mid_step(service):
    order(service.address, "exit_mid_step")
    with editor_of(service) as editor:
        editor.ask(PROMPT)
        with pytest.raises(ConnectionClosedError):
            editor.receive()
            editor.receive()
            editor.receive()
    assert service.process.wait(programs.STOP_S) == -9


def test_faults_shout_and_are_told(service):
    assert "FAULTS CAN BE ORDERED" in service.errors()
    url = f"http://{service.address}/faults"
    order(service.address, "slow_steps", ms=1)
    assert http(url) == (200, {"active": ["slow_steps"]})
    for wrong in ({}, [], {"fault": "no_such"}, {"fault": "slow_steps"}, {"fault": "slow_steps", "ms": "1"},
                  {"fault": "fatal_device_error", "error": "cudaErrorInvalidValue"}, b"{"):
        status, answer = http(url, "POST", wrong)
        assert (status, answer["error"]["code"]) == (400, "bad_request"), wrong
    assert http(url, "POST", {"fault": "slow_steps", "ms": 0})[1] == {"active": []}
    page = {"fault": "exit_mid_step"}
    assert http(url, "POST", page, Origin="http://127.0.0.1")[0] == 403, "a page of a browser is no operator"
    assert http(url) == (200, {"active": []})


def test_faults_are_shut_without_the_flag(fleet):
    url = f"{fleet.http('service')}/faults"
    assert http(url)[0] == 404
    assert http(url, "POST", {"fault": "hang_engine"})[0] in (404, 405)


def test_faults_move_to_the_admin_address(start):
    port = programs.free_port()
    service = start("--admin-listen", f"127.0.0.1:{port}")
    admin = f"127.0.0.1:{port}"
    assert http(f"http://{service.address}/faults")[0] == 404
    order(admin, "slow_steps", ms=1)
    assert Metrics(f"http://{admin}").sum("inkfleet_saturation") == 0
    assert http(f"http://{admin}/healthz")[0] == 404


def test_saturation_is_told(start):
    service = start("--cache-mb", 4)  # room for three suggestions of this length at once: the other requests wait
    metrics = Metrics(f"http://{service.address}")
    with editor_of(service) as editor:
        editor.complete(PROMPT, max_tokens=2)
        assert metrics.sum("inkfleet_saturation") == 0
        order(service.address, "slow_steps", ms=200)
        # With time enough that none is refused: at this pace the last would wait for more than the default deadline.
        requests = [editor.ask(f"{i} {PROMPT}", n=32, max_tokens=200, deadline_ms=600_000) for i in range(12)]
        metrics.wait("inkfleet_saturation", lambda value: 0 < value <= 1)
        metrics.wait("inkfleet_queue_depth", lambda value: value > 0)
        metrics.wait("inkfleet_backlog_tokens", lambda value: value > 0)
        for request in requests:
            editor.cancel(request)
        clear(service.address)
        editor.finish(*requests)
    metrics.wait("inkfleet_saturation", lambda value: value == 0)


def test_limits_that_would_alarm_falsely_are_refused():
    wrong = programs.run_tool("inkfleet-model", "--model", programs.MODELS / MODEL, "--name", MODEL, "--listen",
                              "127.0.0.1:0", "--step-limit-ms", 500, "--max-step-ms", 400)
    assert wrong.returncode == 1
    assert "--step-limit-ms is 500" in wrong.stderr


# ---- drain --------------------------------------------------------------------------------------------------------


def wait_draining(service) -> None:
    assert wait_unhealthy(service.address, time.monotonic(), 1, "/readyz")["check"] == "draining"


# Break: stop the server before the streams have ended.
def test_drain_is_unready_at_once_and_finishes_its_streams(service):
    with editor_of(service) as editor, editor_of(service) as late:
        order(service.address, "slow_steps", ms=20)
        request = editor.begin(editor.ask(PROMPT, n=2, max_tokens=100))
        service.process.terminate()
        wait_draining(service)
        assert http(f"http://{service.address}/healthz")[0] == 200, "a draining service is well"
        assert late.finish(late.ask(PROMPT)).end["code"] == "unavailable"
        assert request.end is None, "the drain began after the stream's end: the test shows nothing"
        clear(service.address)
        editor.finish(request)
        assert request.end["type"] == "completed"
        assert set(request.finished.values()) <= {"length", "end_of_text"}
    assert service.process.wait(programs.STOP_S) == 0


# Break: wait for the streams without a limit.
def test_drain_hands_over_what_is_left(start):
    service = start("--drain-seconds", 1)
    with editor_of(service) as editor:
        order(service.address, "slow_steps", ms=500)
        request = editor.begin(editor.ask(PROMPT, n=2, max_tokens=400))
        told = time.monotonic()
        service.process.terminate()
        with pytest.raises(ConnectionClosedError) as closed:
            editor.finish(request)
        assert closed.value.rcvd.code == 1012
    assert service.process.wait(programs.STOP_S) == 0
    assert time.monotonic() - told <= 1 + 6  # the goodbyes, and taking the process down


# Break: join the engine's thread without TeardownLimit, and the process never ends.
def test_drain_ends_though_the_engine_hangs(start):
    service = start("--drain-seconds", 1)
    with editor_of(service) as editor:
        order(service.address, "hang_engine")
        editor.ask(PROMPT)
        wait_unhealthy(service.address, time.monotonic(), HANG_S)
        service.process.terminate()
        with pytest.raises(ConnectionClosedError) as closed:
            editor.receive()
        assert closed.value.rcvd.code == 1012
    assert service.process.wait(programs.STOP_S) == 0


def test_a_second_sigterm_ends_at_once(service):
    with editor_of(service) as editor:
        order(service.address, "slow_steps", ms=500)
        editor.begin(editor.ask(PROMPT, max_tokens=400))
        service.process.terminate()
        wait_draining(service)
        service.process.terminate()
        assert service.process.wait(5) == -15

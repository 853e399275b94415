"""What operators see: metrics as docs/metrics.md has them, pictures and alerts in a real Prometheus, one name for a request in all
logs."""

import json
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import ExitStack

import faults
import pytest
import yaml

import programs
from editor import Editor
from metrics import Metrics
from programs import ROOT

MODEL, AWAY = "gpt2-demo", "gpt2-away"
TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yaml"
MOST_SERIES = 32  # of a metric in a fleet of two models: the buckets of a histogram, or outcomes by door
ROW = re.compile(r"^\| `(?P<name>\w+)(?:\{(?P<labels>[\w,]+)\})?` \| (?P<kind>\w+) \|", re.MULTILINE)


def post(address: str, body: dict, headers=()) -> tuple:
    request = urllib.request.Request(f"http://{address}/v1/completions", json.dumps(body).encode(), dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers


@pytest.fixture(scope="module")
def fleet_of_two(cache, tmp_path_factory):
    """Two services behind a gateway, to which everything that is counted has happened, with logs of JSON."""
    folder = tmp_path_factory.mktemp("signals")
    with ExitStack() as stack:
        services = [programs.start_model(MODEL, folder, extra=["--faults", "--log-format", "json"]) for _ in range(2)]
        for service in services:
            stack.callback(service.close)
            service.wait_listening().wait_ready()
        routes = [
            programs.route(MODEL, [service.address for service in services]),
            programs.route(AWAY, [f"127.0.0.1:{programs.free_port()}"]),
        ]
        config = {"listen": "127.0.0.1:0", "routes": routes}
        gateway = programs.start_gateway(config, folder, ["--log-format", "json"])
        stack.callback(gateway.close)
        gateway.wait_listening().wait_ready().wait_serving(MODEL)
        Metrics(f"http://{gateway.address}").wait("inkfleet_gateway_upstream_probe_ok", lambda well: well == 2, may_be_absent=True)
        with Editor(f"ws://{gateway.address}/{MODEL}") as editor:
            editor.complete(id="from an editor", max_tokens=3, traceparent=TRACEPARENT)
            for service in services:
                faults.order(service.address, "out_of_memory")
            editor.complete(max_tokens=3)
        ask = {"model": MODEL, "prompt": "Once", "max_tokens": 3}
        assert post(gateway.address, ask)[0] == 200
        assert post(gateway.address, {**ask, "model": AWAY})[0] == 503
        assert post(gateway.address, ask, {"Origin": "https://elsewhere.example"})[0] == 403
        yield services, gateway


# ---- metrics ------------------------------------------------------------------------------------------------------------------


def documented(program: str) -> dict:
    """Kind and labels by name, from the program's table."""
    text = (ROOT / "docs" / "metrics.md").read_text()
    table = text.split(f"## {program}\n")[1].split("\n## ")[0]
    rows = list(ROW.finditer(table))
    assert len(rows) == sum(line.startswith("| `") for line in table.splitlines()), "a row that cannot be read"
    return {row["name"]: (row["kind"], frozenset((row["labels"] or "").split(",")) - {""}) for row in rows}


def scraped(program: programs.Program) -> dict:
    with urllib.request.urlopen(f"http://{program.address}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    labels = {name: set() for name in kinds}
    for name, given in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", text, re.MULTILINE):
        family = name if name in kinds else re.sub(r"_(bucket|sum|count)$", "", name)
        labels[family] |= set(re.findall(r'(\w+)="', given)) - {"le"}
    return {name: (kind, frozenset(labels[name])) for name, kind in kinds.items()}


# Deliberate break: a metric that is renamed, or a line of the document that is left out.
def test_the_document_and_a_scrape_have_the_same_metrics(fleet_of_two):
    (service, _), gateway = fleet_of_two
    assert scraped(service) == documented("inkfleet-model")
    assert scraped(gateway) == documented("inkfleet-gateway")


# Deliberate break: a counter whose name does not end in _total.
def test_prometheus_own_checker_finds_nothing_and_labels_have_few_values(fleet_of_two, prometheus_bin):
    for program in (fleet_of_two[0][0], fleet_of_two[1]):
        with urllib.request.urlopen(f"http://{program.address}/metrics", timeout=10) as answer:
            text = answer.read()
        check = [prometheus_bin / "promtool", "check", "metrics", "--extended"]
        ran = subprocess.run(check, input=text, capture_output=True, timeout=60, check=False)
        assert ran.returncode == 0 and not ran.stderr, ran.stderr.decode()
        series = {name: int(count) for name, count, *_ in map(str.split, ran.stdout.decode().splitlines()) if name.startswith("inkfleet_")}
        assert len(series) > 5 and max(series.values()) <= MOST_SERIES, series


# ---- pictures and alerts ------------------------------------------------------------------------------------------------------


def dashboard_queries() -> list:
    board = json.loads((ROOT / "deploy" / "grafana" / "inkfleet.json").read_text())
    assert len(board["panels"]) == 6
    queries = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    return [query.replace("$__rate_interval", "1m").replace("$model", ".*") for query in queries]


def alert_rules() -> list:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def alert_queries() -> list:
    """What the rules compare, whether it is beyond the limit or not."""
    return [re.sub(r" (==|>) ", r" \1 bool ", rule["expr"]) for rule in alert_rules()]


@pytest.fixture(scope="module")
def prometheus_bin():
    script = ROOT / "scripts" / "fetch-prometheus"
    return ROOT / subprocess.check_output([script], env=programs.ENVIRONMENT, text=True, timeout=110).strip()


class Prometheus:
    def __init__(self, bin, targets: dict, folder):
        jobs = [
            {"job_name": name, "static_configs": [{"targets": [program.address for program in running]}]}
            for name, running in targets.items()
        ]
        config = {"global": {"scrape_interval": "250ms", "scrape_timeout": "250ms"}, "rule_files": [str(ALERTS)], "scrape_configs": jobs}
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        self.address = f"127.0.0.1:{programs.free_port()}"
        flags = {"config.file": folder / "prometheus.yaml", "storage.tsdb.path": folder / "data", "web.listen-address": self.address}
        self.log = (folder / "prometheus.log").open("w")
        self.process = subprocess.Popen([bin / "prometheus", *(f"--{k}={v}" for k, v in flags.items())], stderr=self.log)

    def query(self, query: str) -> list:
        address = f"http://{self.address}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                return json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as refused:
            if refused.code == 503:  # it is starting
                return []
            raise AssertionError(f"{query}: {refused.read().decode()}") from None
        except urllib.error.URLError:
            return []

    def close(self):
        self.process.terminate()
        self.process.wait(programs.STOP_S)
        self.log.close()


# Deliberate break: a query for a metric that does not exist.
def test_all_queries_return_series_from_a_running_fleet(fleet_of_two, prometheus_bin, tmp_path):
    services, gateway = fleet_of_two
    targets = {"inkfleet-model": services, "inkfleet-gateway": [gateway]}
    prometheus = Prometheus(prometheus_bin, targets, tmp_path)
    try:
        end = time.monotonic() + 60
        missing = [*dashboard_queries(), *alert_queries()]
        assert len(missing) > 20
        while missing := [query for query in missing if not prometheus.query(query)]:
            assert time.monotonic() < end, f"no series: {missing}"
            time.sleep(0.2)  # it can only be asked again
    finally:
        prometheus.close()


def test_each_rule_fires_when_it_should(prometheus_bin):
    test = ROOT / "deploy" / "prometheus" / "alerts.test.yaml"
    ran = subprocess.run([prometheus_bin / "promtool", "test", "rules", test], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    tested = yaml.safe_load(test.read_text())["tests"][0]["promql_expr_test"][0]["exp_samples"]
    assert len(tested) == len(alert_rules())


def test_each_alert_names_the_section_that_answers_it():
    for rule in alert_rules():
        file, _, anchor = rule["annotations"]["answer"].partition("#")
        headings = re.findall(r"^#+ (.*)$", (ROOT / file).read_text(), re.MULTILINE)
        assert anchor in [heading.lower().replace(" ", "-") for heading in headings], rule["alert"]


# ---- logs ---------------------------------------------------------------------------------------------------------------------


def ended(program: programs.Program) -> list:
    """The lines about requests that have ended."""
    lines = [json.loads(line) for line in program.log.read_text().splitlines()]
    assert all({"time", "level", "message"} <= line.keys() for line in lines)
    return [line for line in lines if line["message"].startswith("request ")]


# Deliberate break: a gateway that does not pass the traceparent on.
def test_a_request_has_one_name_from_editor_to_token(fleet_of_two):
    (service, _), gateway = fleet_of_two  # the services share one log
    gate = next(line for line in ended(gateway) if line.get("id") == "from an editor")
    assert gate["trace_id"] == TRACE and gate["message"] == "request completed" and gate["door"] == "protocol"
    (served,) = [line for line in ended(service) if line["trace_id"] == TRACE]
    assert served["request"] == gate["request"] and served["completion_tokens"] == 3


def test_a_header_begins_the_trace_and_the_answer_names_it(fleet_of_two):
    _, gateway = fleet_of_two
    status, headers = post(gateway.address, {"model": MODEL, "prompt": ["a", "b"], "max_tokens": 2}, {"traceparent": TRACEPARENT[:-1] + "0"})
    assert status == 200 and headers["X-Request-Id"] == TRACE
    lines = [line for line in ended(gateway) if line["trace_id"] == TRACE and line["door"] == "openai"]
    assert len(lines) == 2 and all(line["id"].startswith("cmpl-") for line in lines)
    with Editor(f"ws://{gateway.address}/{MODEL}", additional_headers={"traceparent": TRACEPARENT.replace("0af7", "1bf8")}) as editor:
        editor.complete(id="by header", max_tokens=2)
    (line,) = [line for line in ended(gateway) if line.get("id") == "by header"]
    assert line["trace_id"] == TRACE.replace("0af7", "1bf8")


def test_requests_without_a_trace_get_one_each(fleet_of_two):
    _, gateway = fleet_of_two
    ids = [post(gateway.address, {"model": MODEL, "prompt": "a", "max_tokens": 1})[1]["X-Request-Id"] for _ in range(2)]
    assert len(set(ids)) == 2 and all(re.fullmatch("[0-9a-f]{32}", id) for id in ids)

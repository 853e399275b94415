#!/usr/bin/env python3
"""What the gateway costs: its delay under 1,000 streams beside HAProxy and nginx, the memory of 10,000 idle editors, and what 200
editors that never read do to it and to others. A line for each figure; all of them as OUT.json and, as a table, OUT.md.

    bench/gateway/run [--out bench/results/gateway] [--only forward idle stuck]
"""

import argparse
import datetime
import json
import pathlib
import resource
import statistics
import sys
import tempfile
import time

import proxies
from editors import Editors, StuckReader, measure

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "bench/peers"), str(ROOT / "bench")]
import machine  # noqa: E402
from progress import track  # noqa: E402

DESCRIPTORS = 20_000

STREAMS = 1_000
STREAM_PACE = "5 0"
ROUNDS = 5  # all systems, or two cases, in turn; medians count
FORWARD_LIMIT_S = 0.0005  # also what the gateway may take beyond HAProxy
IDLE = 10_000
IDLE_LIMIT_KB = 20
PING_MS = 10_000
PAIR_LIMIT = 1.25  # of medians: what two runs of the same thing may differ by
SUGGESTIONS = 300
STUCK = 200
STUCK_PACE = "20 0"
STUCK_SUGGESTIONS = 5
STUCK_WARMUP_S = 8  # by then all are stuck for seconds
STUCK_LIMIT_KB = 320  # 256 KiB may wait for each, and one delta be merged
HEALTHY = 100


class Report:
    def __init__(self):
        self.machine = machine.describe()
        self.figures = {}

    def add(self, name, value, unit, limit=None):
        passes = None if limit is None else value <= limit
        self.figures[name] = {"value": value, "unit": unit, "limit": limit, "pass": passes}
        verdict = {None: "     ", True: "pass ", False: "FALLS SHORT "}[passes]
        print(f"{verdict} {name}: {value:.4g} {unit}" + ("" if limit is None else f" (limit {limit:.4g})"), flush=True)

    def passes(self):
        return all(figure["pass"] is not False for figure in self.figures.values())

    def write(self, path):
        document = {"date": datetime.date.today().isoformat(), "machine": self.machine, "figures": self.figures}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n")
        head = f"`bench/gateway/run`, {document['date']}. {machine.in_words(self.machine)}"
        path.with_suffix(".md").write_text("\n".join([head, "", "| | | at most |", "|---|---|---|", *self.rows()]) + "\n")

    def rows(self):
        for name, figure in self.figures.items():
            limit = "" if figure["limit"] is None else f"{figure['limit']:.3g}"
            yield f"| {name} | {figure['value']:.3g} {figure['unit']} | {limit} |"


def percentile(before, after, p):
    """Of a histogram between two readings, interpolated within its bucket."""
    counts = {bound: after[bound] - before.get(bound, 0) for bound in sorted(after)}
    wanted, low, below = p * max(counts.values()), 0.0, 0.0
    for bound, count in counts.items():
        if count >= wanted:
            return bound if count == below else low + (bound - low) * (wanted - below) / (count - below)
        low, below = bound, count
    raise AssertionError("the last bucket holds all")


def frames_a_second(pace):
    return float(pace.split()[0])


def stream_once(bin_folder, proxy, seconds):
    """How old frames are that come through `proxy`: p50 and p99 in ms; for a gateway also its own p99."""
    editors = Editors(bin_folder, proxy.url, "--editors", STREAMS, "--pace", STREAM_PACE, "--seconds", seconds)
    editors.wait_line("begin")
    own = hasattr(proxy, "histogram")
    before = own and proxy.histogram("inkfleet_gateway_forward_seconds")
    figures = editors.figures()
    after = own and proxy.histogram("inkfleet_gateway_forward_seconds")
    expected = STREAMS * frames_a_second(STREAM_PACE) * seconds
    if figures["errors"] or figures["measured"] < 0.98 * expected:
        raise SystemExit(f"{proxy.url}: {figures}; {expected:.0f} frames were to come")
    delays = [figures["p50_us"] / 1e3, figures["p99_us"] / 1e3]
    return delays + [percentile(before, after, 0.99) * 1e3] if own else delays


def forward(report, bin_folder, folder, options):
    with (
        proxies.Stub(bin_folder, folder) as stub,
        proxies.haproxy(folder, stub) as haproxy,
        proxies.nginx(folder, stub) as nginx,
        proxies.Gateway(bin_folder, folder, stub) as gateway,
    ):
        systems = {"no proxy": stub, "HAProxy": haproxy, "nginx": nginx, "gateway": gateway}
        rounds = [[stream_once(bin_folder, proxy, options.seconds) for proxy in systems.values()]
                  for _ in track("rounds through all proxies", range(options.rounds))]
    medians = {name: [statistics.median(figures) for figures in zip(*runs)] for name, *runs in zip(systems, *rounds)}
    limits = {"gateway": medians["HAProxy"][1] + FORWARD_LIMIT_S * 1e3}
    for name, (p50, p99, *own) in medians.items():
        report.add(f"{name}: service to editor, p50", p50, "ms")
        report.add(f"{name}: service to editor, p99", p99, "ms", limits.get(name))
    report.add("gateway, in process: frame read to write, p99", own[0], "ms", FORWARD_LIMIT_S * 1e3)


def idle(report, bin_folder, folder, options):
    def delay(gateway):
        return measure(bin_folder, gateway.url, "--suggestions", SUGGESTIONS)["p50_us"]

    with (
        proxies.Stub(bin_folder, folder) as stub,
        proxies.Gateway(bin_folder, folder, stub, "full", ping_ms=PING_MS) as full,
        proxies.Gateway(bin_folder, folder, stub, "empty", ping_ms=PING_MS) as empty,
    ):
        delay(full), delay(empty)
        before = full.resident_kb()
        editors = Editors(bin_folder, full.url, "--editors", IDLE)
        time.sleep(2.2 * PING_MS / 1e3)
        report.add("idle editor, after two pings: resident memory", (full.resident_kb() - before) / IDLE, "KB", IDLE_LIMIT_KB)
        pairs = [(delay(full), delay(empty)) for _ in track("pairs beside idle editors", range(options.rounds))]
        report.add("suggestion beside no editors: median", statistics.median(pair[1] for pair in pairs) / 1e3, "ms")
        report.add("suggestion beside 10,000 idle editors: times as long", statistics.median(a / b for a, b in pairs), "",
                   PAIR_LIMIT)
        if editors.leave()["errors"]:
            raise SystemExit("idle editors were dropped")


def beside_stuck(bin_folder, stub, gateway, healthy, seconds):
    """What `healthy` editors measure while the streams of those that are stuck go on at full rate and none of it is written."""
    editors = Editors(bin_folder, gateway.url, *healthy)
    editors.wait_line("begin")
    sent, written = stub.sent(), gateway.forwarded()
    time.sleep(seconds)
    sent, written = stub.sent() - sent, gateway.forwarded() - written
    to_healthy = HEALTHY * frames_a_second(STREAM_PACE) * seconds
    to_stuck = STUCK * STUCK_SUGGESTIONS * frames_a_second(STUCK_PACE) * seconds
    figures = editors.figures()
    if sent < 0.95 * (to_healthy + to_stuck):
        raise SystemExit(f"the service sent {sent} frames of {to_healthy + to_stuck:.0f}: not at full rate")
    if written > 1.1 * to_healthy + 0.01 * to_stuck:
        raise SystemExit(f"{written:.0f} frames were written, {to_healthy:.0f} to those who read: some were not stuck")
    return figures


def stuck(report, bin_folder, folder, options):
    healthy = ["--editors", HEALTHY, "--pace", STREAM_PACE, "--warmup", STUCK_WARMUP_S, "--seconds", options.seconds]
    span = STUCK_WARMUP_S + options.seconds + 1

    with (
        proxies.Stub(bin_folder, folder) as stub,
        proxies.Gateway(bin_folder, folder, stub, stuck_reader_ms=600_000) as gateway,  # nobody is dropped who is measured
    ):
        measure(bin_folder, gateway.url, *healthy)
        before, most, pairs = gateway.resident_kb(), 0, []
        for _ in track("pairs beside stuck readers", range(options.rounds)):
            readers = Editors(bin_folder, gateway.url, "--editors", STUCK, "-n", STUCK_SUGGESTIONS, "--pace", STUCK_PACE,
                              "--warmup", 0, "--seconds", span)
            beside_readers = measure(bin_folder, gateway.url, *healthy)
            readers.figures()
            beside = [StuckReader(gateway.url, STUCK_PACE, STUCK_SUGGESTIONS) for _ in range(STUCK)]
            stuck_figures = beside_stuck(bin_folder, stub, gateway, healthy, options.seconds)
            most = max(most, gateway.resident_kb())
            for one in beside:
                one.close()
            pairs.append((stuck_figures["p50_us"], beside_readers["p50_us"]))
        report.add("stuck reader: resident memory at most", (most - before) / STUCK, "KB", STUCK_LIMIT_KB)
        report.add("stream beside 200 stuck readers, p50: median", statistics.median(stuck for stuck, _ in pairs) / 1e3, "ms")
        report.add("delay beside 200 stuck readers, of that beside readers: times as long",
                   statistics.median(stuck / readers for stuck, readers in pairs), "", PAIR_LIMIT)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "bench/results/gateway")
    parser.add_argument("--seconds", type=float, default=4, help="measured of each stream")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of which medians count")
    parser.add_argument("--only", nargs="+", choices=["forward", "idle", "stuck"], default=["forward", "idle", "stuck"])
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    report = Report()
    with tempfile.TemporaryDirectory(prefix="inkfleet-gateway-") as folder:
        for name in options.only:
            globals()[name](report, options.bin, pathlib.Path(folder), options)
    report.write(options.out)
    return 0 if report.passes() else 1


if __name__ == "__main__":
    raise SystemExit(main())

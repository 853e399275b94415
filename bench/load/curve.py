#!/usr/bin/env python3
"""Latency under load, of Inkfleet and of llama-server: the same open-loop arrivals and prompts at each of several rates, one
server stopped (SIGSTOP) while the other is measured.

    bench/load/curve.py --model build/models/gpt2-medium-random --llama-server PATH --gguf FILE

Without --llama-server it measures Inkfleet alone. Writes load-curve.json, .md and .svg into bench/results. Needs Python's standard
library alone.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import chart

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "bench"))
from progress import Progress, say  # noqa: E402

START_S = 300  # a large model on a slow disk
STOP_S = 30


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / "build/models/gpt2-medium-random")
    parser.add_argument("--dtype", default="int8", help="of inkfleet-model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--llama-server", type=pathlib.Path, help="the program; without it Inkfleet is measured alone")
    parser.add_argument("--gguf", type=pathlib.Path, help="the same model for llama-server")
    parser.add_argument("--llama-slots", type=int, default=40, help="suggestions llama-server computes at once")
    parser.add_argument("--llama-slot-context", type=int, default=256, help="tokens of a slot")
    parser.add_argument("--llama-arguments", default="", help="more arguments of llama-server")
    parser.add_argument("--rates", type=float, nargs="+", default=[0.25, 0.5, 1, 1.5, 2, 3, 4])
    parser.add_argument("--duration", type=float, default=60)
    parser.add_argument("--warmup", type=float, default=10)
    parser.add_argument("--prompts", type=pathlib.Path, default=ROOT / "tests/data/texts/northanger-abbey-excerpt.txt")
    parser.add_argument("--prompt-chars", type=int, default=450)
    parser.add_argument("-n", type=int, default=5)
    parser.add_argument("--max-tokens", type=int, default=40)
    parser.add_argument("--top-k", type=int, default=10)
    parser.add_argument("--deadline-ms", type=int, default=30_000)
    parser.add_argument("--slo-first-token-ms", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "bench/results")
    options = parser.parse_args()
    if options.llama_server and not options.gguf:
        parser.error("--llama-server needs --gguf FILE")
    if not (options.model / "config.json").exists():
        parser.error(f"no model in {options.model}; make one with bench/make_random_model.py")
    return options


class Server:
    """A server that computes only while it is resumed."""

    def __init__(self, name, command, log, **popen):
        self.name = name
        self.command = [str(part) for part in command]
        self.log = log
        self.process = subprocess.Popen(self.command, stderr=log.open("w"), stdin=subprocess.DEVNULL, text=True, **popen)

    def fail(self, what):
        sys.exit(f"error: {self.name} {what}:\n{self.log.read_text(errors='replace')[-2000:]}")

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        if self.process.poll() is not None:
            self.fail(f"ended with {self.process.returncode}")
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        if self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Inkfleet(Server):
    def __init__(self, options, logs):
        command = [options.bin / "inkfleet-model", "--model", options.model, "--name", "bench", "--listen", "127.0.0.1:0",
                   "--threads", options.threads, "--dtype", options.dtype]
        super().__init__(f"inkfleet {options.dtype}", command, logs / "inkfleet.log", stdout=subprocess.PIPE)
        words = [self.process.stdout.readline().split() for _ in range(2)]
        if [line[:1] for line in words] != [["listening"], ["ready"]]:
            self.fail("did not start")
        self.target = [f"ws://{words[0][1]}/bench"]


class Llama(Server):
    """With the prompt cache in memory off (-cram 0): no prompt comes twice here, and keeping them costs time. A thread
    of its HTTP server for each request that may wait."""

    def __init__(self, options, logs):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [options.llama_server, "-m", options.gguf, "--host", "127.0.0.1", "--port", port,
                   "-t", options.threads, "-tb", options.threads, "-np", options.llama_slots,
                   "-c", options.llama_slots * options.llama_slot_context, "-cb", "-cram", 0, "--threads-http", 256,
                   *shlex.split(options.llama_arguments)]
        super().__init__(f"llama-server {options.gguf.stem}", command, logs / "llama.log", stdout=subprocess.DEVNULL)
        self.target = [f"http://127.0.0.1:{port}", "--protocol", "llama"]
        self.wait_healthy(f"http://127.0.0.1:{port}/health")

    def wait_healthy(self, url):
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                pass
            if self.process.poll() is not None:
                self.fail("did not start")
            time.sleep(0.1)
        self.fail(f"is not healthy after {START_S} s")


def measure(server, rate, seed, options, folder):
    """One rate on one server: what inkfleet-bench writes."""
    file = folder / "step.json"
    file.unlink(missing_ok=True)
    command = [options.bin / "inkfleet-bench", *server.target, "--rate", rate, "--seed", seed, "--duration", options.duration,
               "--warmup", options.warmup, "--prompts", options.prompts, "--prompt-chars", options.prompt_chars,
               "-n", options.n, "--max-tokens", options.max_tokens, "--top-k", options.top_k,
               "--deadline-ms", options.deadline_ms, "--slo-first-token-ms", options.slo_first_token_ms, "--json", file]
    server.resume()
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    server.pause()
    if not file.exists():
        sys.exit(f"error: inkfleet-bench on {server.name}: {result.stderr.strip()}")
    for warning in result.stderr.splitlines():
        say(warning)
    return json.loads(file.read_text())["steps"][0]


def measure_all(options, folder):
    servers = []
    try:
        for kind in [Inkfleet, Llama] if options.llama_server else [Inkfleet]:
            servers.append(kind(options, folder))
            servers[-1].pause()
        results = {server.name: {"command": server.command, "steps": []} for server in servers}
        with Progress("rates", len(options.rates) * len(servers)) as progress:
            for index, rate in enumerate(options.rates):
                for server in servers if index % 2 == 0 else servers[::-1]:
                    # Another seed for each rate: its prompts are in no cache. The same for both servers.
                    step = measure(server, rate, options.seed + 1000 * index, options, folder)
                    results[server.name]["steps"].append(step)
                    say(row(server.name, step))
                    progress.step()
        return results
    finally:
        for server in servers:
            server.stop()


def machine():
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []

    def field(name):
        return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "")

    wanted = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8")
    return {"cpu": field("model name") or platform.processor(), "cores": os.cpu_count(),
            "instructions": [name for name in wanted if name in field("flags").split()],
            "system": platform.platform(terse=True)}


def version_of(program):
    """What a program calls itself; llama-server says it on stderr."""
    result = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False)
    lines = [line for line in (result.stdout + result.stderr).splitlines() if line.strip()]
    return next((line for line in lines if "version" in line), lines[0] if lines else "unknown")


def describe(options):
    return (f"{options.model.name}, {options.threads} threads, Poisson arrivals for {options.duration:g} s after {options.warmup:g} s of "
            f"warm-up, every prompt new ({options.prompt_chars} characters), {options.n} suggestions of {options.max_tokens} tokens, "
            f"top_k {options.top_k}, deadline {options.deadline_ms / 1000:g} s")


def describe_machine(found):
    return f"{found['cpu']}, {found['cores']} cores ({', '.join(found['instructions'])})"


def times(step, name):
    return " / ".join(f"{step[name][key]:.0f}" for key in ("p50", "p95", "p99")) if step[name] else "–"


def row(name, step):
    failed = ", ".join(f"{count} {code}" for code, count in step["errors"].items()) or "0"
    note = " (the client fell behind)" if step["client"]["fell_behind"] else ""
    return (f"| {step['rate']:g} | {name}{note} | {step['sent']} | {failed} | {step['goodput_per_s']:.2f} | {step['tokens_per_s']:.0f} "
            f"| {step['cached_share']:.0%} | {times(step, 'first_token_ms')} | {times(step, 'inter_token_ms')} "
            f"| {times(step, 'request_ms')} |")


def markdown(report, options):
    head = ["rate, 1/s", "server", "sent", "failed", f"goodput, 1/s (first token within {options.slo_first_token_ms} ms)", "tokens/s",
            "prompt cached", "first token, ms", "between tokens, ms", "whole request, ms"]
    rows = [row(name, report["servers"][name]["steps"][index])
            for index in range(len(options.rates)) for name in report["servers"]]
    commands = [f"    {shlex.join(server['command'])}" for server in report["servers"].values()]
    return "\n".join([
        "# Latency under load", "", f"{report['what']}.", f"{describe_machine(report['machine'])}, {report['date']}.",
        "Times are p50 / p95 / p99 and count from the scheduled arrival; a failed request is in no time but the first token's, if it",
        "had one. One server was stopped while the other was measured.", "", *commands, "", "![first token](load-curve.svg)", "",
        "| " + " | ".join(head) + " |", "|" + "---|" * len(head), *rows, ""])


def draw(report):
    lines = {
        name: [(step["rate"], step["first_token_ms"]["p95"], not step["errors"])
               for step in server["steps"] if step["first_token_ms"]]
        for name, server in report["servers"].items()}
    what = report["what"].split(", every")
    caption = [what[0], "every" + what[1], describe_machine(report["machine"]),
               "hollow: some requests of that rate failed, and only those that had a first token are in it"]
    return chart.Chart(lines).svg("First token under load, 95th percentile", "requests a second (open loop)",
                                  "first token from the scheduled arrival", caption)


def without_folders(command):
    """A command as others may type it: the names of files, not where they lie on this machine."""
    return [pathlib.Path(part).name if "/" in part and ":" not in part else part for part in command]


def main():
    options = arguments()
    versions = {"inkfleet": version_of(options.bin / "inkfleet-model")}
    if options.llama_server:
        versions["llama-server"] = version_of(options.llama_server)
    with tempfile.TemporaryDirectory(prefix="inkfleet-curve-") as folder:
        servers = measure_all(options, pathlib.Path(folder))
    for server in servers.values():
        server["command"] = without_folders(server["command"])
    report = {"what": describe(options), "date": datetime.date.today().isoformat(), "machine": machine(), "versions": versions,
              "slo_first_token_ms": options.slo_first_token_ms, "servers": servers}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "load-curve.json").write_text(json.dumps(report, indent=1) + "\n")
    (options.out / "load-curve.md").write_text(markdown(report, options))
    (options.out / "load-curve.svg").write_text(draw(report))
    print(f"written: {options.out}/load-curve.json, .md, .svg")


if __name__ == "__main__":
    main()

"""What bench/gpu/run found, as a table in Markdown beside what is asked for, and the article's curve as SVG."""

import importlib.util
import pathlib

CHART = pathlib.Path(__file__).resolve().parents[1] / "load" / "chart.py"
FIRST_TOKEN_MS = 100


def write(figures, out):
    parts = {name: part for name, part in figures["parts"].items() if "failed" not in part and "skipped" not in part}
    (out / "table.md").write_text("\n".join([*heading(figures), *table(parts), *notes(figures), ""]))
    rates = points(parts.get("article", {}))
    if rates:
        (out / "curve.svg").write_text(curve(rates, parts["article"]["device"]))


def heading(figures):
    machine = figures["parts"].get("machine", {})
    if figures["device"] != "cuda":
        yield "**A rehearsal on the emulated device with a tiny model: no figure here says anything of a GPU.**"
    gpu = machine.get("gpu", {})
    yield f"{gpu.get('name', 'no GPU')}, driver {gpu.get('driver_version', '-')}; {machine.get('cpu', '?')}, {machine.get('cpus', '?')} cores"
    yield ""


def table(parts):
    yield "| work | must | aim | measured |"
    yield "|---|---|---|---|"
    for work, must, aim, measured in rows(parts):
        yield f"| {work} | {must} | {aim} | {measured} |"


def rows(parts):
    yield "copy bandwidth", "", "", terabytes(parts)
    yield "batch 1 decode, share of the roofline", "≥ 0.25", "0.4, then 0.6", roofline(parts)
    yield f"prompt 100 + 100 new, open loop, p95 first token ≤ {FIRST_TOKEN_MS} ms", "≥ 500/s", "1,000/s", highest_rate(parts)
    yield "an editor's request 100 + 5 × 40, alone", "≤ 30 ms", "20 ms", request_ms(parts, 5)
    yield "n = 8 against n = 1", "≤ 1.2", "1.1", ratio(parts)
    yield "weights to the device", "", "", upload(parts)
    yield "an illegal address, until it is latched", "≤ 1 s", "", seconds(parts.get("fault", {}), "latched_seconds")
    yield "a kernel that spins, until health fails", "≤ 3 s", "", seconds(parts.get("spin", {}), "seen_seconds")
    for peer in ("transformers", "vllm"):
        yield f"{peer}: the editor's request; most requests a second", "ahead of it", "× 3", peer_words(parts.get(peer))


def terabytes(parts):
    if "bandwidth" not in parts:
        return "-"
    return f"{parts['bandwidth']['bytes_per_second'] / 1e12:.2f} TB/s"


def roofline(parts):
    batches = [batch for batch in parts.get("decode", {}).get("batches", []) if batch["batch"] == 1]
    if not batches:
        return "-"
    step = batches[0]
    words = f"{step['step_ms']:.3f} ms a step"
    if "bandwidth" not in parts:
        return words
    least = (step["weight_bytes"] + step["cache_bytes"]) / parts["bandwidth"]["bytes_per_second"]
    return f"{least / (step['step_ms'] / 1e3):.2f} ({words})"


def highest_rate(parts):
    rates = parts.get("requests", {}).get("rates", [])
    held = [rate for rate in rates if rate["first_token_ms"] and rate["first_token_ms"]["p95"] <= FIRST_TOKEN_MS and rate["all_ended"] and not rate["failed"]]
    if not held:
        return "-" if not rates else f"none: at {rates[0]['rate']:g}/s p95 is {rates[0]['first_token_ms']['p95']:.0f} ms"
    best = max(held, key=lambda rate: rate["rate"])
    return f"{best['rate']:g}/s (p50 {best['first_token_ms']['p50']:.0f} ms, p95 {best['first_token_ms']['p95']:.0f} ms)"


def of_n(parts, n):
    return next((request for request in parts.get("editor", {}).get("requests", []) if request["n"] == n), None)


def request_ms(parts, n):
    request = of_n(parts, n)
    return f"{request['request_ms']:.1f} ms" if request else "-"


def ratio(parts):
    one, eight = of_n(parts, 1), of_n(parts, 8)
    return f"{eight['request_ms'] / one['request_ms']:.2f}" if one and eight else "-"


def upload(parts):
    if "upload" not in parts:
        return "-"
    part = parts["upload"]
    return ", then ".join(f"{load['seconds']:.2f} s" for load in part["loads"]) + f" ({part['bytes'] / 1e6:.0f} MB)"


def seconds(part, key):
    value = part.get(key)
    return "-" if value is None else f"{value:.2f} s ({part.get('error') or part.get('check')})"


def peer_words(part):
    if part is None:
        return "-"
    best = max(batch["requests_per_second"] for batch in part["batches"])
    return f"{part['editor_ms']:.0f} ms; {best:.0f}/s"


def notes(figures):
    for name, part in figures["parts"].items():
        if "failed" in part or "skipped" in part:
            yield f"\n{name}: {part.get('failed') or part['skipped']}"


def points(article):
    return [rate for rate in article.get("rates", []) if rate["first_token_ms"] and rate["request_ms"]]


def curve(rates, device):
    spec = importlib.util.spec_from_file_location("chart", CHART)
    chart = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(chart)
    lines = {f"{words}, {percentile}": [(rate["rate"], rate[key][percentile], rate["all_ended"]) for rate in rates]
             for key, words in (("first_token_ms", "first token"), ("request_ms", "whole request")) for percentile in ("p50", "p95")}
    return chart.Chart(lines).svg(
        "Requests of 50 to 100 words: latency over arrival rate", "requests a second", "time from arrival",
        [f"{device}, gpt2-medium shape, 16 bit, one process, no sockets", "hollow: not all requests had ended 4 s after arrivals did"])

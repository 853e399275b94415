#!/usr/bin/env python3
"""The results as a Markdown table and as a chart; `report.py RESULTS.json` writes both again."""

import html
import json
import pathlib
import statistics
import sys

import machine

OURS = "inkfleet-int8"


def median(results, system, work):
    runs = results["systems"][system]["works"].get(work)
    return statistics.median(run["seconds"] for run in runs) if runs else None


def fastest_peer(results, work):
    """(seconds, name) of the fastest that is not ours, or None."""
    times = [(median(results, name, work), name) for name in results["systems"] if name != OURS]
    return min(((seconds, name) for seconds, name in times if seconds is not None), default=None)


def cell(seconds):
    return "–" if seconds is None else f"{seconds:.2f}"


def ratio(results, work):
    ours, peer = median(results, OURS, work), fastest_peer(results, work)
    return f"**{ours / peer[0]:.2f}** of {results['systems'][peer[1]]['title']}" if ours and peer else "–"


def line(title, cells):
    return f"| {title} | {' | '.join(cells)} |"


def systems_table(results):
    works = results["works"]
    yield line("seconds", [work["title"] for work in works])
    yield "|---|" + "---|" * len(works)
    for name, system in results["systems"].items():
        yield line(system["title"], [cell(median(results, name, work["name"])) for work in works])
    yield line("ours to the fastest peer", [ratio(results, work["name"]) for work in works])


def notes(results):
    one, eight = median(results, OURS, "n1"), median(results, OURS, "n8")
    if one and eight:
        yield f"- n=8 takes {eight / one:.2f} times as long as n=1 (ours)."
    for system in results["systems"].values():
        if system["failure"]:
            yield f"- {system['title']}: {' '.join(system['failure'].split())}"


def mb(size):
    return f"{size / 1e6:.0f} MB"


def seconds(values):
    return " / ".join(f"{value:.2f}" for value in values) + " s"


SENTENCES = {
    "typing": lambda m: [("400 tokens, 3 more typed: first token warm to cold",
                          f"{m['ratio']:.3f} ({1000 * statistics.median(m['warm_seconds']):.0f} ms to "
                          f"{1000 * statistics.median(m['cold_seconds']):.0f} ms)")],
    "growing": lambda m: [(f"a text growing from {m['opening_tokens']} to {m['final_tokens']} tokens in {m['keystrokes']} "
                           "keystrokes: share of prompt tokens cached", f"{m['cached_share']:.3f}")],
    "memory": lambda m: [("resident memory, 16 prompts of 200 tokens at once, no prefix cache",
                          f"{mb(m['peak_bytes'])} at most, {mb(m['after_bytes'])} afterwards, {mb(m['ready_bytes'])} before")],
    "start": lambda m: [("start to ready, nothing kept / kept by an earlier start",
                         seconds([m["first_seconds"], min(m["later_seconds"])]))],
    "cancel": lambda m: [(f"steps computed for a suggestion after its cancel was read, p50 / p99 / most of {m['suggestions']:.0f}",
                          f"{m['p50']:.0f} / {m['p99']:.0f} / {m['largest']:.0f}")],
    "dtypes": lambda m: [(f"5 × 40 tokens in {dtype}: median, resident memory",
                          f"{statistics.median(found['seconds']):.2f} s, {mb(found['bytes'])}") for dtype, found in m.items()],
    "perplexity": lambda m: [(f"perplexity of int8 over fp32, {name}", f"{ratio:.4f}")
                             for name, ratio in m["int8_over_fp32"].items()],
}


def ours_table(results):
    if not results["ours"]:
        return
    yield "| Inkfleet alone | |"
    yield "|---|---|"
    for name, measured in results["ours"].items():
        lines = [(name, measured["failure"])] if "failure" in measured else SENTENCES[name](measured)
        for title, value in lines:
            yield f"| {title} | {value} |"


def versions(results):
    for system in results["systems"].values():
        if system["about"]:
            yield f"- {system['title']}: `{json.dumps(system['about'], ensure_ascii=False)}`"


def markdown(results):
    lines = [f"`{results['command']}`, {results['date']}: {results['what']}.", "", machine.in_words(results["machine"]), "",
             *systems_table(results), "", *notes(results), "", *ours_table(results), "",
             "Versions and settings, as each system reports them:", "", *versions(results)]
    return "\n".join(lines) + "\n"


# The chart: a group of bars a piece of work, the fastest first, as long as the time took.

WIDTH, LEFT, RIGHT = 860, 190, 70
BAR, GAP, GROUP = 16, 4, 34
STYLE = """text { font: 13px sans-serif; fill: #222 } .title { font-weight: bold } .peer { fill: #9aa7b5 } .ours { fill: #2f6f4f }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .peer { fill: #66727f } .ours { fill: #58b58a } }"""


def bars(results, work):
    times = [(median(results, name, work["name"]), name) for name in results["systems"]]
    return sorted((time, name) for time, name in times if time is not None)


def draw_group(results, work, top):
    """The elements of one group, and where the next may begin."""
    found = bars(results, work)
    longest = max((time for time, _ in found), default=1)
    elements = [f'<text class="title" x="8" y="{top + 13}">{html.escape(work["title"])}</text>']
    y = top + 22
    for time, name in found:
        length = (WIDTH - LEFT - RIGHT) * time / longest
        title = html.escape(results["systems"][name]["title"])
        elements += [f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{title}</text>',
                     f'<rect class="{"ours" if name == OURS else "peer"}" x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}"/>',
                     f'<text x="{LEFT + length + 6:.1f}" y="{y + 12}">{time:.2f} s</text>']
        y += BAR + GAP
    return elements, y + GROUP - GAP


def svg(results):
    elements, y = [], 34
    for work in results["works"]:
        if len(bars(results, work)) > 1:
            group, y = draw_group(results, work, y)
            elements += group
    head = f'<text x="8" y="18">{html.escape(results["what"])}; shorter is faster</text>'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}">',
                      f"<style>{STYLE}</style>", head, *elements, "</svg>"]) + "\n"


def write(results, path):
    """Writes PATH.json, PATH.md and PATH.svg and returns their paths."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = {".json": json.dumps(results, indent=1, ensure_ascii=False) + "\n", ".md": markdown(results), ".svg": svg(results)}
    for suffix, text in texts.items():
        path.with_suffix(suffix).write_text(text)
    return [path.with_suffix(suffix) for suffix in texts]


if __name__ == "__main__":
    source = pathlib.Path(sys.argv[1])
    print(*write(json.loads(source.read_text()), source.with_suffix("")), sep="\n")

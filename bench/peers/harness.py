#!/usr/bin/env python3
"""Peers and Inkfleet in one run: the same weights, prompts, threads and number of new tokens, taking turns.

Each system is a process in an environment of its own (systems/, requirements/), asked one piece of work at a time and
stopped while another is asked; systems/driver.py describes what is said between them. Every piece of work is done once
without being counted and then in rounds, with new prompts each; the median of the rounds counts. What a system generated is
counted too: fewer tokens than asked for end that system's part.

Writes a JSON object, a Markdown table and a chart into bench/results/.
"""

import argparse
import datetime
import json
import os
import pathlib
import shlex
import signal
import sys

from paths import HERE, RESULTS, ROOT

sys.path.append(str(ROOT / "bench"))
import formats  # noqa: E402
import machine  # noqa: E402
import ours  # noqa: E402
import report  # noqa: E402
from process import Failure, Process  # noqa: E402
from progress import Progress, say  # noqa: E402
from work import WORKS, read_words, request  # noqa: E402

START_SECONDS = 300
WORK_SECONDS = 600
OURS = "inkfleet-int8"
QUICK_SYSTEMS = [OURS, "ctranslate2-int8", "openvino-int8"]
QUICK_WORKS = ["n5", "n32"]
TRIES = 3  # seeds, until no suggestion ends early with the end of text


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--shape", default="medium", help="small, medium, large or xl")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count()))
    parser.add_argument("--max-tokens", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="two peers, two kinds of work, nothing of ours alone")
    parser.add_argument("--systems", nargs="+", help="names of systems.json; default: all")
    parser.add_argument("--works", nargs="+", choices=[work.name for work in WORKS])
    parser.add_argument("--ours", nargs="*", choices=list(ours.MEASURES), help="measures of ours alone; default: all")
    parser.add_argument("--out", type=pathlib.Path, help="results' path without suffix; default: bench/results/peers")
    options = parser.parse_args()
    if options.quick:
        options.systems, options.works, options.ours = QUICK_SYSTEMS, QUICK_WORKS, []
    options.out = options.out or RESULTS / ("quick" if options.quick else "peers")
    return options


def configure(name, system, model, options):
    """The driver's configuration: what systems.json sets, and where things are."""
    config = {"threads": options.threads, **system["config"]}
    config["model"] = str(formats.make(system["format"], model) if "format" in system else model)
    if system["driver"].startswith("inkfleet"):
        config.update(program=str(options.bin / "inkfleet-model"), words=read_words(model))
    if system["driver"].startswith("llama"):
        programs = formats.llama_programs()
        config.update(programs=str(programs), version=programs.parent.parent.name)
    return config


class System:
    """A system in the run, from being prepared to its results; one that fails stays in the table with its reason."""

    def __init__(self, name, entry):
        self.name, self.entry = name, entry
        self.process, self.about, self.failure = None, None, None
        self.works = {}

    def start(self, model, options):
        say(f"== {self.entry['title']}")
        try:
            python = formats.environment(self.entry["environment"])
            config = configure(self.name, self.entry, model, options)
            threads = {"OMP_NUM_THREADS": str(options.threads), **self.entry.get("environment_variables", {})}
            self.process = Process(
                self.name, [python, HERE / "systems" / self.entry["driver"], json.dumps(config)], threads)
            self.about = self.process.started(START_SECONDS)
        except (formats.Unavailable, Failure) as failure:
            self.fail(failure)

    def fail(self, failure):
        self.failure = str(failure)
        say(f"{self.entry['title']}: {failure}")
        self.close()

    def close(self):
        if self.process:
            self.process.close()
            self.process = None

    def takes(self, work):
        return self.process is not None and (not work.ours_only or self.name == OURS)

    def do(self, work, asked):
        """One piece of work; again with another seed when a suggestion ended early."""
        for attempt in range(TRIES):
            answer = self.process.ask({**asked, "prompts": rotate(asked["prompts"], attempt),
                                       "seed": asked["seed"] + 100 * attempt}, WORK_SECONDS)
            generated = sum(answer["tokens"])
            if generated == work.tokens(asked["max_tokens"]):
                return {**answer, "tokens": generated}
        raise Failure(f"{generated} new tokens instead of {work.tokens(asked['max_tokens'])}")

    def result(self):
        return {"title": self.entry["title"], "config": self.entry["config"], "about": self.about,
                "failure": self.failure, "works": self.works}


def rotate(prompts, count):
    """Other prompts out of the same tokens, unknown to a prefix cache that has seen these."""
    return [prompt[count:] + prompt[:count] for prompt in prompts]


def take_turn(system, work, asked, counts):
    if not system.takes(work):
        return
    try:
        answer = system.do(work, asked)
    except Failure as failure:
        system.fail(f"{work.name}: {failure}")
        return
    if counts:
        system.works.setdefault(work.name, []).append(answer)


def measure(work, systems, words, options):
    """Round 0 warms up. The order of a round's turns moves on by one each time."""
    with Progress(f"{work.name}, turns", (options.rounds + 1) * len(systems)) as progress:
        for round_number in range(options.rounds + 1):
            asked = request(work, words, round_number, options.max_tokens)
            first = round_number % len(systems)
            for system in systems[first:] + systems[:first]:
                take_turn(system, work, asked, counts=round_number > 0)
                progress.step()
    for system in systems:
        times = [f"{run['seconds']:.2f}" for run in system.works.get(work.name, [])]
        say(f"  {work.name:10} {system.name:20} {' '.join(times) or '-'}")


def measure_systems(entries, model, options):
    """The works done, and the systems' results by name."""
    systems = [System(name, entry) for name, entry in entries.items()]
    works = [work for work in WORKS if not options.works or work.name in options.works]
    try:
        for system in systems:
            system.start(model, options)
        for work in works:
            measure(work, systems, read_words(model), options)
    finally:
        for system in systems:
            system.close()
    return [{"name": work.name, "title": work.title} for work in works], {s.name: s.result() for s in systems}


def command_line():
    """As others may type it: not where our programs lie."""
    typed = sys.argv[1:]
    if "--bin" in typed:
        at = typed.index("--bin")
        del typed[at:at + 2]
    return {(): "make bench", ("--quick",): "make bench-quick"}.get(tuple(typed), shlex.join(["bench/peers/run", *typed]))


def main():
    # As an exception, so that no driver is left behind, asleep and holding gigabytes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    options = arguments()
    began = datetime.datetime.now(datetime.timezone.utc)
    model = formats.random_model(options.shape)
    described = machine.describe()
    entries = json.loads((HERE / "systems.json").read_text())
    chosen = {name: entries[name] for name in options.systems or entries}
    works, systems = measure_systems(chosen, model, options)
    wanted = ours.MEASURES if options.ours is None else options.ours
    results = {
        "what": f"gpt2-{options.shape} shape, random weights, {options.max_tokens} new tokens each, top_k 10, "
                f"temperature 0.7, {options.threads} threads, median of {options.rounds}",
        "date": began.strftime("%Y-%m-%d"), "rounds": options.rounds, "machine": described,
        "command": command_line(), "works": works, "systems": systems,
        "ours": ours.measure(wanted, model, options)}
    results["minutes"] = round((datetime.datetime.now(datetime.timezone.utc) - began).total_seconds() / 60, 1)
    for path in report.write(results, options.out):
        say(f"wrote {path}")
    print(report.markdown(results))


if __name__ == "__main__":
    main()

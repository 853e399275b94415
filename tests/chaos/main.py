"""The chaos suite: a table of scenarios, each with the real programs, its figures and the limits they must keep.

    tests/chaos/run [--short] [--only NAME ...] [--list] [--out DIR]

A line a scenario on stdout; DIR/NAME.json beside it (build/chaos), which stays when others are run again.
"""

import argparse
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "e2e")]

import balancers
import crashes
import devices
import fair_share
import links
import measures
import saturation
from programs import ROOT
from report import Result
from stage import Stage

MODULES = (crashes, devices, balancers, links, saturation, fair_share, measures)
LONG_ONLY = measures.SCENARIOS  # the short form has them when they are named
SHORT_SLACK = 1.5
SHORT_S = 240
SCENARIOS = {scenario.__name__: scenario for module in MODULES for scenario in module.SCENARIOS}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true",
                        help="less of everything, at most 4 minutes in all, and some slack for times and rates; nothing of measures.py")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=SCENARIOS)
    parser.add_argument("--list", action="store_true", help="name the scenarios and say what they are")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "chaos")
    options = parser.parse_args()
    options.only = options.only or [name for name, scenario in SCENARIOS.items() if not (options.short and scenario in LONG_ONLY)]
    return options


def run(name: str, short: bool) -> Result:
    result = Result(name, slack=SHORT_SLACK if short else 1)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        try:
            with Stage(Path(folder)) as stage:
                SCENARIOS[name](stage, result, short)
        except Exception as failure:  # one scenario's failure must not keep the others from being run
            traceback.print_exc()
            result.error = f"{type(failure).__name__}: {failure}"
    result.seconds = time.monotonic() - begun
    return result


def main() -> int:
    options = arguments()
    if options.list:
        for name, scenario in SCENARIOS.items():
            print(f"{name:<18} {scenario.__doc__.splitlines()[0]}")
        return 0
    results = []
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chaos-cache-") as cache:
        os.environ["XDG_CACHE_HOME"] = cache  # the programs' caches are not those of whoever runs this
        for name in options.only:
            results.append(run(name, options.short))
            results[-1].write(options.out)
            print(results[-1].line(), flush=True)
            for note in [*results[-1].notes, *filter(None, [results[-1].error])]:
                print(f"    {note}", flush=True)
    ran = [result for result in results if not result.skipped]
    short_of = [result.scenario for result in ran if not result.passed]
    seconds = time.monotonic() - begun
    verdict = f"{len(ran) - len(short_of)} of {len(ran)} pass in {seconds:.0f} s"
    print(verdict + (f"; falls short: {', '.join(short_of)}" if short_of else ""))
    if options.short and seconds > SHORT_S:
        print(f"note: the short form should take at most {SHORT_S} s")
    return 1 if short_of else 0


if __name__ == "__main__":
    sys.exit(main())

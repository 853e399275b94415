"""Makes everything that runs a fleet from one list of models.

    python deploy/generate [--fleet deploy/fleet.yaml] [--out build/deploy] [hosts google kubernetes]
    python deploy/generate [--fleet deploy/fleet.yaml] --slug MODEL

Without a target: those that the file has a section for. What was generated before is replaced. --slug says what a model is called in
the names of cloud resources.
"""

import argparse
import shutil
import sys
from pathlib import Path

import gcp
import hosts
import kubernetes
from fleet import ROOT, Fleet, Wrong, check_hosts

TARGETS = {"hosts": hosts.write, "google": gcp.write, "kubernetes": kubernetes.write}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="hosts, google, kubernetes")
    parser.add_argument("--fleet", type=Path, default=ROOT / "deploy" / "fleet.yaml")
    parser.add_argument("--packages", type=Path, default=ROOT / "build" / "package", help="folder `make package` has filled")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "deploy")
    parser.add_argument("--slug", metavar="MODEL")
    return parser.parse_args()


def chosen(fleet: Fleet, options) -> list:
    targets = options.targets or [target for target in TARGETS if target in fleet.sections]
    for target in targets:
        if target not in TARGETS:
            raise Wrong(f"{target}: no such target; there are {', '.join(TARGETS)}")
        if target not in fleet.sections:
            raise Wrong(f"{options.fleet}: has no section {target}")
    if "hosts" in targets:
        check_hosts(fleet)
    return targets


def main() -> int:
    options = arguments()
    try:
        fleet = Fleet.load(options.fleet, options.packages)
        if options.slug:
            print(fleet.model(options.slug).slug)
            return 0
        for target in chosen(fleet, options):
            folder = options.out / target
            shutil.rmtree(folder, ignore_errors=True)
            TARGETS[target](fleet, folder)
            print(f"{folder}: {sum(path.is_file() for path in folder.rglob('*'))} files")
    except (Wrong, OSError) as wrong:
        print(f"error: {wrong}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

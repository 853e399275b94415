"""What everything under test is generated from, and the tools it needs: a missing one skips its tests, and is named at the end."""

import collections
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("INKFLEET_BIN", ROOT / "build" / "release" / "bin"))
GENERATE = ROOT / "deploy" / "generate"
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "tests" / "e2e"), str(GENERATE)]

MISSING = "MISSING TOOL:"
NOT_RUN = ROOT / "build" / "missing-tools"


def tool(name: str) -> str:
    """The path of a program; without it the test is skipped, and counted."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"{MISSING} {name}")
    return path


def kustomize() -> list:
    """The command that builds a folder."""
    return [shutil.which("kustomize"), "build"] if shutil.which("kustomize") else [tool("kubectl"), "kustomize"]


def pytest_terminal_summary(terminalreporter):
    reasons = [report.longrepr[2] for report in terminalreporter.getreports("skipped")]
    missing = collections.Counter(reason.partition(f"{MISSING} ")[2] for reason in reasons if MISSING in reason)
    lines = [f"{MISSING} {name}: {tests} tests were not run" for name, tests in missing.items()]
    for line in lines:
        terminalreporter.write_line(line, red=True, bold=True)
    if lines:  # for `make test`, which shows nothing of what passes
        NOT_RUN.parent.mkdir(exist_ok=True)
        NOT_RUN.write_text("".join(f"{line}\n" for line in lines))
    for report in terminalreporter.getreports("passed"):
        if report.when == "call":
            for name, value in report.user_properties:  # seconds, requests, sizes
                terminalreporter.write_line(f"{name}: {value}")


def generate(fleet: Path, out: Path, *targets: str) -> subprocess.CompletedProcess:
    """As `scripts/deploy` does it, with packages that need not exist."""
    packages = out.parent / "package"
    packages.mkdir(parents=True, exist_ok=True)
    names = [
        f"inkfleet-{program}-{version}-linux-x86_64.tar.gz" for program in ("model", "gateway") for version in ("0.1.0", "0.2.0")
    ]
    (packages / "SHA256SUMS").write_text("".join(f"{i:064x}  {name}\n" for i, name in enumerate(names)))
    command = [sys.executable, GENERATE, "--fleet", fleet, "--out", out, "--packages", packages, *targets]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def generated(fleet: Path, out: Path, *targets: str) -> Path:
    done = generate(fleet, out, *targets)
    assert done.returncode == 0, done.stderr
    return out


FLEETS = {"ours": ROOT / "deploy" / "fleet.yaml", "tricky": Path(__file__).parent / "data" / "tricky.yaml"}


@pytest.fixture(scope="session", params=FLEETS)
def fleet_file(request) -> Path:
    return FLEETS[request.param]


@pytest.fixture(scope="session")
def made(fleet_file, tmp_path_factory) -> Path:
    """Everything, of a fleet."""
    return generated(fleet_file, tmp_path_factory.mktemp("made") / "deploy")


@pytest.fixture(scope="session")
def ours(tmp_path_factory) -> Path:
    """Everything, of the project's own fleet."""
    return generated(FLEETS["ours"], tmp_path_factory.mktemp("ours") / "deploy")


@pytest.fixture(scope="session")
def packages(tmp_path_factory) -> Path:
    """Those of INKFLEET_PACKAGES, or made now."""
    if "INKFLEET_PACKAGES" in os.environ:
        return Path(os.environ["INKFLEET_PACKAGES"])
    for name in ("patchelf", "dpkg-deb", "dpkg-shlibdeps"):
        tool(name)
    out = tmp_path_factory.mktemp("packages")
    subprocess.run([ROOT / "scripts" / "package", BIN, out], check=True, timeout=600, stdout=subprocess.DEVNULL)
    return out

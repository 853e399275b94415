"""The systemd units: nothing misspelt, and little that a broken program could do. A unit is verified with the real program in place
of the installed one."""

import json
import re
import shutil
import subprocess

import pytest
from conftest import ROOT, tool

import programs

SYSTEMD = ROOT / "deploy" / "systemd"
SCORE = 3.0
UNITS = {
    "inkfleet-model@.service": "inkfleet-model@gpt2-demo.service",
    "inkfleet-gateway.service": "inkfleet-gateway.service",
    "inkfleet-saturation@.service": "inkfleet-saturation@9001.service",
    "inkfleet-find-services.service": "inkfleet-find-services.service",
}


def install(unit: str, folder, change=lambda text: text):
    """The unit as an instance of it, with programs that are there."""
    text = change((SYSTEMD / unit).read_text())
    text = re.sub(r"/opt/inkfleet/(model|gateway)/current/bin/(inkfleet-(?:model|gateway))\b", rf"{programs.BIN}/\2", text)
    text = re.sub(r"/opt/inkfleet/(model|gateway)/current/bin/", f"{ROOT}/deploy/host/", text)
    path = folder / UNITS[unit]
    path.write_text(text)
    return path


def verify(path):
    return subprocess.run(
        [tool("systemd-analyze"), "verify", "--recursive-errors=no", path],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_takes_the_unit(unit, tmp_path):
    done = verify(install(unit, tmp_path))
    assert done.returncode == 0 and UNITS[unit] not in done.stderr, done.stderr


def test_a_misspelt_key_is_not_taken(tmp_path):
    done = verify(install("inkfleet-gateway.service", tmp_path, lambda text: text.replace("WatchdogSec", "WatchdogSecs")))
    assert done.returncode != 0 and "WatchdogSecs" in done.stderr


def score(path) -> float:
    command = [tool("systemd-analyze"), "security", "--offline=true", "--json=short", f"--threshold={SCORE * 10:.0f}", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert json.loads(done.stdout)
    assert done.returncode == 0, f"above {SCORE}: {done.stderr}"
    return done.returncode


@pytest.mark.parametrize("unit", UNITS)
def test_the_sandbox_is_tight(unit, tmp_path):
    score(install(unit, tmp_path))


def test_the_sandbox_is_tight_with_a_gpu(tmp_path):
    drop_in = (SYSTEMD / "inkfleet-model-gpu.conf").read_text()
    path = install(
        "inkfleet-model@.service",
        tmp_path,
        lambda text: text.replace("[Install]", drop_in.replace("[Service]", "") + "\n[Install]"),
    )
    assert verify(path).returncode == 0
    score(path)


# Deliberate break: leave out SystemCallFilter, RestrictAddressFamilies and the Protect* keys.
def test_a_unit_without_a_sandbox_would_be_noticed(tmp_path):
    path = install(
        "inkfleet-gateway.service",
        tmp_path,
        lambda text: re.sub(r"^(Protect|Private|Restrict|System|Capability|NoNew).*\n", "", text, flags=re.MULTILINE),
    )
    with pytest.raises(AssertionError, match="above"):
        score(path)


def test_host_programs_are_sound(tmp_path):
    for script in [*(ROOT / "deploy" / "host").iterdir(), ROOT / "deploy/google/startup.sh", *(ROOT / "deploy/debian").iterdir()]:
        first = script.read_text().splitlines()[0]
        if "python3" in first:
            compile(script.read_text(), script.name, "exec")
        else:
            subprocess.run([shutil.which("bash"), "-n", script], check=True, timeout=10)

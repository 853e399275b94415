"""`scripts/deploy`, the one command: what it generates, brings to a bucket and applies. gcloud and kubectl only write down what they are told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import FLEETS, ROOT, generate

from fake_gce import TOKEN, FakeGce, served

RECORD = '#!/bin/sh\nprintf "%s" "$(basename "$0")" >>"{file}"\nprintf "|%s" "$@" >>"{file}"\necho >>"{file}"\n'
ENTRY = """
  - name: gpt2-tuned
    weights: {path: models/gpt2-demo}
    port: 9031
    device: {kind: cpu, machine_type: c3-standard-4, threads: 4}
    replicas: {min: 1, max: 3}
    scale: {signal: saturation, target: 0.6}
"""


class Command:
    """scripts/deploy with stubs in its PATH and a folder of its own."""

    def __init__(self, folder: Path):
        self.out = folder / "deploy"
        self.log = folder / "told"
        generate(FLEETS["ours"], self.out, "google")  # for the packages' checksums
        stubs = folder / "stubs"
        stubs.mkdir()
        for name in ("gcloud", "kubectl"):
            (stubs / name).write_text(RECORD.format(file=self.log))
            (stubs / name).chmod(0o755)
        self.path = f"{stubs}:{os.environ['PATH']}"
        self.file = ROOT / "build" / f"fleet-{folder.name}.yaml"  # in the tree, since paths of weights start from there
        self.file.parent.mkdir(exist_ok=True)
        self.write(FLEETS["ours"].read_text())

    def write(self, text: str) -> None:
        self.file.write_text(text)

    def run(self, *arguments, **environment) -> subprocess.CompletedProcess:
        self.log.write_text("")
        command = [ROOT / "scripts" / "deploy", *arguments, "--fleet", self.file, "--out", self.out]
        settings = {"PATH": self.path, "INKFLEET_DEPLOY_PYTHON": sys.executable, "ANSIBLE_NOCOLOR": "1"}
        return subprocess.run(
            [*command, "--packages", self.out.parent / "package"],
            env={**os.environ, **settings, **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    @property
    def told(self) -> list:
        return [line.split("|") for line in self.log.read_text().splitlines()]


@pytest.fixture
def command(tmp_path):
    made = Command(tmp_path)
    yield made
    made.file.unlink()


# Deliberate breaks: no selector for one model; no `bring_weights` on Kubernetes.
def test_kubernetes_gets_weights_and_all_or_one_model_with_what_all_share(command):
    done = command.run("kubernetes")
    assert done.returncode == 0, done.stderr
    folder = command.out / "kubernetes"
    archives = sorted(str(path) for path in (folder / "weights").iterdir())
    assert len(archives) == 3
    bring = ["gcloud", "storage", "cp", "--no-clobber", *archives, "gs://example-project-inkfleet/weights/"]
    assert command.told == [bring, ["kubectl", "apply", "-k", str(folder)]]

    command.run("kubernetes", "gpt2-demo-legal")
    selector = "inkfleet/part in (gpt2-demo-legal, gateway)"
    assert command.told == [bring, ["kubectl", "apply", "-k", str(folder), "-l", selector]]
    command.run("kubernetes", "gpt2-demo-legal", "--check")
    assert command.told == [["kubectl", "diff", "-k", str(folder), "-l", selector]]


def test_weights_of_a_store_that_is_no_bucket_are_asked_for(command):
    command.write(FLEETS["ours"].read_text().replace("  weights: gs://example-project-inkfleet", "  weights: https://weights.example.org"))
    done = command.run("kubernetes")
    assert f"https://weights.example.org/weights must have the files of {command.out}/kubernetes/weights" in done.stdout
    assert [told[0] for told in command.told] == ["kubectl"]


# Deliberate breaks: no `--slug` in scripts/deploy; `bring_packages` that leaves the checksum out.
def test_google_gets_packages_by_checksum_and_another_model_by_one_entry(command):
    fake = FakeGce()
    with served(fake) as address:
        settings = {"INKFLEET_GCP_ENDPOINT": address, "INKFLEET_GCP_TOKEN": TOKEN}
        checked = command.run("google", "--check", **settings)
        assert checked.returncode == 0 and not command.told and not fake.changes, checked.stdout + checked.stderr
        done = command.run("google", **settings)
        assert done.returncode == 0, done.stdout + done.stderr
        brought = [told[-1] for told in command.told if "/releases/" in told[-1]]
        wanted = {
            item["value"]
            for path, template in fake.store.items()
            if "/instanceTemplates/" in path
            for item in template["properties"]["metadata"]["items"]
            if item["key"] == "inkfleet-package"
        }
        assert len(wanted) == 2 and wanted <= set(brought)
        text = command.file.read_text()
        command.write(text.replace("\nhosts:\n", ENTRY + "\nhosts:\n"))
        fake.changes.clear()
        done = command.run("google", "gpt2-tuned", **settings)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not any("gpt2-demo" in path for _, path in fake.changes)
        assert any(path.endswith("/instanceGroupManagers/inkfleet-model-gpt2-tuned") for _, path in fake.changes)


@pytest.mark.parametrize("target", ["hosts", "google", "kubernetes"])
def test_a_misspelt_model_is_named_and_nothing_happens(command, target):
    done = command.run(target, "gpt2-dmeo")
    assert done.returncode == 1
    assert "gpt2-dmeo: there is no such model; there are gpt2-demo, gpt2-demo-wizards, gpt2-demo-legal" in done.stderr
    assert not command.told


def test_a_misspelt_option_shows_how_it_is_used(command):
    for arguments in (["nowhere"], ["hosts", "--chekc"], ["hosts", "a", "b"]):
        done = command.run(*arguments)
        assert done.returncode == 2 and "deploy TARGET [MODEL]" in done.stderr


def test_the_documents_entry_is_all_it_takes(command):
    """On clouds as it stands; on plain hosts too, since it says on which."""
    page = (ROOT / "docs" / "deploy.md").read_text()
    entry = page.partition("```yaml\n")[2].partition("```")[0]
    text = FLEETS["ours"].read_text().replace("\nhosts:\n", f"\n{entry}\nhosts:\n")
    command.write(text)
    assert yaml.safe_load(text)["models"][-1]["name"] == "gpt2-medium-hp-2"
    done = generate(command.file, command.out)
    assert done.returncode == 0, done.stderr
    assert "gpt2-medium-hp-2:1.env" in [path.name for path in (command.out / "hosts" / "services").rglob("*.env")]
    assert (command.out / "kubernetes" / "models" / "gpt2-medium-hp-2").is_dir()

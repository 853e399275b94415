"""The playbooks for Google Cloud against a stand-in of Compute Engine made from Google's own description of it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import FLEETS, ROOT, generated

from fake_gce import TOKEN, FakeGce, served
from gce_schema import Refused

ANSIBLE = ROOT / "ansible"
PLAY_S = 300


class Project:
    """A project in which playbooks are played."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.fake = FakeGce()
        self.fleet = yaml.safe_load(FLEETS["ours"].read_text())
        for model in self.fleet["models"]:  # small, and the test's to change
            model["weights"]["path"] = str(self.weights(model["name"]))

    def weights(self, name: str) -> Path:
        path = self.folder / "weights" / name
        path.mkdir(parents=True, exist_ok=True)
        (path / "config.json").write_text("{}")
        return path

    def generate(self) -> Path:
        file = self.folder / "fleet.yaml"
        file.write_text(yaml.safe_dump(self.fleet))
        return generated(file, self.folder / "deploy", "google") / "google"

    def play(self, playbook: str, *arguments: str, made: Path | None = None) -> subprocess.CompletedProcess:
        made = made or self.generate()
        self.fake.changes.clear()
        self.fake.refusals.clear()
        with served(self.fake) as address:
            settings = {
                "INKFLEET_GCP_ENDPOINT": address,
                "INKFLEET_GCP_TOKEN": TOKEN,
                "ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg"),
                "ANSIBLE_NOCOLOR": "1",
            }
            command = [shutil.which("ansible-playbook"), "-i", made / "inventory.yml", *arguments, ANSIBLE / f"{playbook}.yml"]
            return subprocess.run(
                command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=PLAY_S, check=False
            )

    def played(self, *arguments, **options) -> list:
        """What it changed."""
        done = self.play(*arguments, **options)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
        assert not self.fake.refusals
        return list(self.fake.changes)

    def resource(self, collection: str, name: str) -> dict:
        return next(body for path, body in self.fake.store.items() if path.endswith(f"/{collection}/{name}"))

    def group(self, name: str) -> dict:
        return self.resource("instanceGroupManagers", name)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    return Project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def fleet(project) -> Project:
    """A project in which the fleet is."""
    changes = project.played("site")
    assert len(changes) == len(json.loads((project.folder / "deploy/google/resources.json").read_text()))
    assert {verb for verb, _ in changes} == {"insert"}
    return project


# Deliberate break: let `without_host` give back what it got.
def test_a_second_run_changes_nothing_and_leaves_the_size_to_the_autoscaler(fleet):
    fleet.group("inkfleet-model-gpt2-demo")["targetSize"] = 7
    assert fleet.played("site") == []
    assert fleet.group("inkfleet-model-gpt2-demo")["targetSize"] == 7


# Deliberate breaks: templates named by their model alone; `selectattr('owner', ...)` left out of the role; rollback to the newest.
def test_other_weights_touch_their_model_alone_and_can_be_rolled_back(fleet):
    before = fleet.group("inkfleet-model-gpt2-demo")["instanceTemplate"]
    for model in ("gpt2-demo", "gpt2-demo-legal"):  # the latter is not to be deployed yet
        (fleet.folder / "weights" / model / "config.json").write_text('{"changed": true}')
    checked = fleet.play("deploy-model", "--check", "-e", "inkfleet_model=gpt2-demo")
    assert checked.returncode == 0 and "changed=1 " in checked.stdout and not fleet.fake.changes
    changes = fleet.played("deploy-model", "-e", "inkfleet_model=gpt2-demo")
    template = fleet.group("inkfleet-model-gpt2-demo")["instanceTemplate"]
    assert template != before
    assert changes == [
        ("insert", template),
        ("patch", "projects/example-project/regions/europe-west4/instanceGroupManagers/inkfleet-model-gpt2-demo"),
    ]
    assert fleet.group("inkfleet-model-gpt2-demo")["targetSize"] == 7

    changes = fleet.played("rollback", "-e", "inkfleet_model=gpt2-demo")
    assert [verb for verb, _ in changes] == ["patch"] and fleet.group("inkfleet-model-gpt2-demo")["instanceTemplate"] == before
    assert "has had no other template" in fleet.play("rollback", "-e", "inkfleet_model=gpt2-demo").stdout


# Deliberate break: `selectattr('owner', ...)` left out of the role, or 'front' out of the owners.
def test_another_model_is_one_entry(fleet):
    entry = json.loads(json.dumps(fleet.fleet["models"][1])) | {"name": "gpt2-tuned", "aliases": [], "port": 9031, "hosts": {}}
    entry["weights"] = {"path": str(fleet.weights("gpt2-tuned"))}
    (fleet.folder / "weights" / "gpt2-demo-legal" / "config.json").write_text('{"changed": "again"}')
    fleet.fleet["models"].append(entry)
    changes = fleet.played("deploy-model", "-e", "inkfleet_model=gpt2-tuned")
    touched = {path.rsplit("/", 1)[1] for _, path in changes}
    assert not any("gpt2-demo" in name for name in touched)  # not even gpt2-demo-legal, whose weights have changed
    assert {
        "inkfleet-model-gpt2-tuned",
        "inkfleet-model-gpt2-tuned-ready",
        "inkfleet-model-gpt2-tuned-live",
        "inkfleet",
    } <= touched
    rules = fleet.resource("urlMaps", "inkfleet")["pathMatchers"][0]["pathRules"]
    assert ["/gpt2-tuned", "/gpt2-tuned/*"] in [rule["paths"] for rule in rules]


# Deliberate break: a stand-in that takes fields which Google's description does not have.
def test_a_misspelt_field_fails(fleet, tmp_path):
    made = fleet.generate()
    shutil.copytree(made, tmp_path / "google")
    resources = json.loads((tmp_path / "google" / "resources.json").read_text())
    group = next(item for item in resources if item["collection"] == "instanceGroupManagers")
    group["body"]["updatePolicy"]["maxSuge"] = group["body"]["updatePolicy"].pop("maxSurge")
    (tmp_path / "google" / "resources.json").write_text(json.dumps(resources))
    done = fleet.play("site", made=tmp_path / "google")
    assert done.returncode != 0 and "maxSuge" in done.stdout
    assert any("maxSuge" in refusal for refusal in fleet.fake.refusals)


# Deliberate break: no "Delete those too", or resources deleted in the order in which they are made.
def test_destroy_leaves_nothing(fleet):
    fleet.played("destroy")
    assert fleet.fake.store == {}
    assert fleet.played("destroy") == []  # and can be said again


def test_ansible_lint_passes_its_strictest_profile():
    command = [shutil.which("ansible-lint"), "--offline", "--profile", "production", "--strict", "-q"]
    done = subprocess.run(command, cwd=ANSIBLE, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


MISTAKES = {
    "a timeout longer than its interval": ("healthChecks", lambda body: body.update(timeoutSec=60), "timeoutSec"),
    "a path that swallows its neighbours": (
        "urlMaps",
        lambda body: body["pathMatchers"][0]["pathRules"][0]["paths"].append("/gpt2*"),
        "begins with /",
    ),
    "a path that is another model's": (
        "urlMaps",
        lambda body: body["pathMatchers"][0]["pathRules"][0].update(paths=["/x"]),
        "test of /gpt2-demo",
    ),
    "a reference to nothing": (
        "backendServices",
        lambda body: body["backends"][0].update(group=body["backends"][0]["group"] + "x"),
        "was not found",
    ),
    "two health checks": ("backendServices", lambda body: body["healthChecks"].append(body["healthChecks"][0]), "health check"),
    "a surge below the number of zones": (
        "instanceGroupManagers",
        lambda body: body["updatePolicy"]["maxSurge"].update(fixed=1),
        "maxSurge",
    ),
    "a word that no enum has": ("autoscalers", lambda body: body["autoscalingPolicy"].update(mode="SOMETIMES"), "SOMETIMES"),
    "a number as text": ("healthChecks", lambda body: body.update(checkIntervalSec="5"), "integer"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_stand_in_refuses(mistake, ours):
    """It would be no proof otherwise."""
    collection, spoil, says = MISTAKES[mistake]
    fake = FakeGce()
    resources = json.loads((ours / "google" / "resources.json").read_text())
    spoilt = next(item for item in resources if item["collection"] == collection)
    spoil(spoilt["body"])
    with pytest.raises(Refused, match=says):
        for item in resources:
            collection = item["collection"].replace("globalA", "a").replace("globalF", "f")
            place = "global" if item["scope"] == "global" else f"regions/{item['scope']}"
            fake.answer("POST", f"/compute/v1/projects/example-project/{place}/{collection}", {**item["body"], **item["once"]})
    assert spoilt["body"]["name"] not in [path.rsplit("/", 1)[1] for path in fake.store if f"/{spoilt['collection']}/" in path]


def test_the_stand_in_keeps_what_is_in_use(ours):
    fake = FakeGce()
    for item in json.loads((ours / "google" / "resources.json").read_text())[:4]:
        place = "global" if item["scope"] == "global" else f"regions/{item['scope']}"
        fake.answer(
            "POST", f"/compute/v1/projects/example-project/{place}/{item['collection']}", {**item["body"], **item["once"]}
        )
    template = next(path for path in fake.store if "/instanceTemplates/" in path)
    with pytest.raises(Refused, match="already being used"):
        fake.answer("DELETE", f"/compute/v1/{template}", None)

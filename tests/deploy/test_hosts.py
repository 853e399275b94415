"""A plain fleet on a machine with systemd: installed by the playbooks, killed, hung, upgraded under load, rolled back, removed."""

import contextlib
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, generated

import machine as machines
import programs
from machine import Machine, Podman, ansible

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]  # playbooks beside the load, on two cores
FLEET = Path(__file__).parent / "data" / "machine.yaml"
MODEL, OTHER = "gpt2-demo", "gpt2-demo-legal"
SERVICES = [f"inkfleet-model@{MODEL}:{number}.service" for number in (1, 2)]
SERVERS = ["127.0.0.1:9001", "127.0.0.1:9002"]
DOORS = ["ws://127.0.0.1:8000/gpt2-demo", "ws://127.0.0.1:8000/gpt2"]  # to the services, and by way of the gateway
STEP_MS = 40  # streams of 12 s: longer than a playbook takes from a drain to a restart, and a service to drain
FORCED_DRAIN = 0x08  # HAProxy's SRV_ADMF_FDRAIN


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("machine")
    podman = Podman(folder / "podman")
    try:
        machines.image(podman, folder)
        made = Machine(podman, folder, "machine")
        try:
            yield made
        finally:
            made.close()
    finally:
        machines.close_storage(podman)


@pytest.fixture(scope="module")
def inventory(packages, tmp_path_factory) -> Path:
    """What was generated, and packages of two releases: a second one is the first under another name."""
    folder = tmp_path_factory.mktemp("fleet")
    file = ROOT / "build" / "fleet-machine.yaml"  # in the tree, since paths of weights start from there
    file.parent.mkdir(exist_ok=True)
    shutil.copy(FLEET, file)
    generated(file, folder / "deploy", "hosts")
    for program in ("model", "gateway"):
        for release in ("0.1.0", "0.1.1"):
            link = folder / "package" / f"inkfleet-{program}-{release}-linux-x86_64.tar.gz"
            link.symlink_to(next(packages.glob(f"inkfleet-{program}-*.tar.gz")).resolve())
    return folder / "deploy" / "hosts" / "inventory.yml"


@pytest.fixture(scope="module")
def play(machine, inventory):
    return lambda playbook, *arguments, **options: ansible(
        machine, inventory, ROOT / "ansible" / f"{playbook}.yml", *arguments, **options
    )


@pytest.fixture(scope="module")
def fleet(machine, play) -> Machine:
    assert play("site")["changed"] > 10
    machine.wait(lambda: all_up(machine), 60, "not all services are in rotation")
    return machine


def all_up(machine) -> bool:
    rotation = machine.rotation(f"model_{MODEL}") | machine.rotation("gateways")
    return len(rotation) == 3 and set(rotation.values()) == {"UP"}


def programs_of(machine) -> set:
    """The releases that run."""
    pids = [machine.show(unit, "MainPID")[0] for unit in [*SERVICES, "inkfleet-gateway.service"]]
    return {machine.run("readlink", f"/proc/{pid}/exe").stdout.split("/releases/")[1].split("/")[0] for pid in pids}


def suggest(machine, url: str) -> str:
    command = machine.inside(programs.BIN / "inkfleet-suggest", url, "Once upon a time", "--max-tokens", 10, "--seed", 1)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_was_installed_answers(fleet):
    assert len({suggest(fleet, door) for door in DOORS}) == 1
    assert [fleet.show(unit, "ActiveState")[0] for unit in SERVICES] == ["active", "active"]
    assert fleet.run("stat", "-c", "%U", f"/proc/{fleet.show(SERVICES[0], 'MainPID')[0]}").stdout.strip() == "inkfleet"
    assert fleet.ask("http://127.0.0.1:8000/gpt2-demo/readyz")[0] == 200


# Deliberate breaks: no "Load the firewall" or "Restart the journal" in the host's handlers, or a template without its ports.
def test_the_host_is_closed_to_strangers_and_its_journal_bounded(fleet):
    rules = fleet.run("nft", "list", "table", "inet", "inkfleet").stdout
    closed = "tcp dport { 8080, 8081, 9001, 9002 } ip saddr != @friends drop"
    assert closed in rules, rules
    assert "127.0.0.0/8" in rules
    for line in fleet.run("cat", "/etc/sysctl.d/60-inkfleet.conf").stdout.splitlines():
        if "=" in line:
            name, value = (part.strip() for part in line.split("=", 1))
            assert fleet.run("sysctl", "-n", name).stdout.split() == value.split(), name
    journal = fleet.run("systemd-analyze", "cat-config", "systemd/journald.conf").stdout
    assert "SystemMaxUse=1G" in journal


def test_a_second_run_changes_nothing(fleet, play):
    result = play("site")
    assert result["changed"] == 0, result["log"][-4000:]


def disturbed(fleet, record_property, what: str, limit: float) -> None:
    """Until both services are up again, with another process; how long it took."""
    begun = time.monotonic()
    fleet.wait(lambda: fleet.rotation(f"model_{MODEL}")[SERVERS[0]] != "UP", limit, "it does not leave the rotation")
    out = time.monotonic() - begun
    fleet.wait(lambda: all_up(fleet), limit, "it does not come back")
    record_property(f"{what}_seconds", (round(out, 1), round(time.monotonic() - begun, 1)))
    assert suggest(fleet, DOORS[0]) == suggest(fleet, DOORS[1])


# Deliberate break: Restart=no.
def test_a_killed_service_is_started_again(fleet, record_property):
    restarts = int(fleet.show(SERVICES[0], "NRestarts")[0])
    fleet.run("systemctl", "kill", "-s", "SIGKILL", SERVICES[0])
    disturbed(fleet, record_property, "killed", 30)
    assert int(fleet.show(SERVICES[0], "NRestarts")[0]) == restarts + 1


# Deliberate break: no WatchdogSec in the unit, or a watchdog that is fed whatever the verdict is.
@pytest.mark.parametrize("how", ["process", "engine"])
def test_a_hung_service_is_replaced_by_the_watchdog(fleet, record_property, how):
    take_faults(fleet)
    restarts = int(fleet.show(SERVICES[0], "NRestarts")[0])
    if how == "process":
        fleet.run("systemctl", "kill", "-s", "SIGSTOP", SERVICES[0])
    else:
        order(fleet, SERVERS[0], fault="hang_engine")
        subprocess.Popen(
            fleet.inside(programs.BIN / "inkfleet-suggest", f"ws://{SERVERS[0]}/{MODEL}", "hang"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    disturbed(fleet, record_property, f"hung_{how}", 40)
    result, now = fleet.show(SERVICES[0], "Result", "NRestarts")
    assert int(now) == restarts + 1
    assert "Watchdog timeout" in fleet.run("journalctl", "-u", SERVICES[0], "-n", "50", "--no-pager").stdout


def take_faults(fleet) -> None:
    """Has the services take faults on demand; they are restarted for it once."""
    if fleet.ask(f"http://{SERVERS[0]}/faults")[0] == 200:
        return
    folder = "/run/systemd/system/inkfleet-model@.service.d"
    fleet.run("sh", "-c", f"mkdir -p {folder} && printf '[Service]\\nEnvironment=INKFLEET_FAULTS=true\\n' > {folder}/faults.conf")
    fleet.run("systemctl", "daemon-reload")
    fleet.run("systemctl", "restart", *SERVICES)
    fleet.wait(lambda: all_up(fleet), 60, "it does not come back")


def order(fleet, server: str, **fault) -> None:
    fleet.run("curl", "-sf", "-X", "POST", "-d", json.dumps(fault), f"http://{server}/faults")


@contextlib.contextmanager
def load(fleet):
    """Writers at work, whose streams take longer than a service drains; what they got is in the list that is given, after the block."""
    take_faults(fleet)
    for server in SERVERS:
        order(fleet, server, fault="slow_steps", ms=STEP_MS)
    command = fleet.inside(sys.executable, Path(__file__).parent / "load.py", *DOORS)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "loaded\n"
        got = []
        yield got
        out, _ = process.communicate(timeout=200)
        got.append(json.loads(out))
    finally:
        process.kill()


# Deliberate breaks: KillSignal=SIGKILL in the unit, no "Put it back" in restart.yml, no `inkfleet_rollback` in rollback.yml,
# no "Remove the oldest releases" in program.yml.
@pytest.mark.parametrize(
    ("playbook", "release"), [("site", "0.1.1"), ("rollback", "0.1.0")]  # the list of models names 0.1.1 both times
)
def test_another_release_under_load_loses_nothing(fleet, play, record_property, playbook, release):
    assert programs_of(fleet) == {"0.1.0" if release == "0.1.1" else "0.1.1"}
    releases = "/opt/inkfleet/model/releases"
    fleet.run("sh", "-c", f"cd {releases} && mkdir -p 0.0.1 0.0.2 && until [ 0.0.2 -nt 0.0.1 ]; do touch 0.0.2; done")
    with load(fleet) as got:
        assert play(playbook, "-e", "inkfleet_release=0.1.1", "-e", "inkfleet_host_releases_kept=1")["changed"] > 0
        assert programs_of(fleet) == {release}
    assert set(fleet.run("ls", releases).stdout.split()) == {"0.1.0", "0.1.1", "0.0.2"}
    record_property(f"{playbook}_to_{release}", got[0])
    assert got[0]["requests"] > 10
    assert (got[0]["lost"], got[0]["different"], got[0]["broken"]) == (0, 0, 0)
    assert got[0]["handed_over"] > 0, "no stream was running when its service restarted"
    fleet.wait(lambda: all_up(fleet), 60, "not all services are in rotation")


def drained(fleet, backend: str = f"model_{MODEL}") -> list:
    """Which servers the balancer gives nobody, whatever their health is."""
    rows = [line.split() for line in fleet.balancer(f"show servers state {backend}").splitlines() if f" {backend} " in line]
    return [row[3] for row in rows if int(row[6]) & FORCED_DRAIN]


# Deliberate breaks: no "Take its services out of rotation" or no "Take its gateway ..." in drain.yml, or none that is "Put ... back"
# in service.yml or in the gateway's role.
def test_a_drained_host_is_empty_and_comes_back(fleet, play):
    play("drain", "-e", "inkfleet_host=machine")
    assert drained(fleet) == SERVERS and drained(fleet, "gateways") == ["127.0.0.1:8080"]
    units = [*SERVICES, "inkfleet-gateway.service"]
    for unit in units:
        said = fleet.run("journalctl", "-u", unit, "-n", "20", "--no-pager").stdout
        assert fleet.show(unit, "ActiveState", "Result") == ["inactive", "success"], said
    assert play("site")["changed"] > 0
    fleet.wait(lambda: all_up(fleet), 60, "not all services are in rotation")
    assert not drained(fleet) and not drained(fleet, "gateways")


# Deliberate break: no "There is one of this name" in drain.yml, or no "One of the fleet's models" in the model's role.
def test_a_misspelt_name_fails_and_changes_nothing(fleet, play):
    before = [fleet.show(unit, "MainPID") for unit in SERVICES]
    host = play("drain", "-e", "inkfleet_host=machien", fails=True)
    assert "inkfleet_host=machien: there are machine" in host["log"] and host["changed"] == 0
    model = play("deploy-model", "-e", "inkfleet_model=gpt2-dmeo", fails=True)
    assert "gpt2-dmeo: there are gpt2-demo" in model["log"] and model["changed"] == 0
    assert [fleet.show(unit, "MainPID") for unit in SERVICES] == before


# Deliberate break: no "Have it read a changed file" in the gateway's role, or `when` of "Run each service" left out.
def test_another_model_is_one_entry_and_no_other_service_notices(fleet, play, machine, inventory, tmp_path):
    with load(fleet) as got:
        pids = [fleet.show(unit, "MainPID") for unit in SERVICES]
        listed = with_another_model(inventory, tmp_path)
        result = ansible(machine, listed, ROOT / "ansible" / "deploy-model.yml", "-e", f"inkfleet_model={OTHER}")
        fleet.wait(lambda: set(fleet.rotation(f"model_{OTHER}").values()) == {"UP"}, 60, "it is not in rotation")
        assert suggest(fleet, f"ws://127.0.0.1:8000/{OTHER}") == suggest(fleet, f"ws://127.0.0.1:8080/{OTHER}")
    assert result["changed"] > 0
    assert [fleet.show(unit, "MainPID") for unit in SERVICES] == pids
    assert (got[0]["lost"], got[0]["different"], got[0]["broken"]) == (0, 0, 0)
    play("site")  # with the list as it was
    assert fleet.show(f"inkfleet-model@{OTHER}:1.service", "ActiveState") == ["inactive"]
    assert fleet.ask(f"http://127.0.0.1:8000/{OTHER}/readyz")[0] == 404


def with_another_model(inventory: Path, folder: Path) -> Path:
    fleet = yaml.safe_load(FLEET.read_text())
    another = {
        "name": OTHER,
        "aliases": [],
        "weights": {"path": f"models/{OTHER}"},
        "port": 9011,
        "replicas": {"min": 1, "max": 1},
        "hosts": {"machine": 1},
    }
    fleet["models"].append(fleet["models"][0] | another)
    fleet["models"][0]["limits"] = {"cache_mb": 128}  # which is not to be deployed yet
    file = ROOT / "build" / "fleet-machine-another.yaml"
    file.write_text(yaml.safe_dump(fleet))
    made = generated(file, folder / "deploy", "hosts")
    for package in (inventory.parents[2] / "package").glob("*.tar.gz"):
        (folder / "package" / package.name).symlink_to(package.resolve())
    return made / "hosts" / "inventory.yml"


# Deliberate break: leave the units' folders of drop-ins out of remove.yml.
def test_destroy_leaves_nothing(fleet, play):
    play("destroy")
    look = (
        "find /etc /opt /usr /var -name '*inkfleet*'; ls /etc/haproxy/haproxy.cfg /etc/haproxy/models.map; getent passwd inkfleet"
    )
    look += "; nft list tables; pgrep inkfleet"
    assert fleet.run("sh", "-c", look, check=False).stdout == ""
    assert play("destroy")["changed"] == 0  # and can be said again


def template_of(made: Path, owner: str, sums: Path) -> dict:
    """The metadata of an instance's template, with the checksum of the package that there is."""
    resources = json.loads((made / "google" / "resources.json").read_text())
    template = next(item["body"] for item in resources if item["collection"] == "instanceTemplates" and item["owner"] == owner)
    metadata = {item["key"]: item["value"] for item in template["properties"]["metadata"]["items"]}
    digests = dict(reversed(line.split()) for line in sums.read_text().splitlines())
    store, _, object_name = metadata["inkfleet-package"].rpartition("/")
    package = object_name.split("-", 1)[1]
    digest = digests[package]
    return metadata | {"inkfleet-package": f"{store}/{digest[:12]}-{package}", "inkfleet-package-sha256": digest}


def start_instance(fleet, script: str, settings: list) -> subprocess.CompletedProcess:
    command = fleet.within("env", *settings, "bash", "-s")
    return subprocess.run(command, input=script, capture_output=True, text=True, timeout=120, check=False)


# Deliberate break: no `sha256sum --check` in startup.sh, or units that are not in the package.
@pytest.mark.parametrize("owner", ["gpt2-demo", "gateway"])
def test_an_instance_of_google_cloud_starts_from_its_metadata(fleet, packages, ours, tmp_path, owner):
    metadata = template_of(ours, owner, packages / "SHA256SUMS")
    (tmp_path / "instances.json").write_text("[]")
    store = tmp_path / "buckets" / "example-project-inkfleet"
    for folder in ("releases", "weights"):
        (store / folder).mkdir(parents=True)
    for package in packages.glob("*.tar.gz"):
        name = Path(metadata["inkfleet-package"]).name if package.name in metadata["inkfleet-package"] else package.name
        (store / "releases" / name).symlink_to(package.resolve())
    for archive in (ours / "google" / "weights").iterdir():
        (store / "weights" / archive.name).symlink_to(archive.resolve())
    server = programs.Program(
        fleet.inside(sys.executable, Path(__file__).parent / "fake_google.py", tmp_path, 0), tmp_path / "google.log"
    )
    try:
        address = f"http://{server.wait_listening().address}"
        settings = [f"INKFLEET_{name}={address}" for name in ("METADATA", "STORAGE", "MONITORING", "COMPUTE")]
        fleet.run("systemctl", "set-environment", *settings)
        wrong = metadata | {"inkfleet-package-sha256": "0" * 64}
        (tmp_path / "attributes.json").write_text(json.dumps(wrong))
        refused = start_instance(fleet, metadata["startup-script"], settings)
        assert refused.returncode != 0 and "checksum did NOT match" in refused.stderr
        assert not fleet.run("find", "/opt/inkfleet", "-path", "*/releases/000000000000").stdout
        (tmp_path / "attributes.json").write_text(json.dumps(metadata))
        for _ in range(2):  # as at the next boot
            done = start_instance(fleet, metadata["startup-script"], settings)
            assert done.returncode == 0, done.stdout + done.stderr
        if owner == "gateway":
            assert fleet.ask("http://127.0.0.1:8080/readyz")[0] == 200
            assert fleet.show("inkfleet-find-services.service", "ActiveState") == ["active"]
        else:
            assert suggest(fleet, f"ws://127.0.0.1:9001/{MODEL}")
            fleet.wait((tmp_path / "series.jsonl").exists, 30, "no saturation is published")
    finally:
        server.close()

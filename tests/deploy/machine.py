"""A machine: a Debian with systemd as its first process, in a container with a network of its own that reaches nothing."""

import json
import os
import shutil
import stat
import subprocess
import time
from pathlib import Path

from conftest import tool

import debian

PACKAGES = [
    "systemd",
    "systemd-sysv",
    "dbus",
    "python3-minimal",
    "python3-apt",
    "haproxy",
    "socat",
    "curl",
    "nftables",
    "procps",
    "ca-certificates",
]
IMAGE = "docker.io/library/inkfleet-machine:1"
BOOT_S = 60

# Without a manager of cgroups, and with the limits this process has: what containers within containers allow.
CONTAINERS_CONF = """[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
events_logger = "file"
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
netns = "none"
"""
WRAPPER = """#!/bin/sh
# In the place of ssh: the last argument is the command.
for command; do :; done
exec {exec} /bin/sh -c "$command"
"""


class Podman:
    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "containers.conf").write_text(CONTAINERS_CONF)
        self.environment = {**os.environ, "CONTAINERS_CONF": str(folder / "containers.conf")}
        self.storage = ["--root", str(folder / "storage"), "--runroot", str(folder / "run"), "--storage-driver", "overlay"]

    def command(self, *arguments, program="podman") -> list:
        return [tool(program), *self.storage, *map(str, arguments)]

    def run(self, *arguments, program="podman", check=True, seconds=600, **options) -> subprocess.CompletedProcess:
        command = self.command(*arguments, program=program)
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=seconds, check=False, **options
        )
        assert done.returncode == 0 or not check, f"{command}: {done.stdout[-2000:]}{done.stderr[-3000:]}"
        return done


def image(podman: Podman, folder: Path) -> str:
    """A Debian with what the machine's roles install, since it cannot be fetched from within."""
    archive = debian.CACHE / "debian-12-machine.tar"
    if not archive.exists():
        with debian.debian_root(folder / "root") as root:
            root.run("apt-get", "update", "-q")
            root.run("apt-get", "install", "-q", "-y", "--no-install-recommends", *PACKAGES)
            root.run("systemctl", "mask", "systemd-udevd.service", "systemd-resolved.service", "haproxy.service")
            root.run("systemctl", "unmask", "haproxy.service")
            root.run("systemctl", "disable", "haproxy.service")
            new = archive.with_suffix(".new.tar")
            subprocess.run(
                ["tar", "-cf", new, "-C", root.folder, "--exclude=./proc/*", "--exclude=./sys/*", "."], check=True, timeout=300
            )
            new.rename(archive)
    podman.run("import", "--change", "STOPSIGNAL SIGRTMIN+3", "--change", 'CMD ["/lib/systemd/systemd"]', archive, IMAGE)
    return IMAGE


class Machine:
    def __init__(self, podman: Podman, folder: Path, name: str):
        self.podman = podman
        self.name = name
        podman.run("run", "--detach", "--name", name, "--privileged", "--systemd=always", "--network", "none", IMAGE)
        self.pid = int(podman.run("inspect", "--format", "{{.State.Pid}}", name).stdout)
        self.ssh = folder / "ssh"
        self.ssh.write_text(WRAPPER.format(exec=" ".join(self.within())))
        self.ssh.chmod(self.ssh.stat().st_mode | stat.S_IXUSR)
        self.wait(
            lambda: self.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded"),
            BOOT_S,
            "it does not boot",
        )

    def within(self, *command) -> list:
        """A program of that machine. (`podman exec` does the same in thirty times the time, which a playbook adds up.)"""
        namespaces = [tool("nsenter"), "-t", str(self.pid), "-m", "-u", "-i", "-n", "-p", "-r", "-w"]
        return [*namespaces, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", *command]

    def run(self, *command, check=True) -> subprocess.CompletedProcess:
        done = subprocess.run(self.within(*command), capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0 or not check, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done

    def inside(self, *command) -> list:
        """A program of this machine, in the network of that one."""
        return [tool("nsenter"), f"--net=/proc/{self.pid}/ns/net", *map(str, command)]

    def ask(self, url: str) -> tuple:
        """Status and body."""
        done = subprocess.run(
            self.inside(tool("curl"), "-s", "-m", "5", "-w", "\n%{http_code}", url),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        body, _, status = done.stdout.rpartition("\n")
        return int(status or 0), body

    def wait(self, condition, seconds: float, what: str) -> float:
        begun = time.monotonic()
        while not condition():
            assert time.monotonic() - begun < seconds, what
            time.sleep(0.05)  # it can only be asked again
        return time.monotonic() - begun

    def show(self, unit: str, *properties: str) -> list:
        return [self.run("systemctl", "show", "-P", name, unit).stdout.strip() for name in properties]

    def balancer(self, command: str) -> str:
        return self.run("sh", "-c", f"echo '{command}' | socat - UNIX-CONNECT:/run/haproxy/admin.sock").stdout

    def rotation(self, backend: str) -> dict:
        """State of each server at the balancer."""
        rows = [line.split(",") for line in self.balancer("show stat").splitlines() if line.startswith(f"{backend},")]
        return {row[1]: row[17] for row in rows if row[1] not in ("FRONTEND", "BACKEND")}

    def close(self):
        self.podman.run("rm", "--force", "--time", "5", self.name, check=False)


def close_storage(podman: Podman) -> None:
    subprocess.run(["umount", str(podman.folder / "storage" / "overlay")], check=False, capture_output=True)
    shutil.rmtree(podman.folder, ignore_errors=True)


def ansible(machine: Machine, inventory: Path, playbook: Path, *arguments: str, fails: bool = False) -> dict:
    """Plays it, with the exit status that is expected; what was ok and changed."""
    variables = {
        "ansible_ssh_executable": str(machine.ssh),
        "ansible_ssh_transfer_method": "piped",
        "ansible_ssh_pipelining": True,
        "ansible_become": False,
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    command = [shutil.which("ansible-playbook"), "-i", inventory, "-e", json.dumps(variables), *arguments, playbook]
    settings = {**machine.podman.environment, "ANSIBLE_CONFIG": str(playbook.parent / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=600, check=False)
    assert (done.returncode != 0) == fails, done.stdout[-6000:] + done.stderr[-2000:]
    recap = done.stdout[done.stdout.rindex("PLAY RECAP") :]
    return {
        key: sum(int(item.split("=")[1]) for item in recap.split() if item.startswith(f"{key}=")) for key in ("ok", "changed")
    } | {"log": done.stdout}

"""A Debian 12 with nothing in it, to install into: made once with mmdebstrap, kept in the cache, unpacked for each test."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from conftest import tool

import programs

CACHE = Path(os.environ.get("INKFLEET_CACHE") or Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "inkfleet")
MIRROR = "http://deb.debian.org/debian"
MAKE_S = 600


def base() -> Path:
    """The archive of a minimal Debian 12."""
    archive = CACHE / "debian-12-minbase.tar"
    if not archive.exists():
        new = archive.with_suffix(".new.tar")
        subprocess.run(
            [tool("mmdebstrap"), "--quiet", "--variant=minbase", "--include=ca-certificates", "bookworm", new, MIRROR],
            check=True,
            timeout=MAKE_S,
        )
        new.rename(archive)
    return archive


class Root:
    """A folder that is a Debian. What runs in it sees its own processes, and none outlives the program it was started with."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir()
        subprocess.run(["tar", "-xf", base(), "-C", folder], check=True, timeout=MAKE_S)
        shutil.copy("/etc/resolv.conf", folder / "etc")

    def inside(self, *command) -> list:
        isolated = [tool("unshare"), "--mount", "--pid", "--fork", "--kill-child=SIGTERM", f"--mount-proc={self.folder}/proc"]
        return [*isolated, tool("chroot"), str(self.folder), *map(str, command)]

    def run(self, *command, **options) -> subprocess.CompletedProcess:
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "DEBIAN_FRONTEND": "noninteractive",
            "LANG": "C.UTF-8",
            "HOME": "/root",
        }
        proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
        done = subprocess.run(
            self.inside(*command),
            env=environment | proxies,
            capture_output=True,
            text=True,
            timeout=MAKE_S,
            check=False,
            **options,
        )
        assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done

    def start(self, log: Path, *command) -> programs.Program:
        """A server of ours in it."""
        return programs.Program(self.inside(*command), log)


@contextlib.contextmanager
def debian_root(folder: Path):
    root = Root(folder)
    try:
        yield root
    finally:
        shutil.rmtree(folder)

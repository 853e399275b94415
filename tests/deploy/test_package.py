"""What `make package` makes, in a Debian 12 without toolchain: it answers a suggestion."""

import contextlib
import json
import shutil
import subprocess
import urllib.request

import pytest
from conftest import tool

import debian
import programs

pytestmark = pytest.mark.slow
MODEL = "gpt2-demo"
ASK = ("Once upon a time", "-n", 2, "--seed", 7, "--max-tokens", 20, "--json")


@pytest.fixture(params=["deb", "tarball"])
def root(request, packages, tmp_path):
    """A Debian with the programs in it, and the folders they are in."""
    tool("mmdebstrap")
    with debian.debian_root(tmp_path / "root") as root:
        root.bin = {}
        if request.param == "deb":
            root.run("apt-get", "update", "-q")
        for program in ("model", "gateway"):
            if request.param == "deb":
                file = next(packages.glob(f"inkfleet-{program}_*.deb"))
                shutil.copy(file, root.folder)
                root.run("apt-get", "install", "-q", "-y", "--no-install-recommends", f"/{file.name}")
                root.bin[program] = "/usr/bin"
            else:
                file = next(packages.glob(f"inkfleet-{program}-*.tar.gz"))
                place = root.folder / "srv" / "some where" / program
                place.mkdir(parents=True)
                subprocess.run(["tar", "-xzf", file, "-C", place], check=True, timeout=120)
                root.bin[program] = f"/srv/some where/{program}/bin"
        shutil.copytree(programs.MODELS / MODEL, root.folder / "models" / MODEL)
        assert not any((root.folder / "usr/bin" / name).exists() for name in ("cc", "gcc", "ld", "python3"))
        yield root


def answer(text: str) -> dict:
    """Texts by suggestion."""
    frames = [json.loads(line) for line in text.splitlines()]
    assert frames[-1]["type"] == "completed"
    return {
        index: "".join(frame["text"] for frame in frames if frame["type"] == "delta" and frame["index"] == index)
        for index in range(2)
    }


# Deliberate break: leave libcupti.so.13 out of the package, or the RPATH.
def test_a_packaged_fleet_answers_a_suggestion(root, tmp_path):
    with contextlib.ExitStack() as stack:
        flags = ["--model", f"/models/{MODEL}", "--name", MODEL, "--listen", "127.0.0.1:0", "--threads", 1]
        model = root.start(tmp_path / "model.log", f"{root.bin['model']}/inkfleet-model", *flags)
        stack.callback(model.close)
        model.wait_listening().wait_ready()
        config = {"listen": "127.0.0.1:0", "routes": [programs.route(MODEL, [model.address])]}
        (root.folder / "gateway.json").write_text(json.dumps(config))
        gateway = root.start(tmp_path / "gateway.log", f"{root.bin['gateway']}/inkfleet-gateway", "--config", "/gateway.json")
        stack.callback(gateway.close)
        gateway.wait_listening().wait_ready().wait_serving(MODEL)
        page = programs.BIN.parent / "share" / "inkfleet" / "page" / "index.html"
        if page.exists():
            with urllib.request.urlopen(f"http://{gateway.address}/", timeout=10) as got:
                assert got.read() == page.read_bytes()
        url = f"ws://{gateway.address}/{MODEL}"
        suggest = "/opt/inkfleet/gateway/current/bin" if root.bin["gateway"] == "/usr/bin" else root.bin["gateway"]
        packaged = answer(root.run(f"{suggest}/inkfleet-suggest", url, *ASK).stdout)
        assert all(packaged.values())
        built = programs.start_model(MODEL, tmp_path)
        stack.callback(built.close)
        built.wait_listening().wait_ready()
        assert packaged == answer(programs.run_tool("inkfleet-suggest", f"ws://{built.address}/{MODEL}", *ASK).stdout)


def test_units_and_user_come_with_the_packages(root, request):
    if root.bin["model"] != "/usr/bin":
        pytest.skip("a tarball's units are in it")
    units = root.folder / "lib/systemd/system"
    assert {"inkfleet-model@.service", "inkfleet-gateway.service"} <= {unit.name for unit in units.iterdir()}
    assert "inkfleet:" in (root.folder / "etc/passwd").read_text()
    root.run("dpkg", "--remove", "inkfleet-model", "inkfleet-gateway")
    assert not (root.folder / "opt/inkfleet/model/current").is_symlink()

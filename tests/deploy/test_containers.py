"""The images of both programs: built from the packages, run read-only and without any right, they answer a suggestion."""

import contextlib
import functools
import http.server
import json
import threading
from pathlib import Path

import pytest
from conftest import ROOT

import debian
import machine as machines
import programs
import weights
from machine import Podman

pytestmark = pytest.mark.slow
MODEL = "gpt2-demo"
BASE = "docker.io/library/debian:bookworm-slim"
LOCKED = ["--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges", "--network", "host"]


@pytest.fixture(scope="module")
def podman(packages, tmp_path_factory):
    folder = tmp_path_factory.mktemp("podman")
    podman = Podman(folder / "podman")
    try:
        podman.run("import", debian.base(), BASE)
        for program in ("model", "gateway"):
            package = next(packages.glob(f"inkfleet-{program}-*.tar.gz"))
            file = ROOT / "deploy" / "containers" / f"Containerfile.{program}"
            options = [
                "--isolation",
                "chroot",
                "--network",
                "host",
                "--pull=never",
                "--format",
                "docker",
                "--build-arg",
                f"PACKAGE={package.name}",
            ]
            podman.run("bud", *options, "-t", f"inkfleet-{program}", "-f", file, packages, program="buildah")
        yield podman
    finally:
        machines.close_storage(podman)


@pytest.fixture
def archive(tmp_path) -> Path:
    with (tmp_path / "model.tar").open("wb") as out:
        weights.write_archive(programs.MODELS / MODEL, out)
    return tmp_path / "model.tar"


@contextlib.contextmanager
def files_at(folder: Path):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def start(podman: Podman, log: Path, image: str, *arguments, options=()) -> programs.Program:
    return programs.Program(podman.command("run", "--rm", *LOCKED, *options, image, *arguments), log, env=podman.environment)


# Deliberate break: no USER in the Containerfile, or python3 installed with curl.
def test_an_image_holds_no_compiler_and_nobody_is_root(podman, record_property):
    for program in ("model", "gateway"):
        image = json.loads(podman.run("image", "inspect", f"inkfleet-{program}").stdout)[0]
        record_property(f"image_of_{program}", f"{image['Size'] / 1e6:.0f} MB")
        assert image["Config"]["User"] == "10001:10001"
        look = "ls /usr/bin/*gcc* /usr/bin/ld /usr/bin/python3 2>/dev/null; id -u"
        assert (
            podman.run("run", "--rm", *LOCKED, "--entrypoint", "/bin/sh", f"inkfleet-{program}", "-c", look).stdout == "10001\n"
        )


# Deliberate break: leave `lib` out of the image.
def test_weights_are_fetched_and_a_suggestion_is_answered(podman, archive, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    fetch = [
        "run",
        "--rm",
        *LOCKED,
        "--tmpfs",
        "/tmp",
        "-v",
        f"{folder}:/models",
        "--entrypoint",
        "/opt/inkfleet/model/current/bin/inkfleet-fetch-weights",
        "inkfleet-model",
    ]
    with files_at(tmp_path) as address:
        wrong = podman.run(*fetch, f"{address}/model.tar", "0" * 64, "/models/current", check=False)
        assert wrong.returncode == 1 and "SHA-256" in wrong.stderr and not (folder / "current").exists()
        podman.run(*fetch, f"{address}/model.tar", weights.sha256_of(programs.MODELS / MODEL), "/models/current")
    with contextlib.ExitStack() as stack:
        flags = ["--model", "/models/current", "--name", MODEL, "--listen", "127.0.0.1:0", "--threads", 1]
        model = start(
            podman,
            tmp_path / "model.log",
            "inkfleet-model",
            *flags,
            options=["--tmpfs", "/cache:mode=1777", "--tmpfs", "/tmp", "-v", f"{folder}:/models:ro"],
        )
        stack.callback(model.close)
        model.wait_listening().wait_ready()
        (tmp_path / "gateway.json").write_text(
            json.dumps({"listen": "127.0.0.1:0", "routes": [programs.route(MODEL, [model.address])]})
        )
        gateway = start(
            podman,
            tmp_path / "gateway.log",
            "inkfleet-gateway",
            options=["-v", f"{tmp_path}/gateway.json:/etc/inkfleet/gateway.json:ro"],
        )
        stack.callback(gateway.close)
        gateway.wait_listening().wait_ready().wait_serving(MODEL)
        answer = programs.run_tool("inkfleet-suggest", f"ws://{gateway.address}/{MODEL}", "Once upon a time", "--max-tokens", 10)
        assert answer.returncode == 0 and len(answer.stdout) > 20, answer.stderr
        assert gateway.terminate() == 0 and model.terminate() == 0

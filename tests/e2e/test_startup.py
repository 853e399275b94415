"""Programs that cannot start say why in one clear line and end."""

import json
import shutil
import socket

import pytest

import programs

MODEL = programs.MODELS / "gpt2-demo"
GOOD_ROUTE = programs.route("gpt2-demo", ["127.0.0.1:9"])


def complaint(*command, seconds: float = 30) -> str:
    """The line with which a program refuses to start."""
    result = programs.run_tool(*command, seconds=seconds)
    assert result.returncode not in (0, None) and result.returncode > 0, (result.returncode, result.stderr)
    lines = [line for line in result.stderr.splitlines() if "error: " in line]
    assert len(lines) == 1, result.stderr
    assert len(lines[0]) < 400
    return lines[0].partition("error: ")[2]


ENOUGH = {
    "inkfleet-model": ["--model", MODEL, "--name", "m"],
    "inkfleet-gateway": ["--config", "gateway.json"],
    "inkfleet-generate": ["--model", MODEL, "--prompt", "x"],
    "inkfleet-suggest": ["ws://127.0.0.1:9/m", "x"],
}


@pytest.mark.parametrize("program", ENOUGH)
def test_help_version_and_bad_flags(program):
    for flag in ("--help", "--version"):
        result = programs.run_tool(program, flag)
        assert result.returncode == 0 and program in result.stdout
    assert "--frobnicate" in complaint(program, *ENOUGH[program], "--frobnicate")
    complaint(program)


def model_with(tmp_path, **changes):
    """A copy of the demo model whose files are replaced: name -> bytes, or None to leave it out."""
    folder = tmp_path / "model"
    folder.mkdir()
    for path in MODEL.iterdir():
        name = path.name.replace(".", "_")
        if name not in changes:
            (folder / path.name).symlink_to(path)
        elif changes[name] is not None:
            (folder / path.name).write_bytes(changes[name])
    return folder


def model_complaint(folder, *flags) -> str:
    return complaint("inkfleet-model", "--model", folder, "--name", "m", "--listen", "127.0.0.1:0", *flags)


def config_with(**changes) -> bytes:
    return json.dumps({**json.loads((MODEL / "config.json").read_text()), **changes}).encode()


def test_a_model_folder_that_is_not_there(tmp_path):
    assert "nowhere" in model_complaint(tmp_path / "nowhere")


def test_a_file_that_is_missing(tmp_path):
    assert "config.json" in model_complaint(model_with(tmp_path, config_json=None))


def test_a_truncated_checkpoint(tmp_path):
    half = (MODEL / "model.safetensors").read_bytes()[:5_000_000]
    assert "model.safetensors" in model_complaint(model_with(tmp_path, model_safetensors=half))


@pytest.mark.parametrize("garbage", [b"", b"\0" * 100, b"hello, this is no checkpoint"])
def test_a_checkpoint_that_is_none(tmp_path, garbage):
    assert "model.safetensors" in model_complaint(model_with(tmp_path, model_safetensors=garbage))


def test_a_shape_that_does_not_fit(tmp_path):
    message = model_complaint(model_with(tmp_path, config_json=config_with(n_embd=128)))
    assert "128" in message and "256" in message


@pytest.mark.parametrize("key, value", [("activation_function", "swish"), ("n_head", 7), ("n_layer", "six"), ("model_type", "llama")])
def test_an_unsupported_value(tmp_path, key, value):
    message = model_complaint(model_with(tmp_path, config_json=config_with(**{key: value})))
    assert key in message and str(value) in message


def test_a_folder_with_only_a_pickled_checkpoint(tmp_path):
    folder = model_with(tmp_path, model_safetensors=None)
    (folder / "pytorch_model.bin").write_bytes(b"PK")
    assert "convert" in model_complaint(folder)


def test_a_port_in_use(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert address in complaint("inkfleet-model", "--model", MODEL, "--name", "m", "--listen", address)
        config = tmp_path / "gateway.json"
        config.write_text(json.dumps({"listen": address, "routes": [GOOD_ROUTE]}))
        assert address in complaint("inkfleet-gateway", "--config", config)


@pytest.mark.parametrize("address", ["", "nonsense", "127.0.0.1", "127.0.0.1:99999", "300.0.0.1:80", ":::"])
def test_an_address_that_is_none(address):
    complaint("inkfleet-model", "--model", MODEL, "--name", "m", "--listen", address)


def test_a_config_that_cannot_be_read(tmp_path):
    assert "missing.json" in complaint("inkfleet-gateway", "--config", tmp_path / "missing.json")
    assert str(tmp_path) in complaint("inkfleet-gateway", "--config", tmp_path)


@pytest.mark.parametrize(
    "config, named",
    [
        ("", "gateway.json"),
        ("{", "gateway.json"),
        ("[]", "gateway.json"),
        ({"listen": "127.0.0.1:0"}, "routes"),
        ({"listen": 5, "routes": [GOOD_ROUTE]}, "listen"),
        ({"listen": "127.0.0.1:0", "routes": {}}, "routes"),
        ({"listen": "127.0.0.1:0", "routes": [{"upstreams": ["ws://127.0.0.1:9/m"]}]}, "suffix"),
        ({"listen": "127.0.0.1:0", "routes": [{**GOOD_ROUTE, "suffix": 5}]}, "suffix"),
        ({"listen": "127.0.0.1:0", "routes": [{**GOOD_ROUTE, "upstreams": ["nonsense"]}]}, "nonsense"),
        ({"listen": "127.0.0.1:0", "routes": [GOOD_ROUTE, GOOD_ROUTE]}, "gpt2-demo"),
        ({"listen": "127.0.0.1:0", "routes": [GOOD_ROUTE], "rutes": []}, "rutes"),
    ],
)
def test_a_config_that_is_wrong(tmp_path, config, named):
    path = tmp_path / "gateway.json"
    path.write_text(config if isinstance(config, str) else json.dumps(config))
    assert named in complaint("inkfleet-gateway", "--config", path)

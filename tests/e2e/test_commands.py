"""The commands in README and documents: those of the first minutes are run as they stand, but for ports and the model's folder;
of the others every program, target and flag must be there."""

import json
import os
import re
import shlex
import signal
import subprocess

import pytest

import programs
from programs import BIN, ROOT, Program
from test_documents import TRACKED, commands

README = (ROOT / "README.md").read_text()
PROGRAMS = {"inkfleet-model", "inkfleet-gateway", "inkfleet-suggest", "inkfleet-bench", "inkfleet-generate"}
COMMAND = re.compile(r"(make |cmake |ninja |scripts/|bench/|tests/|build/|inkfleet-|[A-Z_]+=\S+ .*(scripts|bench|tests)/)")


def command_of(program: str) -> list:
    """The one command of the README that runs this program."""
    (line,) = [line for line in commands(README) if line.startswith(f"build/release/bin/{program} ")]
    return shlex.split(line)[1:]


def replaced(arguments: list, changes: dict) -> list:
    assert set(changes) <= set(arguments), arguments
    return [changes.get(argument, argument) for argument in arguments]


# Deliberate break: another flag in the README, or a key of its gateway file.
def test_your_own_model_is_served_as_the_readme_says(tmp_path):
    model = Program(["inkfleet-model", *replaced(command_of("inkfleet-model"), {
        "path/to/your-gpt2": programs.MODELS / "gpt2-demo", "127.0.0.1:9004": "127.0.0.1:0"})], tmp_path / "model.log")
    model.wait_listening().wait_ready()
    (config,) = re.findall(r"^    (\{\"listen\".*?\}\]\})$", README, re.MULTILINE | re.DOTALL)
    config = config.replace("127.0.0.1:9004", model.address).replace("127.0.0.1:8080", "127.0.0.1:0")
    (tmp_path / "gateway.json").write_text(json.dumps(json.loads(config)))
    gateway = Program(["inkfleet-gateway", *command_of("inkfleet-gateway")], tmp_path / "gateway.log", cwd=tmp_path)
    gateway.wait_listening().wait_serving("my-model")
    answer = programs.run_tool("inkfleet-suggest", f"ws://{gateway.address}/my-model", "Once", "--max-tokens", 3)
    assert answer.returncode == 0 and answer.stdout.strip(), answer.stderr
    gateway.close()
    model.close()


# Deliberate break: another model's name in the README.
def test_the_demo_answers_the_readmes_suggestion():
    # What is built is what is under test.
    command = ["make", "--old-file=build", "demo", f"BIN={BIN}", "PORT=0"]
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True)
    try:
        address = next(found[0] for line in demo.stdout if (found := re.findall(r"http://(127\.0\.0\.1:\d+)", line)))
        arguments = [argument.replace("127.0.0.1:8080", address) for argument in command_of("inkfleet-suggest")]
        answer = programs.run_tool("inkfleet-suggest", *arguments)
        assert answer.returncode == 0 and len(answer.stdout.splitlines()) >= 3, answer.stderr
    finally:
        os.killpg(demo.pid, signal.SIGINT)  # as a terminal does
        demo.communicate(timeout=60)


# Deliberate break: keys of 9 bytes instead of 33.
def test_keys_drawn_as_the_document_says_are_taken(tmp_path):
    security = (ROOT / "docs/security.md").read_text()
    drawn = [line for line in commands(security) if "openssl rand" in line or line.startswith('echo "$key"')]
    assert len(drawn) == 3
    subprocess.run(["bash", "-euc", "\n".join(drawn)], cwd=tmp_path, check=True)
    for file in ("keys.txt", "service-keys"):
        model = programs.start_model("gpt2-demo", tmp_path, extra=["--key-file", tmp_path / file])
        model.wait_listening().wait_ready()
        (tmp_path / "mine").write_text((tmp_path / file).read_text().split()[1])
        arguments = [f"ws://{model.address}/gpt2-demo", "Once", "--max-tokens", "2"]
        assert programs.run_tool("inkfleet-suggest", *arguments).returncode != 0
        answer = programs.run_tool("inkfleet-suggest", *arguments, "--key-file", tmp_path / "mine")
        assert answer.returncode == 0, answer.stderr
        model.close()
    serve_by_its_lines(security, tmp_path)


def serve_by_its_lines(security: str, folder):
    """The service and the gateway with the keys just drawn."""
    service, gateway = ([shlex.split(line) for line in commands(security) if line.startswith(program)][0]
                        for program in ("inkfleet-model", "inkfleet-gateway"))
    flags = ["--model", programs.MODELS / "gpt2-demo", "--name", "gpt2-demo", "--listen", "127.0.0.1:0"]
    model = Program([service[0], *flags, *service[service.index("...") + 1 :]], folder / "model.log", cwd=folder)
    model.wait_listening().wait_ready()
    config = {"listen": "127.0.0.1:0", "routes": [programs.route("gpt2-demo", [model.address])], "upstream_key_file": "upstream-key"}
    (folder / "gateway.json").write_text(json.dumps(config))
    front = Program(gateway, folder / "gateway.log", cwd=folder).wait_listening().wait_serving("gpt2-demo")
    answer = programs.run_tool("inkfleet-suggest", f"ws://{front.address}/gpt2-demo", "Once", "--max-tokens", "2")
    assert answer.returncode == 0, answer.stderr
    front.close()
    model.close()


def every_command():
    for file in TRACKED:
        for line in commands((ROOT / file).read_text()):
            if COMMAND.match(line):
                yield from ((file, part) for part in re.split(r"&&|;", line))


def has_flags(help_text: str, words: list):
    for flag in (word for word in words if re.match(r"--?[a-z]", word)):
        assert re.search(rf"(?<![\w-]){re.escape(flag)}(?![\w-])", help_text), flag


def targets() -> str:
    return subprocess.run(["ninja", "-C", BIN.parent, "-t", "targets", "all"], capture_output=True, text=True, check=True).stdout


def check_script(path, words: list):
    assert os.access(path, os.X_OK), path
    sources = "".join(file.read_text() for file in path.parent.iterdir() if file.is_file() and file.suffix in ("", ".py"))
    has_flags(sources, words[: words.index("--")] if "--" in words else words)


# Deliberate break: a flag, a target or a path in a document that is not there.
@pytest.mark.parametrize("file, command", list(every_command()))
def test_what_a_command_names_is_there(file, command):
    words = [word for word in shlex.split(command) if not re.match(r"[A-Z_]+=|\$\(|-m$", word)]
    if not words or words[0] in ("done", "pytest"):
        return
    program, arguments = words[0], words[1:]
    name = program.rpartition("/")[2]
    if program == "make":
        for target in (word for word in arguments if "=" not in word):
            subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, check=True)
    elif program == "ninja":
        assert all(f"{target}: " in targets() for target in arguments if not target.startswith(("-", "build/"))), command
    elif program == "cmake":
        presets = (ROOT / "CMakePresets.json").read_text()
        for preset in re.findall(r"--preset (\S+)", command):
            assert f'"name": "{preset}"' in presets, preset
    elif name in PROGRAMS:
        has_flags(programs.run_tool(name, "--help").stdout, arguments)
    elif program.startswith("build/"):
        assert f"bin/{name}: " in targets(), command
    elif (ROOT / program).exists() and "/" in program:
        check_script(ROOT / program, arguments)

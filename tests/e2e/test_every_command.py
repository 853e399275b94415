"""Every command of README and documents is in one of these tables: it is run here, as it stands but for addresses and for how long it
takes, or by a test that is named, or it says why no test runs it. What it writes goes to a folder that looks like the project's."""

import json
import os
import re
import subprocess

import openai
import pytest

import programs
import test_commands
from programs import BIN, ROOT
from test_documents import TRACKED, commands

FILES = [file for file in TRACKED if file != "CHANGELOG.md" and not file.startswith("bench/results/")]
SERVICE, GATEWAY = "127.0.0.1:9001", "127.0.0.1:8080"

# What is changed in it, and what its output must hold.
RUN = {
    "tests/chaos/run --list": ({}, "kill"),
    'inkfleet-suggest ws://127.0.0.1:8080/gpt2-demo "The old castle"': ({}, " "),
    'build/release/bin/inkfleet-suggest ws://127.0.0.1:8080/gpt2-demo-wizards "Once upon a time" -n 3': ({}, "2\t"),
    "INKFLEET_BIN=$PWD/build/release/bin $(scripts/test-env) -m pytest tests/e2e/test_suggest.py": (
        {"-m pytest": "-m pytest --collect-only"},
        "tests collected",
    ),
    "inkfleet-bench ws://127.0.0.1:9001/gpt2-demo --rate 2 --rate 4 --rate 8"
    " --prompts tests/data/texts/northanger-abbey-excerpt.txt --json load.json": (
        {"--rate 2": "--warmup 0 --duration 1 --rate 2"},
        "goodput/s",
    ),
    "build/release/bin/fuzz_NAME tests/fuzz/regressions/NAME": ({"NAME": "safetensors"}, ""),
}
# In the order of the document, one service for all.
FAULTS = {
    """curl -X POST localhost:9001/faults -d '{"fault": "hang_engine"}'""": ["hang_engine"],
    "curl localhost:9001/faults": ["hang_engine"],
    "curl -X DELETE localhost:9001/faults": [],
}
README_KEYS = [line for line in commands((ROOT / "docs/security.md").read_text()) if "key" in line and not line.startswith('"')]
RUN_BY_TEST = {
    test_commands.test_the_demo_answers_the_readmes_suggestion: ["make demo"],
    test_commands.test_your_own_model_is_served_as_the_readme_says: [
        "build/release/bin/inkfleet-model --model path/to/your-gpt2 --name my-model --listen 127.0.0.1:9004",
        "build/release/bin/inkfleet-gateway --config gateway.json",
    ],
    test_commands.test_keys_drawn_as_the_document_says_are_taken: [*README_KEYS, "inkfleet-gateway --config gateway.json"],
}
RUN_ELSEWHERE = {
    "tests/e2e/CMakeLists.txt": ["make test"],  # which is what runs this
    "tests/deploy/CMakeLists.txt": ['tests/deploy/run -m "not slow"'],
    "tests/deploy/test_generate.py": ["$(scripts/deploy-env) deploy/generate"],
    "tests/deploy/test_command.py": [
        *("scripts/deploy google", "scripts/deploy kubernetes", "scripts/deploy kubernetes NAME", "scripts/deploy TARGET NAME"),
    ],
    "tests/deploy/test_containers.py": [
        f"podman build -f deploy/containers/Containerfile.{program} --build-arg PACKAGE=inkfleet-{program}-0.1.0-linux-x86_64.tar.gz"
        f" -t registry.example.org/inkfleet/inkfleet-{program}:0.1.0 build/package"
        for program in ("model", "gateway")
    ],
    "tests/page/units": ["npm test -w clients/js", "npm ci && npm run build -w clients/js"],
    "tests/e2e/test_health.py": ["inkfleet-model --faults"],
}
NOT_RUN = {
    "it compiles for minutes": [
        *("make build", "make page", "make test-sanitized", "make test-threads", "make test-asan-service"),
        "cmake --preset dev && cmake --build --preset dev --target test_engine && build/dev/bin/test_engine",
        "cmake -DINKFLEET_ENGINE_ONLY=ON",
        "ninja -C build/release perplexity",
        "ninja -C build/release profile_step",
        "ninja -C build/release profile_floor && build/release/bin/profile_floor 2",
        "cmake --build --preset release --target gpu_figures",
    ],
    "it takes minutes, and nvcc": ["make gpu"],
    "it needs a GPU, or minutes for a rehearsal": [
        *("bench/gpu/gather", "bench/gpu/run", "bench/gpu/run OUT", "bench/gpu/run OUT --device emulated"),
        "build/release/bin/gpu_figures decode --model build/models/gpt2-medium-random --library build/release/bin/libinkfleet_gpu.so",
    ],
    "it takes minutes, and clang": [
        *("make fuzz", "make tidy", "make tidy-changed", "FUZZ_CPU_SECONDS=600 scripts/fuzz build/fuzz/bin"),
        "make fuzz && FUZZ_SECONDS=600 scripts/fuzz build/fuzz/bin safetensors",
    ],
    "it takes minutes": ["make chaos", "make fuzz-http", "make test-page"],
    "it needs root and containers": ["make test-deploy", "make package"],
    "it measures for minutes, peers or a large model beside": [
        *("make bench", "make bench-quick", "bench/gateway/run", "bench/page/first_token.py", "bench/load/curve.py"),
        *("bench/make_random_model.py", "bench/profile/stages.py", "bench/quality/heal.py"),
        "bench/peers/run --rounds 1 --works n5 --systems inkfleet-int8 openvino-int8 --ours --out build/try",
        "bench/peers/run --systems inkfleet-int8 ctranslate2-int8 openvino-int8 llama.cpp-q8_0",
        "bench/load/curve.py --model build/models/gpt2-medium-random --llama-server PATH --gguf FILE",
        "bench/profile/stages.py --program build/release/bin/profile_step --model build/models/gpt2-medium-random"
        " -- --threads 2 --dtype int8",
        "for model in models/gpt2-demo build/models/gpt2-medium-random; do",
        "INKFLEET_BIN=$PWD/build/release/bin $(scripts/page-env) bench/page/first_token.py --model $model; done",
    ],
    "it needs hosts, a cloud or a cluster": [
        *("scripts/deploy hosts", "scripts/deploy hosts gpt2-demo", "scripts/deploy google --fleet my.yaml --check"),
        "kubectl apply -k build/deploy/kubernetes",
    ],
    "it rewrites what is tracked": ["make format", "python tests/data/tokenizer/record.py", "tests/fuzz/make_corpus.py"],
    "it downloads": [
        "pip install aiperf==0.13.0",
        "aiperf profile --model gpt2-demo --url http://127.0.0.1:8080 --endpoint-type completions --streaming"
        " --tokenizer models/gpt2-demo --synthetic-input-tokens-mean 100 --synthetic-input-tokens-stddev 0"
        " --output-tokens-mean 40 --request-rate 8 --request-count 80 --random-seed 1",
        *("scripts/convert-pytorch-bin DIR", "scripts/fetch-node", "scripts/test-env", "npm install PATH/clients/js"),
    ],
    "it serves until it is stopped, and downloads": ["INKFLEET=http://127.0.0.1:8080 npm run dev -w web"],
}
TABLES = [RUN, FAULTS, *RUN_BY_TEST.values(), *RUN_ELSEWHERE.values(), *NOT_RUN.values()]

DATA = re.compile(r'$|[{"]')  # what is indented and no command
TOOLS = "make|cmake|ninja|npm|kubectl|curl|ansible-playbook|podman|inkfleet-[a-z]+|[A-Z_]+=[^ \"`]+"
INLINE = re.compile(rf"`((?:(?:{TOOLS}) |(?:scripts|bench|tests|build/release/bin)/)[^`]+)`")


def is_command(code: str) -> bool:
    first = code.split()[0]
    return "/" not in first or "=" in first or first.startswith("build/") or (ROOT / first).is_file() and os.access(ROOT / first, os.X_OK)


def commands_of(file: str) -> set:
    text = (ROOT / file).read_text()
    inline = {" ".join(code.split()) for code in INLINE.findall(text) if is_command(code)}
    return inline | {line for line in commands(text) if not DATA.match(line)}


# Deliberate break: a command in a document that no table has.
@pytest.mark.parametrize("file", FILES)
def test_every_command_is_run_or_says_why_not(file):
    assert [command for command in sorted(commands_of(file)) if sum(command in table for table in TABLES) != 1] == []


def test_the_tables_have_no_others():
    there = set().union(*(commands_of(file) for file in FILES))
    assert [command for table in TABLES for command in table if command not in there] == []
    assert all((ROOT / file).exists() for file in RUN_ELSEWHERE)


@pytest.fixture
def desk(tmp_path):
    """A folder with all there is, to be in: what is written stays here."""
    folder = tmp_path / "desk"
    (folder / "build" / "release").mkdir(parents=True)
    (folder / "build" / "release" / "bin").symlink_to(BIN)
    for entry in ROOT.iterdir():
        if entry.name != "build":
            (folder / entry.name).symlink_to(entry)
    return folder


def shell(desk, command: str, addresses: dict) -> str:
    for documented, address in addresses.items():
        command = command.replace(documented, address)
    environment = {**programs.ENVIRONMENT, "PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-euc", command], cwd=desk, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# Deliberate break: a flag in the document that the program does not have.
@pytest.mark.parametrize("command", RUN)
def test_a_command_runs(fleet, desk, command):
    changes, says = RUN[command]
    for old, new in changes.items():
        assert old in command
        command = command.replace(old, new)
    assert says in shell(desk, command, {GATEWAY: fleet.gateway.address, SERVICE: fleet.program("service").address})
    assert not (ROOT / "load.json").exists()


def test_faults_are_ordered_as_the_document_says(desk, tmp_path):
    service = programs.start_model("gpt2-demo", tmp_path, extra=["--faults"]).wait_listening().wait_ready()
    for command, active in FAULTS.items():
        assert json.loads(shell(desk, command, {"localhost:9001": service.address})) == {"active": active}
    service.close()


# Deliberate break: a parameter in the document that is refused.
def test_openais_client_is_used_as_the_document_says(fleet):
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/protocol.md").read_text(), re.DOTALL)
    assert GATEWAY in example
    first, last = example.replace(GATEWAY, fleet.gateway.address).strip().splitlines()
    names = {"openai": openai}
    exec(first, names)
    assert len(eval(last, names).choices) == 3

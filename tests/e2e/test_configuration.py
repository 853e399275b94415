"""docs/configuration.md says what the programs take: each flag that --help lists, with its default, and each key of the gateway's
file."""

import json
import re

import pytest

import programs
from programs import ROOT

DOCUMENT = (ROOT / "docs" / "configuration.md").read_text()
FLAG = re.compile(r"`(--[\w-]+)")
OPTION = re.compile(
    r"^  (?:-\w,)?(?P<flag>--[\w-]+)(?: [A-Z]+(?::(?:\w+ in )?(?:\[.*?\]|\{.*?\}|\w+))?(?:=(?P<default>\S+))?)?(?P<rest>.*)$", re.MULTILINE
)
ROW = re.compile(r"^\| (?P<names>`[^|]*) \| (?P<default>[^|]*) \|", re.MULTILINE)
NONE = {"none", "off", "same host", "required"}


def section(title: str) -> str:
    return re.split(r"^#+ ", DOCUMENT.split(f"# {title}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]


def rows(title: str) -> dict:
    """The second column, mostly defaults, by name of a section's table."""
    return {name: row["default"] for row in ROW.finditer(section(title)) for name in re.findall(r"`([^`]+)`", row["names"])}


def options(program: str) -> dict:
    """The defaults by flag, None where --help tells none, as --help has them; each with its environment variable."""
    told = programs.run_tool(program, "--help").stdout.split("\nOptions:\n")[1]
    found = {}
    for option in OPTION.finditer(told):
        if option["flag"] not in ("--help", "--version"):
            assert f"(Env:INKFLEET_{option['flag'][2:].replace('-', '_').upper()})" in option["rest"], option["flag"]
            found[option["flag"]] = option["default"]
    return found


def test_the_document_has_each_flag_of_a_service_with_its_default():
    limits = {f"--{name.replace('_', '-')}": default for name, default in rows("Limits of a server").items()}
    limits.update(re.findall(r"`(--[\w-]+)` is (\d+) here", section("inkfleet-model")))
    both = {name: default for name, default in rows("Both servers").items() if name not in ("--version", "--help")}
    documented = {**both, **rows("inkfleet-model"), **limits}
    taken = options("inkfleet-model")
    assert documented.keys() == taken.keys()
    for flag, default in taken.items():
        if default is not None:
            assert re.match(r"[\w.]+", documented[flag].strip("`"))[0] == default, flag
        elif flag not in ("--listen", "--packed-cache"):  # whose defaults are told in words
            assert documented[flag].strip("`") in NONE, flag


def test_the_document_has_each_flag_of_the_gateway():
    taken = options("inkfleet-gateway")
    first = section("inkfleet-gateway").split("FILE is JSON")[0]
    assert {*FLAG.findall(first), "--log-level", "--log-format"} == taken.keys()


@pytest.mark.parametrize("program", ["inkfleet-suggest", "inkfleet-generate", "inkfleet-bench"])
def test_the_document_has_each_flag_of_a_tool(program):
    documented = set(FLAG.findall(section(program)))
    taken = options(program).keys() - {"--listen", "--admin-listen", "--log-level", "--log-format"}
    assert taken <= documented
    assert documented <= options(program).keys(), "a flag that is none"


PARTS = {"auth": {"key_file": "keys"}, "tls": {"certificate": "cert", "key": "key"}, "limits": {}}


def keys_taken(folder, part: str = "") -> set:
    """What the gateway says it knows in this part of its file when it is given a key that it does not."""
    route = {"suffix": "/m", "upstreams": ["ws://127.0.0.1:9/m"]}
    config = {"routes": [route], **({part: PARTS[part]} if part in PARTS else {})}
    {"": config, "routes[]": route}.get(part, config.get(part))["nonsense"] = 1
    (folder / "gateway.json").write_text(json.dumps(config))
    ran = programs.run_tool("inkfleet-gateway", "--config", folder / "gateway.json")
    assert ran.returncode == 1
    known = re.search(r"expected one of the keys (.*), found", ran.stderr)[1].split(", ")
    return {f"{part}.{key}" if part else key for key in known}


# Deliberate break: a line of the document that is left out.
def test_the_document_has_each_key_of_the_gateways_file(tmp_path):
    documented = rows("inkfleet-gateway").keys()
    others = re.findall(r"`(\w+)`", re.search(r"^\| `limits` \|.*", DOCUMENT, re.MULTILINE)[0])
    limits = {f"limits.{name}" for name in [*rows("Limits of a server"), *others] if name != "limits"}
    taken = keys_taken(tmp_path).union(*(keys_taken(tmp_path, part) for part in ["routes[]", *PARTS]))
    assert documented | limits == taken - {"routes", *PARTS} | {"limits"}

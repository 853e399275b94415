"""The documents agree with each other: what is in one language is in the other, and what a link names is there."""

import re
import subprocess

import pytest

from programs import ROOT

TRACKED = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
LINK = re.compile(r"\]\(([^)\s]+)\)")


def commands(text: str) -> list:
    """Lines of shell, and of what is only indented, without their comments."""
    lines, language = [], None
    for line in text.splitlines():
        if line.startswith("```"):
            language = line[3:] if language is None else None
        elif language == "sh" or (language is None and line.startswith("    ")):
            lines.append(re.sub(r" +# .*", "", line).strip())
    return lines


# Deliberate break: a command, a link or a figure of the table that is changed in one of them.
def test_the_readme_says_the_same_in_chinese():
    english, chinese = ((ROOT / name).read_text() for name in ("README.md", "README.zh.md"))
    assert commands(english) == commands(chinese)
    assert sorted(set(LINK.findall(english)) - {"README.zh.md"}) == sorted(set(LINK.findall(chinese)) - {"README.md"})
    assert re.findall(r"^\| .* \| ([\d.]+) \|$", english, re.MULTILINE) == re.findall(r"^\| .* \| ([\d.]+) \|$", chinese, re.MULTILINE)
    for mark in ("^## ", "^- \\*\\*", "^\\| ", "`[^`]+`"):
        assert len(re.findall(mark, english, re.MULTILINE)) == len(re.findall(mark, chinese, re.MULTILINE)), mark


def anchors(text: str) -> set:
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


# Deliberate break: a heading that others link to is renamed.
@pytest.mark.parametrize("file", TRACKED)
def test_links_lead_somewhere(file):
    for link in LINK.findall((ROOT / file).read_text()):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / file).parent / path if path else ROOT / file
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target.read_text()), link

"""Packed int8 weights are kept for the next start."""

import pytest

import programs
from editor import Editor

FIELDS = dict(n=2, max_tokens=12, seed=3, temperature=0.9)


@pytest.fixture
def start(tmp_path):
    """Starts a service of int8, asks it something, stops it; returns the log and the tokens."""

    def start(*flags):
        log = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        log.mkdir()
        program = programs.start_model("gpt2-demo", log, extra=["--dtype", "int8", *flags])
        try:
            program.wait_listening().wait_ready()
            with Editor(f"ws://{program.address}/gpt2-demo") as editor:
                tokens = editor.complete("The old castle", **FIELDS).tokens
        finally:
            program.close()
        return program.errors(), tokens

    return start


def test_the_second_start_takes_what_the_first_packed(start, tmp_path):
    cache = tmp_path / "packed"
    log, expected = start("--packed-cache", cache)
    assert "weights packed in" in log and f"kept in {cache}" in log
    log, tokens = start("--packed-cache", cache)
    assert f"packed weights taken from {cache}" in log and "weights packed in" not in log
    assert tokens == expected

    (file,) = cache.iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    log, tokens = start("--packed-cache", cache)
    assert f"{file}: not used" in log and tokens == expected
    assert f"packed weights taken from {file}" in start("--packed-cache", cache)[0]


def test_nothing_is_kept_when_that_is_off(start, tmp_path):
    log, _ = start("--packed-cache", "off")
    assert "weights packed in" in log and "not kept" in log
    blocked = tmp_path / "file"
    blocked.write_text("")
    log, _ = start("--packed-cache", blocked / "below")
    assert "not kept" in log


def test_the_default_folder_is_the_users_cache(start, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    start()
    assert [path.suffix for path in (tmp_path / "home/inkfleet/packed").iterdir()] == [".packed"]

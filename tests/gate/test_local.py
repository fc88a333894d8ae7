"""The command line finds a running server by a file that is its user's alone."""

import stat
from pathlib import Path

from authdeck.gate import local


def test_it_works(tmp_path: Path) -> None:
    token = local.write(tmp_path, "http://127.0.0.1:8417", "boot1")
    running = local.read(tmp_path)
    assert running is not None
    assert (running.address, running.boot, running.token) == ("http://127.0.0.1:8417", "boot1", token)
    assert token.open() not in repr(running)
    assert stat.S_IMODE((tmp_path / "run" / "server.json").stat().st_mode) == 0o600


def test_each_boot_has_a_token_of_its_own(tmp_path: Path) -> None:
    assert local.write(tmp_path, "http://127.0.0.1:1", "boot1") != local.write(tmp_path, "http://127.0.0.1:1", "boot2")


def test_a_stopped_server_takes_its_file_away(tmp_path: Path) -> None:
    local.write(tmp_path, "http://127.0.0.1:1", "boot1")
    local.remove(tmp_path, "boot1")
    assert local.read(tmp_path) is None
    local.remove(tmp_path, "boot1")


def test_it_leaves_the_file_of_the_server_that_came_after(tmp_path: Path) -> None:
    local.write(tmp_path, "http://127.0.0.1:1", "boot2")
    local.remove(tmp_path, "boot1")
    assert local.read(tmp_path) is not None


def test_a_file_that_others_may_read_is_not_believed(tmp_path: Path) -> None:
    local.write(tmp_path, "http://127.0.0.1:1", "boot1")
    (tmp_path / "run" / "server.json").chmod(0o644)
    assert local.read(tmp_path) is None


def test_a_file_that_says_nothing_is_no_server(tmp_path: Path) -> None:
    local.write(tmp_path, "http://127.0.0.1:1", "boot1")
    for text in ("", "[]", "{}", '"', '{"address": 1}'):
        (tmp_path / "run" / "server.json").write_text(text)
        assert local.read(tmp_path) is None

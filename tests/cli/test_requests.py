"""``authdeck requests`` as people call it: a file out and in, and live."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from authdeck.clock import SystemClock, to_micros
from authdeck.event import RequestEvent
from authdeck.ids import new_request_id
from authdeck.operations.requests_file import line
from cli.conftest import PATIENCE, Shell


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """300 requests of the last minutes."""
    now_ms = to_micros(SystemClock().now()) // 1000
    events = [_event(now_ms - 1000 * place) for place in range(300)]
    path = tmp_path / "requests.jsonl"
    path.write_bytes(b"".join(line(event) for event in events))
    return path


def _event(at_ms: int, **fields: Any) -> RequestEvent:
    return RequestEvent(new_request_id(at_ms), at_ms, "/v1/responses", **{"model": "gpt-5", "status": 200, **fields})


def test_it_works(alone: Shell, file: Path, tmp_path: Path) -> None:
    assert "300 added, 0 known" in alone.ok("requests", "import", file).out
    assert "0 added, 300 known" in alone.ok("requests", "import", file).out
    out = tmp_path / "out.jsonl"
    assert "Wrote 300 requests" in alone.ok("requests", "export", out).err
    assert out.read_bytes() == file.read_bytes()
    assert out.stat().st_mode & 0o777 == 0o600
    again = alone.run("requests", "export", out)
    assert (again.code, "there already" in again.err) == (2, True)
    assert alone.ok("requests", "export", "-", "--model", "another").out == ""


def test_a_file_with_mistakes_says_where(alone: Shell, file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"nonsense\n")
    said = alone.run("requests", "import", file)
    assert said.code == 1
    assert "300 added" in said.out
    assert "Line 301:" in said.err


@pytest.fixture
def served(alone: Shell) -> Iterator[Shell]:
    with alone.serving():
        yield alone


def test_at_a_terminal_it_says_how_far_it_is(alone: Shell, file: Path, tmp_path: Path) -> None:
    shown = alone.at_a_terminal("requests", "import", file)
    assert "Importing" in shown
    assert "100%" in shown
    shown = alone.at_a_terminal("requests", "export", tmp_path / "out.jsonl")
    assert "Exporting" in shown
    assert "300/?" in shown


@pytest.fixture
def following(served: Shell) -> "Iterator[subprocess.Popen[str]]":
    """A command that follows the server of the home, until the test ends."""
    environment = {**os.environ, "AUTHDECK_HOME": str(served.home)}
    command = [str(Path(sys.executable).with_name("authdeck")), "requests", "--follow", "--json"]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, text=True, preexec_fn=_heeds_interrupts  # noqa: PLW1509 - this process has few threads
    )  # fmt: skip
    with process:
        yield process
        process.send_signal(signal.SIGINT)
    assert process.returncode == 0


def _heeds_interrupts() -> None:
    """What a shell starts in the background ignores them, and so does what that starts: these tests, for one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_it_follows_until_it_is_told_to_stop(served: Shell, following: "subprocess.Popen[str]", tmp_path: Path) -> None:
    """Requests that come in are shown; one that is sent until the first shows, since nobody says when it listens."""
    assert following.stdout is not None
    os.set_blocking(following.stdout.fileno(), False)
    until = time.monotonic() + PATIENCE
    for place in count():
        assert time.monotonic() < until, "nothing was shown"
        one = tmp_path / f"{place}.jsonl"
        one.write_bytes(line(_event(to_micros(SystemClock().now()) // 1000, client_key=f"key-{place}")))
        served.ok("requests", "import", one)
        if shown := following.stdout.readline():
            assert json.loads(shown)["client_key"].startswith("key-")
            return

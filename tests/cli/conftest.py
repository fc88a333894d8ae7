"""The command in a process of its own, on a home of its own. Servers are started as people start them."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from fakes import process
from fakes.auth_files import codex
from fakes.laid import lay

PATIENCE: Final = 60
"""Seconds for a command to start and end, on a busy machine."""


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Shell:
    """Runs ``authdeck …`` on the home at ``home``."""

    home: Path

    def run(self, *words: str | Path, **environment: str) -> Said:
        done = process.run(list(map(str, words)), self.environment(**environment))
        assert "Traceback" not in done.stderr
        return Said(done.returncode, done.stdout, done.stderr)

    def ok(self, *words: str | Path) -> Said:
        said = self.run(*words)
        assert said.code == 0, said.err
        return said

    @contextmanager
    def serving(self) -> Iterator[process.Command]:
        """A server on a free port, from the moment it says that it serves."""
        self.log.write_text("")
        server = process.Command(["serve", "--bind", "127.0.0.1:0"], self.environment(), self.log, self.log)
        try:
            while '"serving"' not in self.log.read_text():
                assert server.lasts(0.02), self.log.read_text()
            yield server
        finally:
            server.terminate()
            server.wait(60)

    def at_a_terminal(self, *words: str | Path) -> str:
        """What the command shows on a terminal beside its output; it has to end well."""
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "authdeck", *map(str, words)]
        environment = self.environment(TERM="xterm", COLUMNS="120")
        with subprocess.Popen(command, env=environment, stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs) as one:
            os.close(theirs)
            shown = b""
            with suppress(OSError):  # so a terminal ends
                while piece := os.read(ours, 4096):
                    shown += piece
            os.close(ours)
            assert one.wait(PATIENCE) == 0, shown
        return shown.decode()

    @property
    def log(self) -> Path:
        """What the server said."""
        return self.home.with_name(f"{self.home.name}.log")

    def environment(self, **more: str) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("AUTHDECK_")}
        return {**ours, "AUTHDECK_HOME": str(self.home), "TZ": "UTC", "COLUMNS": "200", **more}


@pytest.fixture
def newcomer(tmp_path: Path) -> Shell:
    """Commands on a home that is not there yet."""
    return Shell(tmp_path / "home")


@pytest.fixture
def alone(newcomer: Shell) -> Shell:
    """Commands that open the home themselves. It is empty, but has its databases."""
    lay(newcomer.home)
    return newcomer


@pytest.fixture(params=["alone", "served"])
def shell(request: pytest.FixtureRequest, alone: Shell) -> Iterator[Shell]:
    """Commands with and without a running server: they must not show the difference."""
    if request.param == "alone":
        yield alone
    else:
        with alone.serving():
            yield alone


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An auth directory as CLIProxyAPI leaves it, with things in it that are no auth files."""
    found = tmp_path / "auths"
    (found / "nested").mkdir(parents=True)
    (found / "ann.json").write_bytes(codex())
    (found / "bob.json").write_bytes(codex("bob@example.com", "acc-bob", "user-bob", note="Bob's", priority=5))
    (found / "broken.json").write_bytes(b'{"type": "codex",')
    (found / "README.txt").write_text("not one of them")
    (found / "nested" / "deep.json").write_bytes(codex("eve@example.org", "acc-eve", "user-eve"))
    return found

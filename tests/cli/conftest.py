"""The command in a process of its own, on a home of its own. Servers are started as people start them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from fakes.auth_files import codex
from fakes.process import Command


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
        with TemporaryDirectory() as folder:
            out, err = Path(folder) / "out", Path(folder) / "err"
            command = Command(list(map(str, words)), self.environment(**environment), out, err)
            try:
                code = command.wait(60)
            finally:
                command.kill()
            said = Said(code, out.read_text(), err.read_text())
        assert "Traceback" not in said.err
        return said

    def ok(self, *words: str | Path) -> Said:
        said = self.run(*words)
        assert said.code == 0, said.err
        return said

    @contextmanager
    def serving(self) -> Iterator[subprocess.Popen[str]]:
        """A server on a free port, from the moment it says that it serves."""
        server = subprocess.Popen(
            self._command("serve", "--bind", "127.0.0.1:0"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment(),
        )
        assert server.stdout is not None
        assert any('"serving"' in line for line in server.stdout)
        try:
            yield server
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=60)

    @staticmethod
    def _command(*words: str | Path) -> list[str]:
        return [sys.executable, "-m", "authdeck", *map(str, words)]

    def environment(self, **more: str) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("AUTHDECK_")}
        return {**ours, "AUTHDECK_HOME": str(self.home), "TZ": "UTC", "COLUMNS": "200", **more}


@pytest.fixture
def alone(tmp_path: Path) -> Shell:
    """Commands that open the home themselves."""
    return Shell(tmp_path / "home")


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

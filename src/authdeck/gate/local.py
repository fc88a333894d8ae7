"""How the command line finds and enters a running server: a file that only the server's own user can read."""

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authdeck import ids
from authdeck.private_file import write_private
from authdeck.secret import Secret

PREFIX: Final = "adl"
_FILE: Final = "server.json"


@dataclass(frozen=True, slots=True)
class RunningServer:
    """``address`` is a base URL such as ``http://127.0.0.1:8417``; ``token`` is good for this boot alone."""

    address: str
    boot: str
    token: Secret


def write(home: Path, address: str, boot: str) -> Secret:
    """Write ``run/server.json`` (0600) with a new token; hand that to ``Gate``."""
    token = ids.new_key(PREFIX)
    path = _path(home)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(path, json.dumps({"address": address, "boot": boot, "token": token}) + "\n")
    return Secret(token)


def read(home: Path) -> RunningServer | None:
    """The server that says it runs here, or ``None``. It may be gone by now: a crash leaves the file behind.

    A file that is another user's, or that others could have written, is not believed.
    """
    path = _path(home)
    try:
        status = path.stat()
        if status.st_uid != os.getuid() or status.st_mode & 0o077:
            return None
        said = json.loads(path.read_text())
        return RunningServer(str(said["address"]), str(said["boot"]), Secret(str(said["token"])))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remove(home: Path, boot: str) -> None:
    """Take the file away if it is still this boot's."""
    running = read(home)
    if running is not None and running.boot == boot:
        with contextlib.suppress(FileNotFoundError):
            _path(home).unlink()


def _path(home: Path) -> Path:
    return home / "run" / _FILE

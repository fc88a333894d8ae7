"""authdeck in a process of its own, without the second that its imports take: forked from one that has them already."""

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["authdeck.cli", "authdeck.cli.reach", "authdeck.server", "authdeck.api.management", "authdeck.web"])


class Command:
    """``authdeck …`` with this environment and no other; what it says is added to the files ``out`` and ``err``.

    Named and meant as in ``subprocess.Popen``: signals, exit codes and ``TimeoutExpired`` are the same.
    """

    def __init__(self, words: list[str], environment: Mapping[str, str], out: Path, err: Path) -> None:
        self._words = words
        self._process = _context.Process(target=_become, args=(words, dict(environment), out, err), daemon=True)
        self._process.start()

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, seconds: float) -> int:
        self._process.join(seconds)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self._words, seconds)
        return code

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


def _become(words: list[str], environment: dict[str, str], out: Path, err: Path) -> None:
    for path, number in ((out, 1), (err, 2)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = ["authdeck", *words]
    from authdeck.cli import main  # noqa: PLC0415 - in the process that was forked, not in the tests' own

    main()

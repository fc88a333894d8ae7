"""authdeck in a process of its own, without the second that its imports take: forked from one that has them already."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [
        "authdeck.cli",
        "authdeck.cli.reach",
        "authdeck.server",
        "authdeck.api.management",
        "authdeck.web",
        # what these import when they are first used
        "anyio._backends._asyncio",
        "httpcore2",
        "uvicorn.protocols.http.httptools_impl",
    ]
)


class Command:
    """``authdeck …`` with this environment and no other; what it says is added to the files ``out`` and ``err``.

    ``first`` is called in the new process before anything else. Named and meant as in ``subprocess.Popen``: exit codes
    and ``TimeoutExpired`` are the same.
    """

    def __init__(
        self,
        words: list[str],
        environment: Mapping[str, str],
        out: Path,
        err: Path,
        first: Callable[[], None] | None = None,
    ) -> None:
        self._words = words
        self._process = _context.Process(target=_become, args=(words, dict(environment), out, err, first), daemon=True)
        self._process.start()

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, seconds: float) -> int:
        self._process.join(seconds)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self._words, seconds)
        return code

    def lasts(self, seconds: float) -> bool:
        """Whether it still runs after so many seconds, or ended before."""
        self._process.join(seconds)
        return self._process.exitcode is None

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


def run(
    words: list[str], environment: Mapping[str, str], seconds: float = 60, first: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """The command, ended. Raises ``subprocess.TimeoutExpired`` where that takes longer; it is killed then."""
    with TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        command = Command(words, environment, out, err, first)
        try:
            code = command.wait(seconds)
        finally:
            command.kill()
        return subprocess.CompletedProcess(words, code, out.read_text(), err.read_text())


def die_at(nth: int, what: str) -> None:
    """From here on, this process kills itself right before its ``nth`` change of a file with ``what`` in its path."""
    seen = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        if what in str(arguments[:1]) and _changes(event, arguments):
            seen += 1
            if seen == nth:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _changes(event: str, arguments: tuple[object, ...]) -> bool:
    if event == "open":
        flags = arguments[2]
        return isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR) != 0
    return event in {"os.rename", "os.link", "os.remove"}


def _become(
    words: list[str], environment: dict[str, str], out: Path, err: Path, first: Callable[[], None] | None
) -> None:
    for path, number in ((out, 1), (err, 2)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = ["authdeck", *words]
    from authdeck.cli import main  # noqa: PLC0415 - in the process that was forked, not in the tests' own

    if first is not None:
        first()
    main()

"""The home: the folder in which everything of one installation lies, and the lock that lets one process have it."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from authdeck.errors import DeckError


class Home:
    """The folder, made with mode 0700 where it is missing. As a context it holds the lock.

    On SQLite one process owns a home: the lock ends with the process, whatever ends that. Raises ``home_unusable``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            (path / "run").mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise DeckError("home_unusable", home=str(path), problem=error.strerror or "unusable") from None

    def taken(self) -> Self:
        """The same home, locked for this process. Raises ``home_in_use`` and ``home_unusable``."""
        try:
            lock = os.open(self.path / "run" / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DeckError("home_unusable", home=str(self.path), problem=error.strerror or "unusable") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise DeckError("home_in_use", status=409, home=str(self.path)) from None
        self._lock = lock
        return self

    def release(self) -> None:
        """Give the lock back; without one, nothing happens."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self.taken()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

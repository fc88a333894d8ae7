"""Bytes on their way out that memory should not hold: on disk, without a name, and sealed.

The file lies in the home and has no name from the start (``O_TMPFILE``, or unlinked at once): the system removes it
with the last one who has it open, kill -9 included, and nothing is left to tidy. What is written to the disk is sealed
under a key that only this process's memory holds.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from authdeck import tasks
from authdeck.errors import DeckError
from authdeck.vault.passing import PassingCipher

PIECE: Final = 256 * 1024
_SEALED: Final = PIECE + PassingCipher.OVERHEAD

T = TypeVar("T")


class Spool:
    """``write``, then ``end``, then ``pieces``; ``close`` in any case. ``size`` is what was written, in bytes.

    Raises ``DeckError('export_not_written')`` where the disk does not take it.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file: Final = tempfile.TemporaryFile(dir=folder, prefix="export.", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise _unwritten(error) from error
        self._cipher: Final = PassingCipher()
        self._waiting: Final = bytearray()
        self._count = 0
        self.size = 0

    def write(self, content: bytes, /) -> int:
        self._waiting.extend(content)
        self.size += len(content)
        while len(self._waiting) >= PIECE:
            self._put()
        return len(content)

    def end(self) -> None:
        """Nothing more is written."""
        if self._waiting:
            self._put()

    async def pieces(self) -> AsyncIterator[bytes]:
        """All that was written, opened piece by piece."""
        for number in range(self._count):
            yield await off_the_loop(partial(self._piece, number))

    def close(self) -> None:
        self._file.close()

    @property
    def closed(self) -> bool:
        return self._file.closed

    def flush(self) -> None:
        """Nothing waits that could be read before ``end``."""

    def _put(self) -> None:
        sealed = self._cipher.seal(bytes(self._waiting[:PIECE]), self._count)
        try:
            while sealed:
                sealed = sealed[self._file.write(sealed) :]
        except OSError as error:
            raise _unwritten(error) from error
        del self._waiting[:PIECE]
        self._count += 1

    def _piece(self, number: int) -> bytes:
        return self._cipher.open(os.pread(self._file.fileno(), _SEALED, number * _SEALED), number)


async def off_the_loop(work: Callable[[], T]) -> T:
    """``work`` on a thread of its own. Who is cancelled waits for it: afterwards nobody uses what it used."""
    return await tasks.to_its_end(asyncio.get_running_loop().run_in_executor(None, work))


def _unwritten(error: OSError) -> DeckError:
    return DeckError("export_not_written", status=507, problem=error.strerror or "")

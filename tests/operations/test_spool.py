"""What lies on disk on its way out: nameless, sealed, and the same when it comes back."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from authdeck.errors import DeckError
from authdeck.operations.spool import PIECE, Spool


async def back(spool: Spool) -> bytes:
    return b"".join([piece async for piece in spool.pieces()])


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
async def test_what_was_written_comes_back(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    with closing(Spool(tmp_path / "run")) as spool:
        for start in range(0, size, 100_000):
            spool.write(content[start : start + 100_000])
        spool.end()
        assert (await back(spool), spool.size) == (content, size)


async def test_nobody_else_finds_or_reads_it(tmp_path: Path) -> None:
    """Without a name it ends with the process, whatever ends that; and on the disk nothing of it can be read."""
    with closing(Spool(tmp_path)) as spool:
        spool.write(b"rt_FAKE_" * PIECE)
        spool.end()
        assert list(tmp_path.iterdir()) == []
        stored = os.pread(spool._file.fileno(), 9 * PIECE, 0)
        assert len(stored) > 8 * PIECE
        assert b"FAKE" not in stored


def test_a_folder_that_takes_no_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "run").write_bytes(b"a file")
    with pytest.raises(DeckError) as raised:
        Spool(tmp_path / "run")
    assert (raised.value.code, raised.value.status) == ("export_not_written", 507)

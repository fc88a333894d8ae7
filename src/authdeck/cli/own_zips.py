"""Zips of one's own that are too large for one request, or hold archives: sent member by member.

What the server accepts in one request stays as small as it is; here a person unpacks a file of theirs.
"""

from collections.abc import Iterator
from pathlib import Path

from authdeck.formats import zipped
from authdeck.formats.zipped import Member

ARCHIVE = ".age"


def count(path: Path, limit: int) -> int | None:
    """How many files are in it; ``None`` for what is sent as it is. Raises ``OSError`` and ``zip_invalid``."""
    with path.open("rb") as file:
        if not zipped.is_zip(file.read(4)):
            return None
        listed = [(name, size) for name, size in zipped.listed(file) if name != zipped.MANIFEST]
    is_small = path.stat().st_size <= limit and len(listed) <= zipped.MAX_MEMBERS
    is_small = is_small and sum(size for _, size in listed) <= zipped.MAX_TOTAL
    return None if is_small and not any(name.endswith(ARCHIVE) for name, _ in listed) else len(listed)


def members(path: Path) -> Iterator[Member]:
    """Its files, one in memory at a time."""
    with path.open("rb") as file:
        yield from zipped.walk(file)

"""The dictionary of monitoring: a name is stored once and stands elsewhere as a small number.

Its kind is the column of ``requests`` that it stands in: account, file, model, provider, client_key, endpoint, prefix,
project, failure (``kind:code``).
"""

from collections.abc import Collection, Iterator
from typing import Final, TypeVar

from sqlalchemy import Select, select

from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import names

T = TypeVar("T")

AT_ONCE: Final = 500
"""Names asked for by one statement: there is a bound on a statement's parameters."""


def codes(c: ReadConnection, kind: str, texts: Collection[str]) -> dict[str, int]:
    """The numbers of those that are known."""
    found: dict[str, int] = {}
    for some in _parts(texts):
        statement = select(names.c.text, names.c.id).where(names.c.kind == kind, names.c.text.in_(some))
        found.update((row.text, row.id) for row in c.execute(statement))
    return found


def code(c: ReadConnection, kind: str, text: str) -> int | None:
    return codes(c, kind, [text]).get(text)


def texts(c: ReadConnection, numbers: Collection[int]) -> dict[int, str]:
    """What the numbers stand for."""
    found: dict[int, str] = {}
    for some in _parts(numbers):
        statement = select(names.c.id, names.c.text).where(names.c.id.in_(some))
        found.update((row.id, row.text) for row in c.execute(statement))
    return found


def failures(wanted: str) -> Select[tuple[int]]:
    """The numbers of one failure (``kind:code``), or of all of a kind."""
    alike = names.c.text == wanted if ":" in wanted else names.c.text.startswith(f"{wanted}:", autoescape=True)
    return select(names.c.id).where(names.c.kind == "failure", alike)


def containing(c: ReadConnection, text: str, limit: int = 1000) -> list[int]:
    """The newest names of any kind that contain the text, whatever its case."""
    pattern = names.c.text.icontains(text, autoescape=True)
    return list(c.execute(select(names.c.id).where(pattern).order_by(names.c.id.desc()).limit(limit)).scalars())


def _parts(things: Collection[T]) -> Iterator[list[T]]:
    every = list(things)
    return (every[start : start + AT_ONCE] for start in range(0, len(every), AT_ONCE))

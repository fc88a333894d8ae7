"""Which requests: a search, and the conditions it becomes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, and_, func, or_, select, text, tuple_

from authdeck.clock import from_micros, to_micros
from authdeck.errors import DeckError
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading.names import code, containing, failures
from authdeck.storage.tables import FAILED, requests

EXAMINED: Final = 25_000
"""Requests that are looked at, at most, where no index leads to those that match: they lie beside each other."""

SCATTERED: Final = 5_000
"""The same where an index leads to requests that lie all over the file: each costs several times as much."""

IS_FAILED: Final = text(f"({FAILED})")

_NAMED: Final = ("model", "client_key", "provider", "project", "prefix")
_SEARCHED: Final = ("account", "file", "model", "client_key", "project", "prefix", "failure")
_NOTHING: Final = text("1 = 0")
_CURSOR: Final = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")
_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class RequestSearch:
    """Which requests.

    ``status`` is ``ok``, ``failed`` or an HTTP status; ``failure`` a kind or ``kind:code``; ``since`` is included,
    ``until`` is not; ``text`` is part of a name, or a whole request id or trace id. ``slower_than`` is milliseconds.
    ``cache``: whether any input came from a cache; requests whose tokens are unknown are neither.
    """

    status: Literal["ok", "failed"] | int | None = None
    auth_index: str | None = None
    model: str | None = None
    client_key: str | None = None
    provider: str | None = None
    failure: str | None = None
    project: str | None = None
    prefix: str | None = None
    slower_than: float | None = None
    cache: Literal["hit", "none"] | None = None
    trace: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    page_size: int = 50
    cursor: str | None = None

    @property
    def is_indexed(self) -> bool:
        """Whether indexes alone lead to what matches: then nothing else need be looked at."""
        alike = RequestSearch(
            status="failed" if self.status == "failed" else None, auth_index=self.auth_index, trace=self.trace,
            since=self.since, until=self.until, page_size=self.page_size, cursor=self.cursor,
        )  # fmt: skip
        return self == alike or (self.text is not None and raw_id(self.text) is not None)

    @property
    def most(self) -> int:
        """Requests of it that are looked at together, at most."""
        return EXAMINED if self.auth_index is None and self.failure is None and self.status != "failed" else SCATTERED


def conditions(c: ReadConnection, search: RequestSearch) -> Iterable[Any]:
    """Raises ``DeckError('cursor_invalid')``."""
    yield from indexed(c, search)
    for kind in _NAMED:
        if (wanted := getattr(search, kind)) is not None:
            yield _named_as(c, kind, wanted)
    if search.failure is not None:
        yield requests.c.failure.in_(failures(search.failure))
    if search.status not in (None, "failed"):
        yield _status(search.status)
    if search.slower_than is not None:
        yield requests.c.latency_us >= round(search.slower_than * 1000)
    if search.cache is not None:
        yield requests.c.tokens_cached > 0 if search.cache == "hit" else requests.c.tokens_cached == 0
    if search.text:
        yield _text(c, search.text)


def indexed(c: ReadConnection, search: RequestSearch) -> Iterable[Any]:
    """Of the conditions those that an index answers."""
    if search.auth_index is not None:
        yield _named_as(c, "account", search.auth_index)
    if search.failure is not None or search.status == "failed":
        yield IS_FAILED
    if search.trace is not None:
        yield requests.c.trace == search.trace
        yield requests.c.trace.is_not(None)
    if search.since is not None:
        yield requests.c.at_ms >= to_micros(search.since) // 1000
    if search.until is not None:
        yield requests.c.at_ms < to_micros(search.until) // 1000
    if search.cursor is not None:
        yield tuple_(requests.c.at_ms, requests.c.n) < tuple_(*_place(search.cursor))


def floor(c: ReadConnection, search: RequestSearch, most: int | None = None) -> int | None:
    """How far back the newest ``most`` requests reach that indexes leave, in unix milliseconds.

    ``None`` where there are no more than that. ``most`` is the search's own where it is not given.
    """
    statement = (
        select(requests.c.at_ms)
        .where(*indexed(c, search))
        .order_by(requests.c.at_ms.desc())
        .limit(1)
        .offset((most or search.most) - 1)
    )
    return c.execute(statement).scalar()


def back_to(search: RequestSearch, lowest: int | None) -> RequestSearch:
    """The search from that time on: one bound in place of two, of which a database would take the wrong one."""
    return search if lowest is None else replace(search, since=from_micros(lowest * 1000))


def cursor_at(at_ms: int, n: int) -> str:
    return f"{at_ms}-{n}"


def raw_id(shown: str) -> bytes | None:
    try:
        raw = bytes.fromhex(shown)
    except ValueError:
        return None
    return raw if len(raw) == _ID_BYTES else None


def _named_as(c: ReadConnection, kind: str, wanted: str) -> Any:
    number = code(c, kind, wanted)
    return _NOTHING if number is None else requests.c[kind] == number


def _status(wanted: str | int | None) -> Any:
    if wanted == "ok":
        return and_(requests.c.failure.is_(None), requests.c.status < 400)  # noqa: PLR2004 - HTTP
    return requests.c.status == wanted


def _text(c: ReadConnection, wanted: str) -> ColumnElement[bool]:
    if (raw := raw_id(wanted)) is not None:
        return or_(requests.c.id == raw, and_(requests.c.trace == func.lower(wanted), requests.c.trace.is_not(None)))
    numbers = containing(c, wanted)
    return or_(*(requests.c[column].in_(numbers) for column in _SEARCHED))


def _place(cursor: str) -> tuple[int, int]:
    if (place := _CURSOR.fullmatch(cursor)) is None:
        raise DeckError("cursor_invalid")
    return int(place[1]), int(place[2])

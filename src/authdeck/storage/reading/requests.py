"""Request events, read: pages newest first, one by its id, and what the accounts' list shows of them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import Row, func, select, text

from authdeck.event import Attempt, Failure, FailureKind, RequestEvent, Tokens
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading.names import codes, texts
from authdeck.storage.reading.request_search import (
    IS_FAILED,
    RequestSearch,
    back_to,
    conditions,
    cursor_at,
    floor,
    raw_id,
)
from authdeck.storage.tables import RUNNING, gaps, names, requests

BUCKETS: Final = 20
BUCKET_MS: Final = 600_000
LARGEST_PAGE: Final = 1000

_NAMED: Final = ("account", "file", "model", "provider", "client_key", "endpoint", "prefix", "project", "failure")
_ATTEMPTS: Final = msgspec.msgpack.Decoder(list[tuple[int, int | None, str | None, int]])


@dataclass(frozen=True, slots=True)
class RequestPage:
    """``next`` is the cursor of the page after this one; ``None`` at the end.

    ``looked_back_to`` (unix milliseconds) says that the page holds less than it could because only the newest
    ``EXAMINED`` requests were looked at: ``next`` goes on behind them.
    """

    items: list[RequestEvent]
    next: str | None
    looked_back_to: int | None = None


@dataclass(frozen=True, slots=True)
class NumberedEvent:
    """``n`` grows with each event that is stored."""

    n: int
    event: RequestEvent


@dataclass(frozen=True, slots=True)
class Gap:
    """Request events of this time are missing, or may be.

    Unix milliseconds. ``why`` is ``store_failed``, ``damaged`` or ``not_closed`` (process or machine stopped in the
    midst); ``not_counted`` ones are there, but too many for a figure. ``count`` is how many, ``None`` where nobody
    knows.
    """

    from_ms: int
    until_ms: int
    why: str
    count: int | None


def page(c: ReadConnection, search: RequestSearch) -> RequestPage:
    """Newest first by the time of arrival. Raises ``DeckError('cursor_invalid')``."""
    size = max(1, min(search.page_size, LARGEST_PAGE))
    lowest = None if search.is_indexed else floor(c, search)
    statement = (
        select(requests)
        .where(*conditions(c, back_to(search, lowest)))
        .order_by(requests.c.at_ms.desc(), requests.c.n.desc())
        .limit(size + 1)
    )
    rows = c.execute(statement).all()
    if len(rows) > size:
        return RequestPage(_events(c, rows[:size]), cursor_at(rows[size - 1].at_ms, rows[size - 1].n))
    return RequestPage(_events(c, rows), None if lowest is None else cursor_at(lowest, 0), lowest)


def newer_than(c: ReadConnection, search: RequestSearch, n: int, since_ms: int, limit: int) -> list[NumberedEvent]:
    """What was stored after the row ``n`` and came in since a moment, in the order of storing."""
    statement = (
        select(requests)
        .where(requests.c.n > n, requests.c.at_ms >= since_ms, *conditions(c, search))
        .order_by(requests.c.n)
        .limit(limit)
    )
    rows = c.execute(statement).all()
    return [NumberedEvent(row.n, event) for row, event in zip(rows, _events(c, rows), strict=True)]


def stored(c: ReadConnection, ids: Collection[bytes]) -> set[bytes]:
    """Those of the ids that are there."""
    return {bytes(found) for found in c.execute(select(requests.c.id).where(requests.c.id.in_(ids))).scalars()}


def newest_number(c: ReadConnection) -> int:
    return c.execute(select(func.max(requests.c.n))).scalar() or 0


def by_id(c: ReadConnection, request_id: str) -> RequestEvent | None:
    """``request_id`` as ``x-authdeck-request-id`` shows it: 32 hex digits."""
    raw = raw_id(request_id)
    rows = [] if raw is None else c.execute(select(requests).where(requests.c.id == raw)).all()
    return next(iter(_events(c, rows)), None)


def last_requests(c: ReadConnection) -> dict[str, tuple[int, bool]]:
    """By auth_index: when the newest request came in (unix milliseconds), and whether it went well."""
    other = requests.alias()
    newest = (
        select(other.c.n)
        .where(other.c.account == names.c.id)
        .order_by(other.c.at_ms.desc(), other.c.n.desc())
        .limit(1)
        .correlate(names)
        .scalar_subquery()
    )
    statement = (
        select(names.c.text, requests.c.at_ms, requests.c.failure, requests.c.status)
        .select_from(names)
        .join(requests, requests.c.n == newest)
        .where(names.c.kind == "account")
    )
    return {row.text: (row.at_ms, row.failure is None and row.status < 400) for row in c.execute(statement)}  # noqa: PLR2004 - HTTP


def recent_buckets(c: ReadConnection, auth_indexes: Collection[str], now_ms: int) -> dict[str, list[tuple[int, int]]]:
    """By auth_index: how many went well and how many failed in each of the last 20 spans of ten minutes.

    Spans begin at whole tens of minutes; the last one is the one that ``now_ms`` lies in.
    """
    first = now_ms // BUCKET_MS - BUCKETS + 1
    numbers = codes(c, "account", auth_indexes)
    bucket = (requests.c.at_ms // BUCKET_MS).label("bucket")
    statement = (
        select(requests.c.account, bucket, func.count().label("all"), func.count().filter(IS_FAILED).label("failed"))
        .where(requests.c.account.in_(numbers.values()), requests.c.at_ms >= first * BUCKET_MS)
        .group_by(requests.c.account, text("bucket"))
    )
    found = {(row.account, row.bucket - first): (row.all - row.failed, row.failed) for row in c.execute(statement)}
    return {
        auth_index: [found.get((numbers.get(auth_index), place), (0, 0)) for place in range(BUCKETS)]
        for auth_index in auth_indexes
    }


def known_gaps(c: ReadConnection, since_ms: int, until_ms: int) -> list[Gap]:
    """The holes that touch a time, oldest first."""
    statement = (
        select(gaps.c.from_ms, gaps.c.until_ms, gaps.c.why, gaps.c.count.label("events"))
        .where(gaps.c.why.not_like(f"{RUNNING}%"), gaps.c.from_ms <= until_ms, gaps.c.until_ms >= since_ms)
        .order_by(gaps.c.from_ms, gaps.c.n)
    )
    return [Gap(row.from_ms, row.until_ms, row.why, row.events) for row in c.execute(statement)]


def _events(c: ReadConnection, rows: Iterable[Row[Any]]) -> list[RequestEvent]:
    tried = {row.n: _ATTEMPTS.decode(row.attempts) for row in rows if row.attempts}
    numbers = {getattr(row, column) for row in rows for column in _NAMED} - {None}
    named = texts(c, numbers | {account for attempts in tried.values() for account, *_ in attempts})
    return [_event(row, tried.get(row.n, []), named) for row in rows]


def _event(row: Row[Any], tried: list[tuple[int, int | None, str | None, int]], named: dict[int, str]) -> RequestEvent:
    return RequestEvent(
        id=bytes(row.id),
        at_ms=row.at_ms,
        endpoint=named[row.endpoint],
        model=named.get(row.model),
        provider=named.get(row.provider),
        auth_index=named.get(row.account),
        file_name=named.get(row.file),
        client_key=named.get(row.client_key),
        prefix=named.get(row.prefix),
        project=named.get(row.project),
        status=row.status,
        latency_ms=row.latency_us / 1000,
        ttfb_ms=None if row.ttfb_us is None else row.ttfb_us / 1000,
        streamed=row.streamed,
        tokens=Tokens(row.tokens_input, row.tokens_output, row.tokens_cached, row.tokens_reasoning),
        failure=_failure_of(row, named),
        attempts=[Attempt(named[account], status, kind, us / 1000) for account, status, kind, us in tried],
        trace=row.trace,
    )


def _failure_of(row: Row[Any], named: dict[int, str]) -> Failure | None:
    if row.failure is None:
        return None
    kind, _, failure_code = named[row.failure].partition(":")
    return Failure(FailureKind(kind), failure_code, row.failure_summary or "")

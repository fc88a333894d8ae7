"""Request events and their roll-ups, written together: what one transaction adds to the rows it adds to the sums."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from operator import add
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import delete, func, insert, select, update

from authdeck.event import RequestEvent
from authdeck.storage.database import WriteConnection
from authdeck.storage.latency import bucket_of
from authdeck.storage.reading import names as reading
from authdeck.storage.tables import RUNNING, gaps, requests

Key = TypeVar("Key")

Name = tuple[str, str]
"""Kind and text, the text at most ``NAME_LENGTH`` long."""

NAME_LENGTH: Final = 300
TRACE_LENGTH: Final = 64
MS_AN_HOUR: Final = 3_600_000
MS_A_DAY: Final = 24 * MS_AN_HOUR
NOT_NAMED: Final = 0

_COLUMNS: Final = (
    "id, at_ms, account, file, model, provider, client_key, endpoint, prefix, project, failure, status, streamed,"
    " latency_us, ttfb_us, tokens_input, tokens_output, tokens_cached, tokens_reasoning, failure_summary, attempts,"
    " trace"
)
_ACCOUNT, _MODEL, _PROVIDER, _KEY, _LATENCY, _TTFB = (
    _COLUMNS.split(", ").index(name) for name in ("account", "model", "provider", "client_key", "latency_us", "ttfb_us")
)
_AFTER_TOKENS: Final = _TTFB + 5  # the four kinds of tokens stand after it
_SUMS: Final = (
    "requests",
    "failures",
    "tokens_input",
    "tokens_output",
    "tokens_cached",
    "tokens_reasoning",
    "latency_us",
)


def _marks(columns: str) -> str:
    return ", ".join("?" for _ in columns.split(","))


def _adding(table: str, keys: str, sums: Sequence[str]) -> str:
    columns = f"{keys}, {', '.join(sums)}"
    added = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in sums)
    return f"INSERT INTO {table} ({columns}) VALUES ({_marks(columns)}) ON CONFLICT ({keys}) DO UPDATE SET {added}"  # noqa: S608 - names of ours


_ADD_REQUESTS: Final = f"INSERT INTO requests ({_COLUMNS}) VALUES ({_marks(_COLUMNS)})"  # noqa: S608 - names of ours
_ADD_HOURS: Final = _adding("hour_model", "hour, model, provider", _SUMS)
_ADD_DAYS: Final = _adding("day_account", "day, account", _SUMS)
_ADD_CALLERS: Final = _adding("hour_caller", "hour, client_key", _SUMS)
_ADD_LATENCIES: Final = _adding("latency_buckets", "hour, model, kind, bucket", ["count"])
_ADD_NAMES: Final = "INSERT INTO names (kind, text) VALUES (?, ?) ON CONFLICT (kind, text) DO NOTHING"


def store(c: WriteConnection, events: Sequence[RequestEvent], known: dict[Name, int]) -> None:
    """Add the events and what they add to the sums.

    ``known`` holds numbers of names and gains new ones; clear it when the transaction fails. Raises the driver's or
    SQLAlchemy's ``IntegrityError`` when one of the events is stored already.
    """
    try:
        rows = [_row(event, known) for event in events]
    except KeyError:  # a name that has no number yet: rare, so that nothing is asked beforehand
        _learn(c, events, known)
        rows = [_row(event, known) for event in events]
    c.execute_many(_ADD_REQUESTS, rows)
    hours: dict[tuple[int, int, int], list[int]] = {}
    days: dict[tuple[int, int], list[int]] = {}
    callers: dict[tuple[int, int], list[int]] = {}
    latencies: dict[tuple[int, int, str, int], int] = {}
    for event, row in zip(events, rows, strict=True):
        hour, day = event.at_ms // MS_AN_HOUR, event.at_ms // MS_A_DAY
        model, latency, ttfb = row[_MODEL] or NOT_NAMED, row[_LATENCY], row[_TTFB]
        amounts = _amounts(event, row)
        _add(hours, (hour, model, row[_PROVIDER] or NOT_NAMED), amounts)
        if row[_ACCOUNT] is not None:
            _add(days, (day, row[_ACCOUNT]), amounts)
        if row[_KEY] is not None:
            _add(callers, (hour, row[_KEY]), amounts)
        of_latency = hour, model, "latency", bucket_of(latency)
        latencies[of_latency] = latencies.get(of_latency, 0) + 1
        if ttfb is not None:
            of_ttfb = hour, model, "ttfb", bucket_of(ttfb)
            latencies[of_ttfb] = latencies.get(of_ttfb, 0) + 1
    # Sorted: two processes that add to the same sums take the rows' locks in one order.
    c.execute_many(_ADD_HOURS, [(*key, *sums) for key, sums in sorted(hours.items())])
    c.execute_many(_ADD_DAYS, [(*key, *sums) for key, sums in sorted(days.items())])
    c.execute_many(_ADD_CALLERS, [(*key, *sums) for key, sums in sorted(callers.items())])
    c.execute_many(_ADD_LATENCIES, [(*key, count) for key, count in sorted(latencies.items())])


def mark_gap(c: WriteConnection, from_ms: int, until_ms: int, why: str, count: int | None) -> None:
    """Say that events of this time are missing; ``count`` is how many, where that is known."""
    c.execute(insert(gaps), {"from_ms": from_ms, "until_ms": until_ms, "why": why, "count": count})


def open_run(c: WriteConnection, at_ms: int) -> None:
    """Note that somebody writes from now on, with ``close_run`` to come.

    Where the run before never came to that, the process or the machine stopped in the midst of it, and the last events
    may be missing: its note becomes a gap from the newest event that is there.
    """
    newest = c.execute(select(func.max(requests.c.at_ms))).scalar()
    left_open = update(gaps).where(gaps.c.why == RUNNING)
    c.execute(left_open.values(why="not_closed", from_ms=func.coalesce(newest, gaps.c.from_ms), until_ms=at_ms))
    mark_gap(c, at_ms, at_ms, RUNNING, None)


def close_run(c: WriteConnection) -> None:
    c.execute(delete(gaps).where(gaps.c.why == RUNNING))


def prune(c: WriteConnection, before_ms: int, limit: int = 500) -> int:
    """Forget the oldest requests that came in before a moment, some at a time; how many. The sums stay."""
    oldest = select(requests.c.n).where(requests.c.at_ms < before_ms).order_by(requests.c.at_ms).limit(limit)
    return c.execute(delete(requests).where(requests.c.n.in_(oldest))).rowcount


def _learn(c: WriteConnection, events: Iterable[RequestEvent], known: dict[Name, int]) -> None:
    """Give a number to each name that has none."""
    missing: dict[str, dict[str, str]] = defaultdict(dict)  # kind → text as it came → as it may be stored
    for event in events:
        for name in _names(event):
            if name not in known:
                missing[name[0]][name[1]] = _storable(name[1])
    c.execute_many(_ADD_NAMES, sorted({(kind, text) for kind, texts in missing.items() for text in texts.values()}))
    for kind, texts in missing.items():
        codes = reading.codes(c, kind, set(texts.values()))
        known.update({(kind, came): codes[stored] for came, stored in texts.items()})


def _names(event: RequestEvent) -> Iterable[Name]:
    for kind, text in (
        ("endpoint", event.endpoint),
        ("model", event.model),
        ("provider", event.provider),
        ("account", event.auth_index),
        ("file", event.file_name),
        ("client_key", event.client_key),
        ("prefix", event.prefix),
        ("project", event.project),
    ):
        if text is not None:
            yield kind, text[:NAME_LENGTH]
    if event.failure is not None:
        yield "failure", f"{event.failure.kind}:{event.failure.code}"[:NAME_LENGTH]
    for attempt in event.attempts:
        yield "account", attempt.auth_index[:NAME_LENGTH]


def _storable(text: str) -> str:
    """Without what a database refuses in text: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _row(event: RequestEvent, known: dict[Name, int]) -> tuple[Any, ...]:
    """In the order of ``_COLUMNS``. Raises ``KeyError`` where a name has no number yet."""
    failure, tokens = event.failure, event.tokens
    return (
        event.id,
        event.at_ms,
        None if event.auth_index is None else known["account", event.auth_index[:NAME_LENGTH]],
        None if event.file_name is None else known["file", event.file_name[:NAME_LENGTH]],
        None if event.model is None else known["model", event.model[:NAME_LENGTH]],
        None if event.provider is None else known["provider", event.provider[:NAME_LENGTH]],
        None if event.client_key is None else known["client_key", event.client_key[:NAME_LENGTH]],
        known["endpoint", event.endpoint[:NAME_LENGTH]],
        None if event.prefix is None else known["prefix", event.prefix[:NAME_LENGTH]],
        None if event.project is None else known["project", event.project[:NAME_LENGTH]],
        None if failure is None else known["failure", f"{failure.kind}:{failure.code}"[:NAME_LENGTH]],
        event.status,
        event.streamed,
        round(event.latency_ms * 1000),
        None if event.ttfb_ms is None else round(event.ttfb_ms * 1000),
        tokens.input,
        tokens.output,
        tokens.cached,
        tokens.reasoning,
        None if failure is None else _storable(failure.summary[:500]),
        _attempts(event, known) if event.attempts else None,
        None if event.trace is None else _storable(event.trace[:TRACE_LENGTH]),
    )


def _attempts(event: RequestEvent, known: dict[Name, int]) -> bytes:
    return _packed(
        [
            (known["account", attempt.auth_index[:NAME_LENGTH]], attempt.status, attempt.kind, round(attempt.ms * 1000))
            for attempt in event.attempts
        ]
    )


_packed: Final = msgspec.msgpack.Encoder().encode


def _amounts(event: RequestEvent, row: tuple[Any, ...]) -> tuple[int, ...]:
    """In the order of ``_SUMS``."""
    _, input_, output, cached, reasoning = row[_TTFB:_AFTER_TOKENS]
    return 1, 1 if failed(event) else 0, input_ or 0, output or 0, cached or 0, reasoning or 0, row[_LATENCY]


def failed(event: RequestEvent) -> bool:
    """The same rule as ``storage.tables.FAILED``."""
    return event.failure is not None or event.status >= 400  # noqa: PLR2004 - HTTP


def _add(sums: dict[Key, list[int]], key: Key, amounts: tuple[int, ...]) -> None:
    found = sums.get(key)
    sums[key] = list(amounts) if found is None else list(map(add, found, amounts))

"""Request events and their roll-ups, written together: what one transaction adds to the rows it adds to the sums."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

import msgspec
from sqlalchemy import delete, func, insert, select, update

from authdeck.event import RequestEvent
from authdeck.storage.database import WriteConnection
from authdeck.storage.latency import bucket_of
from authdeck.storage.reading import names as reading
from authdeck.storage.tables import RUNNING, gaps, requests

Row = tuple[Any, ...]
Amounts = tuple[int, ...]
"""In the order of ``_SUMS`` without the first: that of one request."""

Names = dict[str, dict[str, int]]
"""Numbers of names, by kind and text, the text at most ``NAME_LENGTH`` long."""

NAME_LENGTH: Final = 300
TRACE_LENGTH: Final = 64
MS_AN_HOUR: Final = 3_600_000
MS_A_DAY: Final = 24 * MS_AN_HOUR
NOT_NAMED: Final = 0
_REFUSED: Final = 400

_COLUMNS: Final = (
    "id, at_ms, account, file, model, provider, client_key, endpoint, prefix, project, failure, status, streamed,"
    " latency_us, ttfb_us, tokens_input, tokens_output, tokens_cached, tokens_reasoning, failure_summary, attempts,"
    " trace"
)
_COUNTED: Final = (
    "at_ms, account, model, provider, client_key, failure, status, latency_us, ttfb_us,"
    " tokens_input, tokens_output, tokens_cached, tokens_reasoning"
)
_counted: Final = itemgetter(*map(_COLUMNS.split(", ").index, _COUNTED.split(", ")))
_SUMS: Final = (
    "requests",
    "failures",
    "tokens_input",
    "tokens_output",
    "tokens_cached",
    "tokens_reasoning",
    "latency_us",
)


_MARKS: Final = {
    "streamed": "? <> 0",
    **dict.fromkeys(("prefix", "project", "failure"), "nullif(?, 0)"),
    **dict.fromkeys(("failure_summary", "trace"), "nullif(?, '')"),
}
"""How values are given whose own type costs SQLite's driver more than all the rest of a row: it takes whole numbers,
floats, texts and bytearrays as they are, and looks for an adapter of each ``None``, ``bool`` and ``bytes``.
"""


def _marks(columns: str) -> str:
    return ", ".join(_MARKS.get(name, "?") for name in columns.split(", "))


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


def store(c: WriteConnection, events: Sequence[RequestEvent], known: Names) -> None:
    """Add the events and what they add to the sums.

    What an event costs in a group of 2,000, as CPU time: 4 us for its row in the table and its indexes, 1 us to make
    that row, 2 us for the sums that it counts in, 3 us for its share of what is written once for the group. A further
    sum costs each event a third of a microsecond, and the group one statement for each row of that sum.

    ``known`` holds numbers of names and gains new ones; clear it when the transaction fails. Raises the driver's or
    SQLAlchemy's ``IntegrityError`` when one of the events is stored already.
    """
    try:
        rows = [_row(event, known) for event in events]
    except KeyError:  # a name that has no number yet: rare, so that nothing is asked beforehand
        _learn(c, events, known)
        rows = [_row(event, known) for event in events]
    c.execute_many(_ADD_REQUESTS, rows)
    _add_up(c, rows)


def _add_up(c: WriteConnection, rows: Iterable[Row]) -> None:
    """Add the rows to the sums, each of which is written once for all of them.

    Sorted: two processes that add to the same sums take the rows' locks in one order.
    """
    hours: dict[tuple[int, int, int], list[Amounts]] = defaultdict(list)
    days: dict[tuple[int, int], list[Amounts]] = defaultdict(list)
    callers: dict[tuple[int, int], list[Amounts]] = defaultdict(list)
    latencies: dict[tuple[int, int], list[int]] = defaultdict(list)
    ttfbs: dict[tuple[int, int], list[int]] = defaultdict(list)
    for at_ms, account, named, provider, caller, failure, status, latency, ttfb, in_, out, cached, reasoning in map(
        _counted, rows
    ):
        hour, model = at_ms // MS_AN_HOUR, named or NOT_NAMED
        failed = 1 if failure or status >= _REFUSED else 0  # as ``storage.tables.FAILED`` has it
        amounts = failed, in_ or 0, out or 0, cached or 0, reasoning or 0, latency
        hours[hour, model, provider or NOT_NAMED].append(amounts)
        if account is not None:
            days[at_ms // MS_A_DAY, account].append(amounts)
        if caller is not None:
            callers[hour, caller].append(amounts)
        latencies[hour, model].append(latency)
        if ttfb is not None:
            ttfbs[hour, model].append(ttfb)
    c.execute_many(_ADD_HOURS, _summed(hours))
    c.execute_many(_ADD_DAYS, _summed(days))
    c.execute_many(_ADD_CALLERS, _summed(callers))
    c.execute_many(_ADD_LATENCIES, [row for key in sorted(latencies) for row in _in_buckets(key, latencies, ttfbs)])


def _summed(groups: Mapping[Any, Sequence[Amounts]]) -> list[Row]:
    return [(*key, len(groups[key]), *_sum(groups[key])) for key in sorted(groups)]


def _sum(rows: Sequence[Amounts]) -> Iterable[int]:
    """Column by column, which costs a third of adding up row by row."""
    return rows[0] if len(rows) == 1 else map(sum, zip(*rows, strict=True))


def _in_buckets(
    key: tuple[int, int], latencies: Mapping[tuple[int, int], list[int]], ttfbs: Mapping[tuple[int, int], list[int]]
) -> Iterator[Row]:
    for kind, durations in ("latency", latencies[key]), ("ttfb", ttfbs.get(key, ())):
        for bucket, count in sorted(Counter(map(bucket_of, durations)).items()):
            yield (*key, kind, bucket, count)


def mark_gap(c: WriteConnection, from_ms: int, until_ms: int, why: str, count: int | None) -> None:
    """Say that events of this time are missing; ``count`` is how many, where that is known."""
    c.execute(insert(gaps), {"from_ms": from_ms, "until_ms": until_ms, "why": why, "count": count})


def open_run(c: WriteConnection, at_ms: int) -> None:
    """Note that somebody writes from now on, alone (SQLite), with ``close_run`` to come.

    Where the run before never came to that, the process or the machine stopped in the midst of it, and the last events
    may be missing: its note becomes a gap from the newest event that is there.
    """
    newest = c.execute(select(func.max(requests.c.at_ms))).scalar()
    left_open = update(gaps).where(gaps.c.why == RUNNING)
    c.execute(left_open.values(why="not_closed", from_ms=func.coalesce(newest, gaps.c.from_ms), until_ms=at_ms))
    mark_gap(c, at_ms, at_ms, RUNNING, None)


def keep_run(c: WriteConnection, run: str, at_ms: int, *, is_through: bool) -> None:
    """Note that this run, one of several, writes from now on or still does.

    Its note is from when it last had stored all there was (``is_through``) until when it last said anything.
    """
    noted = {"until_ms": at_ms, **({"from_ms": at_ms} if is_through else {})}
    if not c.execute(update(gaps).where(gaps.c.why == run).values(noted)).rowcount:
        mark_gap(c, at_ms, at_ms, run, None)


def give_up_runs(c: WriteConnection, run: str, before_ms: int, at_ms: int) -> None:
    """Runs but this one that noted nothing since are over, and what they had not stored by then may be missing."""
    silent = gaps.c.why.like(f"{RUNNING}:%") & (gaps.c.why != run) & (gaps.c.until_ms < before_ms)
    c.execute(update(gaps).where(silent).values(why="not_closed", until_ms=at_ms))


def close_run(c: WriteConnection, run: str = RUNNING) -> None:
    c.execute(delete(gaps).where(gaps.c.why == run))


def prune(c: WriteConnection, before_ms: int, limit: int = 200) -> int:
    """Forget the oldest requests that came in before a moment, some at a time; how many. The sums stay."""
    oldest = select(requests.c.n).where(requests.c.at_ms < before_ms).order_by(requests.c.at_ms).limit(limit)
    return c.execute(delete(requests).where(requests.c.n.in_(oldest))).rowcount


def _learn(c: WriteConnection, events: Iterable[RequestEvent], known: Names) -> None:
    """Give a number to each name that has none."""
    missing: dict[str, dict[str, str]] = defaultdict(dict)  # kind → text as it came → as it may be stored
    for event in events:
        for kind, text in _names(event):
            if text not in known.setdefault(kind, {}):
                missing[kind][text] = _storable(text)
    c.execute_many(_ADD_NAMES, sorted({(kind, text) for kind, texts in missing.items() for text in texts.values()}))
    for kind, texts in missing.items():
        codes = reading.codes(c, kind, set(texts.values()))
        known[kind].update({came: codes[stored] for came, stored in texts.items()})


def _names(event: RequestEvent) -> Iterable[tuple[str, str]]:
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


def _row(event: RequestEvent, known: Names) -> Row:
    """In the order of ``_COLUMNS``, as ``_MARKS`` wants it. Raises ``KeyError`` where a name has no number yet."""
    failure, tokens = event.failure, event.tokens
    return (
        bytearray(event.id),
        event.at_ms,
        None if event.auth_index is None else known["account"][event.auth_index[:NAME_LENGTH]],
        None if event.file_name is None else known["file"][event.file_name[:NAME_LENGTH]],
        None if event.model is None else known["model"][event.model[:NAME_LENGTH]],
        None if event.provider is None else known["provider"][event.provider[:NAME_LENGTH]],
        None if event.client_key is None else known["client_key"][event.client_key[:NAME_LENGTH]],
        known["endpoint"][event.endpoint[:NAME_LENGTH]],
        0 if event.prefix is None else known["prefix"][event.prefix[:NAME_LENGTH]],
        0 if event.project is None else known["project"][event.project[:NAME_LENGTH]],
        0 if failure is None else known["failure"][f"{failure.kind}:{failure.code}"[:NAME_LENGTH]],
        event.status,
        1 if event.streamed else 0,
        round(event.latency_ms * 1000),
        None if event.ttfb_ms is None else round(event.ttfb_ms * 1000),
        tokens.input,
        tokens.output,
        tokens.cached,
        tokens.reasoning,
        "" if failure is None else _storable(failure.summary[:500]),
        _attempts(event, known["account"]) if event.attempts else None,
        "" if event.trace is None else _storable(event.trace[:TRACE_LENGTH]),
    )


def _attempts(event: RequestEvent, accounts: Mapping[str, int]) -> bytearray:
    packed = _packed(
        [
            (accounts[attempt.auth_index[:NAME_LENGTH]], attempt.status, attempt.kind, round(attempt.ms * 1000))
            for attempt in event.attempts
        ]
    )
    return bytearray(packed)


_packed: Final = msgspec.msgpack.Encoder().encode

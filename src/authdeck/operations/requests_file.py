"""Requests as JSON lines, out and in: what leaves is sanitised once more, what comes in is checked line by line."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from authdeck.access import Actor
from authdeck.acts import Act
from authdeck.clock import Clock, from_micros, rfc3339, to_micros
from authdeck.event import Attempt, Failure, FailureKind, RequestEvent, Tokens
from authdeck.operations.desk import Desk
from authdeck.operations.records import record
from authdeck.scrub import scrub
from authdeck.spans import DAY, HOUR, Span
from authdeck.storage.database import Database, WriteConnection
from authdeck.storage.reading.request_search import RequestSearch
from authdeck.storage.reading.requests import page, stored
from authdeck.storage.reading.sums import is_whole
from authdeck.storage.writing.requests import store

AT_ONCE: Final = 500
"""Requests read or written in one transaction."""

PROBLEMS: Final = 20
"""Lines that could not be read are named up to this many."""

Name = Annotated[str, Meta(max_length=300)]
Count = Annotated[int, Meta(ge=0, le=10**15)]
Milliseconds = Annotated[float, Meta(ge=0, le=10**9)]


class _Tokens(msgspec.Struct):
    input: Count | None = None
    output: Count | None = None
    cached: Count | None = None
    reasoning: Count | None = None


class _Failure(msgspec.Struct):
    kind: FailureKind
    code: Annotated[str, Meta(max_length=200)]
    summary: Annotated[str, Meta(max_length=4_096)] = ""


class _Attempt(msgspec.Struct):
    auth_index: Name
    ms: Milliseconds
    status: Annotated[int, Meta(ge=0, le=999)] | None = None
    kind: Annotated[str, Meta(max_length=32)] | None = None


class Line(msgspec.Struct):
    """One line; the same fields as ``GET /requests`` answers."""

    id: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
    at: datetime
    endpoint: Name
    status: Annotated[int, Meta(ge=0, le=999)]
    latency_ms: Milliseconds
    auth_index: Name | None = None
    file_name: Name | None = None
    provider: Name | None = None
    model: Name | None = None
    prefix: Name | None = None
    project: Name | None = None
    client_key: Name | None = None
    ttfb_ms: Milliseconds | None = None
    streamed: bool = False
    tokens: _Tokens = msgspec.field(default_factory=_Tokens)
    failure: _Failure | None = None
    attempts: Annotated[list[_Attempt], Meta(max_length=50)] = []
    trace: Annotated[str, Meta(max_length=64)] | None = None


@dataclass(slots=True)
class Taken:
    """What an import did.

    Lines ``added``; ``known`` ones, that were there; ``forgotten`` ones, of an hour whose requests were deleted here
    already, so that they may be in its sums; ``refused`` ones, with the number and problem of some.
    """

    added: int = 0
    known: int = 0
    forgotten: int = 0
    refused: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)


_decoder: Final = msgspec.json.Decoder(Line)


async def export_requests(
    desk: Desk, database: Database, search: RequestSearch, actor: Actor
) -> tuple[str, AsyncIterator[bytes]]:
    """A file's name and content. Audited before anything leaves."""
    await desk.write(lambda c: record(desk, c, actor, Act.REQUESTS_EXPORTED, "requests"))
    return f"authdeck-requests-{desk.now():%Y%m%d-%H%M}.jsonl", lines(database, search)


async def import_requests(desk: Desk, database: Database, content: Iterable[bytes], actor: Actor) -> Taken:
    """``take_in``, audited."""
    taken = await take_in(database, desk.clock, content)
    counts = {name: getattr(taken, name) for name in ("added", "known", "forgotten", "refused")}
    await desk.write(lambda c: record(desk, c, actor, Act.REQUESTS_IMPORTED, "requests", after=counts))
    return taken


async def lines(database: Database, search: RequestSearch) -> AsyncIterator[bytes]:
    """All that matches, newest first, in pieces of whole lines."""
    asked = replace(search, page_size=AT_ONCE)
    while True:
        found = await database.read(partial(page, search=asked))
        if found.items:
            yield b"".join(line(event) for event in found.items)
        if found.next is None:
            return
        asked = replace(asked, cursor=found.next)


def line(event: RequestEvent) -> bytes:
    """Without secrets, which events never hold, and with e-mail addresses masked."""
    failure = event.failure
    told = Line(
        id=event.id.hex(),
        at=from_micros(event.at_ms * 1000),
        endpoint=event.endpoint,
        status=event.status,
        latency_ms=event.latency_ms,
        auth_index=event.auth_index,
        file_name=None if event.file_name is None else scrub(event.file_name),
        provider=event.provider,
        model=event.model,
        prefix=event.prefix,
        project=event.project,
        client_key=event.client_key,
        ttfb_ms=event.ttfb_ms,
        streamed=event.streamed,
        tokens=_Tokens(event.tokens.input, event.tokens.output, event.tokens.cached, event.tokens.reasoning),
        failure=None if failure is None else _Failure(failure.kind, failure.code, scrub(failure.summary)),
        attempts=[_Attempt(one.auth_index, one.ms, one.status, one.kind) for one in event.attempts],
        trace=event.trace,
    )
    return msgspec.json.encode(told) + b"\n"


async def take_in(database: Database, clock: Clock, content: Iterable[bytes]) -> Taken:
    """Add what is not there yet, with its sums. The same lines again change nothing."""
    taken = Taken()
    latest_ms = to_micros(clock.now()) // 1000 + DAY
    some: list[RequestEvent] = []
    for number, raw in enumerate(content, 1):
        if not raw.strip():
            continue
        try:
            some.append(_event(_decoder.decode(raw), latest_ms))
        except (msgspec.MsgspecError, ValueError) as error:
            taken.refused += 1
            if len(taken.problems) < PROBLEMS:
                taken.problems.append((number, str(error)[:200]))
        if len(some) == AT_ONCE:
            await _add(database, some, taken)
            some = []
    await _add(database, some, taken)
    return taken


async def _add(database: Database, some: Sequence[RequestEvent], taken: Taken) -> None:
    if not some:
        return

    def work(c: WriteConnection) -> tuple[int, int]:
        there = stored(c, [event.id for event in some])
        fresh = list({event.id: event for event in some if event.id not in there}.values())
        kept = _still_whole(c, fresh)
        store(c, kept, {})
        return len(kept), len(fresh) - len(kept)

    added, forgotten = await database.write(work, patient=True)
    taken.added += added
    taken.forgotten += forgotten
    taken.known += len(some) - added - forgotten


def _still_whole(c: WriteConnection, some: Sequence[RequestEvent]) -> list[RequestEvent]:
    """Those of hours none of whose requests were deleted."""
    hours = {event.at_ms // HOUR for event in some}
    gone = {hour for hour in hours if not is_whole(c, Span(hour * HOUR, (hour + 1) * HOUR))}
    return [event for event in some if event.at_ms // HOUR not in gone]


def _event(told: Line, latest_ms: int) -> RequestEvent:
    """Raises ``ValueError`` where its time can't be."""
    if told.at.tzinfo is None:
        raise ValueError("at: no time zone")
    at_ms = to_micros(told.at.astimezone(UTC)) // 1000
    if not 0 <= at_ms <= latest_ms:
        raise ValueError(f"at: {rfc3339(told.at)[:40]} can't be")
    failure = told.failure
    return RequestEvent(
        id=bytes.fromhex(told.id),
        at_ms=at_ms,
        endpoint=told.endpoint,
        model=told.model,
        provider=told.provider,
        auth_index=told.auth_index,
        file_name=told.file_name,
        client_key=told.client_key,
        prefix=told.prefix,
        project=told.project,
        status=told.status,
        latency_ms=told.latency_ms,
        ttfb_ms=told.ttfb_ms,
        streamed=told.streamed,
        tokens=Tokens(told.tokens.input, told.tokens.output, told.tokens.cached, told.tokens.reasoning),
        failure=None if failure is None else Failure(failure.kind, scrub(failure.code, 200), scrub(failure.summary)),
        attempts=[Attempt(one.auth_index, one.status, one.kind, one.ms) for one in told.attempts],
        trace=told.trace,
    )

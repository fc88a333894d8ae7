"""Taking in what answers say of accounts: off the answers' path, equal ones together, some accounts a transaction.

The gateway hands over what it saw and goes on. What may lead to a hold is written at once, all else within seconds.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Final

import structlog

from authdeck import quota, tasks
from authdeck.account import Account
from authdeck.action import Cause, Sighting, Watch
from authdeck.clock import from_micros
from authdeck.entry import Entry
from authdeck.errors import DeckError
from authdeck.evidence import NEUTRAL, Action, Confidence, Evidence, Signal, Source, of_new_token, together
from authdeck.metrics import OBSERVATIONS_DROPPED
from authdeck.operations.bounds import Guard
from authdeck.operations.desk import Desk
from authdeck.operations.keep_headers import HeaderKeeper
from authdeck.operations.reconcile import SETTLED, settle
from authdeck.operations.records import changed
from authdeck.operations.windows import Seen, take_in_windows
from authdeck.providers import PROVIDERS
from authdeck.quota import QuotaWindow
from authdeck.quota_answer import Noted, differences
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts
from authdeck.storage.writing import accounts as account_writes
from authdeck.storage.writing import evidence as writing
from authdeck.storage.writing.quota import add_notes
from authdeck.verdict import Verdict

AT_ONCE: Final = 8
"""Accounts of one transaction: none may last 50 ms."""

WAITING_LIMIT: Final = 10_000
"""Accounts whose observations wait; those of further ones are dropped and counted."""

_REMEMBERED: Final = 10_000
_log = structlog.get_logger(__name__)
_Raw = Sequence[tuple[bytes, bytes]]
_NEVER: Final = from_micros(0)


@dataclass(frozen=True, slots=True)
class Failed:
    """A failed answer. ``generation`` is that of the credential that was sent.

    ``is_final``: a newer credential was tried too, or there is none to be had. ``renewed_at`` is when that newer one
    was made. ``model`` is what was asked for.
    """

    account: Account
    generation: int
    verdict: Verdict
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    request_id: str
    model: str | None = None
    is_final: bool = True
    renewed_at: datetime | None = None
    source: Source = Source.RESPONSE


@dataclass(slots=True)
class _Waiting:
    """What was seen of one account and is not written yet. ``causes`` are the common causes of its failures."""

    evidence: dict[tuple[object, ...], Evidence] = field(default_factory=dict)
    windows: tuple[QuotaWindow, ...] = ()
    plan: str | None = None
    causes: dict[tuple[Cause, str], datetime] = field(default_factory=dict)


class Observer:
    """``failed`` and ``answered`` from the event loop, between ``start`` and ``close``; ``flush`` by the timetable."""

    def __init__(self, desk: Desk) -> None:
        self._desk: Final = desk
        self._watch: Final = Watch()
        self._headers: Final = HeaderKeeper(desk)
        self._waiting: dict[str, _Waiting] = {}
        self._figures: OrderedDict[str, tuple[tuple[bytes, ...], datetime]] = OrderedDict()
        self._urgent: Final = asyncio.Event()
        self._writing: Final = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = tasks.start(self._run(), name="observe")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.write()
        await self._headers.close()

    def failed(self, failed: Failed) -> None:
        """An answer that failed. Requests' own faults say nothing of the account and are not kept."""
        now, account = self._desk.now(), failed.account
        self._headers.failed(account, failed.headers, failed.request_id or None)
        windows = PROVIDERS[account.provider].read_windows(failed.headers, failed.body, now, failed.verdict.scope)
        cause = self._watch.cause(_sighting(failed, now))
        row = _row(failed, now, cause)
        if row.signal in NEUTRAL and cause is None and not windows:
            return
        waiting = self._of(account)
        if waiting is None:
            return
        if row.signal not in NEUTRAL:
            _add(waiting, row)
        if cause is not None:
            waiting.causes[cause] = now
        waiting.windows = quota.newest(waiting.windows, windows)
        if row.may_automate or cause is not None:
            self._urgent.set()

    def answered(self, account: Account, headers: _Raw, request_id: str | None = None) -> None:
        """An answer that succeeded: its headers may tell of quota windows. Costs next to nothing where they don't."""
        self._watch.served(account.provider.value, account.proxy_display)
        figures = _figures(account, headers)
        self._headers.answered(account, headers, request_id, tells=bool(figures))
        if figures:
            self._saw_figures(account, headers, figures)

    def limits(self, account: Account, headers: _Raw) -> None:
        """Limits told by a message of a websocket, as ``headers`` of an answer would tell them."""
        if figures := _figures(account, headers):
            self._saw_figures(account, headers, figures)

    def _saw_figures(self, account: Account, headers: _Raw, figures: tuple[bytes, ...]) -> None:
        now, (known, at) = self._desk.now(), self._figures.get(account.auth_index, ((), _NEVER))
        if figures == known and now - at < quota.KEPT_EVERY:
            return
        self._remember(account.auth_index, figures, now)
        told = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        self.saw_windows(account, PROVIDERS[account.provider].read_windows(told, b"", now))
        self._saw_plan(account, PROVIDERS[account.provider].read_plan(told))

    def saw_windows(self, account: Account, windows: Iterable[QuotaWindow]) -> None:
        """Quota windows of an account, wherever they were read. Those that tell nothing new are left out."""
        entry = self._desk.directory.get(account.auth_index)
        known = {window.key: window for window in entry.windows} if entry is not None else {}
        new = [window for window in windows if quota.is_kept(known.get(window.key), window)]
        if new and (waiting := self._of(account)) is not None:
            waiting.windows = quota.newest(waiting.windows, new)

    def _saw_plan(self, account: Account, plan: str | None) -> None:
        entry = self._desk.directory.get(account.auth_index)
        if plan is None or entry is None or entry.account.plan == plan:
            return
        if (waiting := self._of(account)) is not None:
            waiting.plan = plan

    async def flush(self) -> None:
        """Write down what was observed, and headers. What can't be written now waits for the next time."""
        await self.write()
        await self._headers.flush()

    async def write(self) -> None:
        """Write down what was observed, and nothing else: holds do not wait for headers."""
        async with self._writing:
            self._watch.forget(self._desk.now())
            while self._waiting:
                some = dict(list(self._waiting.items())[:AT_ONCE])
                for auth_index in some:
                    del self._waiting[auth_index]
                try:
                    await self._desk.write(partial(take_in, self._desk, some))
                except BaseException:
                    self._take_back(some)
                    raise

    async def _run(self) -> None:
        while True:
            await self._urgent.wait()
            self._urgent.clear()
            try:
                await self.write()
            except DeckError as error:
                _log.warning("observations wait", code=error.code)
            except Exception:  # noqa: BLE001 - the timetable tries again; this must go on whatever it was
                _log.exception("observations wait")

    def _of(self, account: Account) -> _Waiting | None:
        waiting = self._waiting.get(account.auth_index)
        if waiting is None:
            if len(self._waiting) >= WAITING_LIMIT:
                OBSERVATIONS_DROPPED.inc()
                return None
            waiting = self._waiting[account.auth_index] = _Waiting()
        return waiting

    def _take_back(self, some: Mapping[str, _Waiting]) -> None:
        for auth_index, waiting in some.items():
            newer = self._waiting.setdefault(auth_index, _Waiting())
            for row in waiting.evidence.values():
                _add(newer, row)
            newer.windows = quota.newest(newer.windows, waiting.windows)
            newer.plan = newer.plan or waiting.plan
            newer.causes = waiting.causes | newer.causes

    def _remember(self, auth_index: str, figures: tuple[bytes, ...], now: datetime) -> None:
        self._figures[auth_index] = figures, now
        self._figures.move_to_end(auth_index)
        if len(self._figures) > _REMEMBERED:
            self._figures.popitem(last=False)


def _figures(account: Account, headers: _Raw) -> tuple[bytes, ...]:
    ends = PROVIDERS[account.provider].WINDOW_HEADERS
    return tuple(value for name, value in headers if name.endswith(ends)) if ends else ()


def _add(waiting: _Waiting, row: Evidence) -> None:
    known = waiting.evidence.get(row.kind)
    waiting.evidence[row.kind] = row if known is None else together(known, row)


def _sighting(failed: Failed, now: datetime) -> Sighting:
    verdict, account = failed.verdict, failed.account
    return Sighting(
        now, account.auth_index, account.provider.value, verdict.signal, verdict.kind, verdict.code,
        verdict.confidence, account.proxy_display, failed.request_id,
    )  # fmt: skip


def _row(failed: Failed, now: datetime, cause: tuple[Cause, str] | None) -> Evidence:
    """The observation, toned down where it proves less than it says.

    A token that could still be exchanged may just have run out. A failure that others share is not the account's.
    """
    row = failed.verdict.evidence(failed.generation, now, failed.source, failed.request_id or None)
    if row.signal is Signal.TRANSIENT and not failed.verdict.is_account_wide:
        row = replace(row, scope=failed.model)
    if failed.verdict.refreshable and not failed.is_final:
        row = replace(row, may_automate=False, confidence=Confidence.LOW)
    if failed.renewed_at is not None:
        row = of_new_token(row, failed.renewed_at)
    if cause is not None:
        told = {**row.detail, "incident": cause[0].value}
        row = replace(row, may_automate=False, action=Action.KEEP, detail=told)
    return row


# ---- one transaction ----


def take_in(desk: Desk, seen: Mapping[str, _Waiting], connection: WriteConnection) -> None:
    """Evidence, windows and their history, incidents; then holds, queue rows and state of the accounts they concern."""
    account_writes.claim(connection, seen)
    found = accounts.entries(connection, list(seen))
    guard = Guard(desk, connection)
    rows = [(entry.account, row) for index, entry in found.items() for row in seen[index].evidence.values()]
    writing.note_all(connection, [(account.key, guard.bounded(account, row)) for account, row in rows])
    windows = [Seen(entry.account, entry.windows, seen[index].windows) for index, entry in found.items()]
    add_notes(connection, {entry.account.key: _notes(entry, seen[index], desk.now()) for index, entry in found.items()})
    for auth_index in take_in_windows(connection, windows) | _take_in_plans(desk, connection, found, seen):
        changed(desk, connection, SETTLED, auth_index)
    for waiting in seen.values():
        for cause, at in waiting.causes.items():
            guard.report(cause, at)
    settle(desk, connection, [entry.account for entry in found.values()])


def _notes(entry: Entry, waiting: _Waiting, now: datetime) -> tuple[Noted, ...]:
    """What providers changed about limits, as answers tell in passing; of windows that will be written down."""
    known = {window.key: window for window in entry.windows}
    told = [window for window in waiting.windows if quota.is_kept(known.get(window.key), window)]
    at = max((window.observed_at for window in told), default=now)
    after = quota.newest(entry.windows, told)
    return differences(entry.windows, after, (entry.account.plan, waiting.plan), at, Source.HEADER)


def _take_in_plans(
    desk: Desk, connection: WriteConnection, found: Mapping[str, Entry], seen: Mapping[str, _Waiting]
) -> set[str]:
    """Plans that answers told in passing. The accounts that have another one now, by auth_index."""
    told = {index: plan for index, waiting in seen.items() if (plan := waiting.plan) is not None and index in found}
    others = {index: plan for index, plan in told.items() if found[index].account.plan != plan}
    for index, plan in others.items():
        account_writes.change(connection, found[index].account.key, {"plan": plan}, at=desk.now())
    return set(others)

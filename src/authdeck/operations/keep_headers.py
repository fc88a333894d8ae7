"""Keeping headers of answers to be looked at: a note on the answers' path, all else when they are written down.

Written by the observer's flushes: of so many accounts each time, those first that wait longest. So the newest answer
of an account shows some seconds later where there are few, and later where thousands answer at once.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Final

from authdeck.account import Account, Provider
from authdeck.operations.desk import Desk
from authdeck.providers import PROVIDERS
from authdeck.seen_headers import SeenAnswer, kept, merged
from authdeck.storage.database import WriteConnection
from authdeck.storage.writing.seen_headers import store

AT_ONCE: Final = 50
"""Accounts of one transaction: none may last 50 ms."""

A_FLUSH: Final = 500
"""Accounts of one flush."""

WAITING_LIMIT: Final = 10_000
"""Accounts whose headers wait; those of further ones are not kept."""

Raw = Sequence[tuple[bytes, bytes]]


@dataclass(slots=True)
class _Waiting:
    """What is not written yet. ``answered`` and ``told`` are the newest answer, and the newest one with figures."""

    provider: Provider
    answered: tuple[Raw, str | None, datetime] | None = None
    told: tuple[Raw, str | None, datetime] | None = None
    refused: list[SeenAnswer] = field(default_factory=list)


class HeaderKeeper:
    """``answered``, ``failed`` and ``flush`` from the event loop; flushes wait for each other."""

    def __init__(self, desk: Desk) -> None:
        self._desk: Final = desk
        self._waiting: dict[str, _Waiting] = {}
        self._writing: Final = asyncio.Lock()

    def answered(self, account: Account, headers: Raw, request_id: str | None, *, tells: bool) -> None:
        """``tells``: it has figures of limits, so that a later answer without them does not take its place."""
        waiting = self._of(account)
        if waiting is None:
            return
        answer = headers, request_id, self._desk.now()
        if tells:
            waiting.told = answer
        else:
            waiting.answered = answer

    def failed(self, account: Account, headers: Mapping[str, str], request_id: str | None) -> None:
        waiting = self._of(account)
        if waiting is None or not headers:
            return
        raw = [
            (name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in headers.items()
        ]
        now = self._desk.now()
        waiting.refused = [*merged([*waiting.refused, _read(account.provider, (raw, request_id, now))], now)]

    async def flush(self, most: int = A_FLUSH) -> None:
        """Write down what waits. What can't be written now waits for the next time."""
        async with self._writing:
            due = list(islice(self._waiting, most))
            for start in range(0, len(due), AT_ONCE):
                some = {index: self._waiting.pop(index) for index in due[start : start + AT_ONCE]}
                try:
                    await self._desk.write(partial(_store, some, self._desk.now()), patient=True)
                except BaseException:
                    self._take_back(some)
                    raise

    async def close(self) -> None:
        await self.flush(WAITING_LIMIT)

    def _take_back(self, some: Mapping[str, _Waiting]) -> None:
        for auth_index, waiting in some.items():
            newer = self._waiting.setdefault(auth_index, waiting)
            if newer is not waiting:
                newer.answered = newer.answered or waiting.answered
                newer.told = newer.told or waiting.told
                newer.refused = [*newer.refused, *waiting.refused]

    def _of(self, account: Account) -> _Waiting | None:
        waiting = self._waiting.get(account.auth_index)
        if waiting is None and len(self._waiting) < WAITING_LIMIT:
            waiting = self._waiting[account.auth_index] = _Waiting(account.provider)
        return waiting


def _store(some: Mapping[str, _Waiting], now: datetime, connection: WriteConnection) -> None:
    """On the writer's thread: what is to be read of so many would keep requests waiting for a millisecond."""
    store(connection, _answers(some), now)


def _answers(some: Mapping[str, _Waiting]) -> dict[str, list[SeenAnswer]]:
    return {
        index: [*waiting.refused, *(_read(waiting.provider, each) for each in (waiting.told, waiting.answered) if each)]
        for index, waiting in some.items()
    }


def _read(provider: Provider, answer: tuple[Raw, str | None, datetime]) -> SeenAnswer:
    headers, request_id, at = answer
    return SeenAnswer(at, kept(headers, PROVIDERS[provider].KEPT_HEADERS), request_id)

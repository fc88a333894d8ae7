"""Uploads between their preview and their import: in memory only, for fifteen minutes, for the person who sent them."""

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from authdeck.errors import NotFound
from authdeck.operations.import_files import Choices, Source

KEPT: Final = timedelta(minutes=15)
ROOM: Final = 64 * 1024 * 1024
"""All waiting uploads together; the oldest gives way."""


@dataclass(frozen=True, slots=True)
class Waiting:
    owner: str
    sources: Sequence[Source] = field(repr=False)
    until: datetime
    choices: Choices = field(default_factory=Choices)

    @property
    def size(self) -> int:
        return sum(len(source.content) for source in self.sources)


class WaitingImports:
    """By an unguessable ticket. Used on the event loop only."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, Waiting] = OrderedDict()

    def keep(self, owner: str, sources: Sequence[Source], now: datetime, choices: Choices | None = None) -> str:
        """``choices`` are what came with the files: a passphrase that opens them, a region."""
        ticket = secrets.token_urlsafe(24)
        self._waiting[ticket] = Waiting(owner, sources, now + KEPT, choices or Choices())
        self._make_room(now)
        return ticket

    def get(self, ticket: str, owner: str, now: datetime) -> Waiting:
        """Raises ``NotFound('preview_expired')``; another person's ticket does not exist."""
        waiting = self._waiting.get(ticket)
        if waiting is None or waiting.owner != owner or now >= waiting.until:
            raise NotFound("preview_expired")
        return waiting

    def drop(self, ticket: str) -> None:
        self._waiting.pop(ticket, None)

    def _make_room(self, now: datetime) -> None:
        for ticket in [ticket for ticket, waiting in self._waiting.items() if now >= waiting.until]:
            del self._waiting[ticket]
        while len(self._waiting) > 1 and sum(waiting.size for waiting in self._waiting.values()) > ROOM:
            self._waiting.popitem(last=False)

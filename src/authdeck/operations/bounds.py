"""The bounds of automation, kept inside one transaction: how many accounts it may hold, and what stopped it."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from authdeck import action
from authdeck.account import Account
from authdeck.action import Bounds, Cause, Incident
from authdeck.evidence import Evidence
from authdeck.operations.desk import Desk
from authdeck.operations.notices import note_incidents
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import evidence as reading
from authdeck.storage.writing import evidence as writing


class Guard:
    """Keeps automation within its bounds, and writes incidents down. Lives as long as one transaction.

    The first question claims the bounds until the transaction ends: processes that ask at once share them.
    """

    def __init__(self, desk: Desk, connection: WriteConnection) -> None:
        allowed = desk.settings.automation
        self._desk: Final = desk
        self._connection: Final = connection
        self._bounds: Final = Bounds(allowed.accounts_per_hour, allowed.percent_per_hour)
        self._known: dict[tuple[Cause, str], Incident] | None = None
        self._held: dict[str, set[int]] = {}

    def bounded(self, account: Account, row: Evidence) -> Evidence:
        """The row; one that would hold more accounts than automation may leaves that to a person."""
        if not action.is_bounded(row) or self.allows(account, row.code, row.last_at):
            return row
        return replace(row, may_automate=False, detail={**row.detail, "incident": Cause.BOUNDS.value})

    def allows(self, account: Account, code: str, at: datetime) -> bool:
        """Whether automation may hold this account, too. Where not, the incident of that reason counts one more."""
        cause = (Cause.BOUNDS, f"{account.provider.value}:{code}")
        is_open, held = cause in self._open(), self._held_of(account)
        is_stopped = is_open or len(held) >= self._allowance(account)
        if account.key in held or not is_stopped:
            held.add(account.key)
            return True
        self.report(cause, at)
        return False

    def report(self, cause: tuple[Cause, str], at: datetime) -> None:
        """Open the incident, or count one more."""
        known = self._open().get(cause)
        incident = (
            Incident(*cause, opened_at=at, last_at=at)
            if known is None
            else replace(known, count=known.count + 1, last_at=max(known.last_at, at))
        )
        self._open()[cause] = stored = writing.store_incident(self._connection, incident)
        if known is None:
            note_incidents(self._connection, [stored], self._desk.now())

    def _open(self) -> dict[tuple[Cause, str], Incident]:
        if self._known is None:
            writing.claim_bounds(self._connection)
            self._known = reading.open_incidents(self._connection)
        return self._known

    def _held_of(self, account: Account) -> set[int]:
        provider = account.provider.value
        if provider not in self._held:
            since = self._desk.now() - self._bounds.within
            self._held[provider] = set(reading.held_since(self._connection, account.provider, since))
        return self._held[provider]

    def _allowance(self, account: Account) -> int:
        return self._bounds.allowance(reading.count_of_provider(self._connection, account.provider))

"""Changing accounts inside a transaction: the same for one account and for a hundred rows of a batch.

1. ``stand`` reads the rows under lock.
2. ``ask`` (a change) or ``step_back`` (an undo) says for each row which names get which values.
3. ``plan`` compares that with what is, without writing; a preview ends here.
4. ``carry_out`` writes all plans together, each kind of write once.

Nothing here is audited: the caller knows whether this was one act or part of one.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import structlog

from authdeck.account import Account
from authdeck.account_fields import proxy_display
from authdeck.change import (
    DISABLED,
    HEADER,
    HOLD,
    PURGED,
    Change,
    Note,
    RowOutcome,
    difference,
    hidden,
    hold_from,
    hold_name,
    hold_value,
    plain,
    same,
    undoing,
    value_of,
)
from authdeck.errors import Conflict, DeckError, NotFound
from authdeck.formats import check_name
from authdeck.hold import Hold, Owner
from authdeck.import_plan import free_name
from authdeck.operations import seals
from authdeck.operations.desk import Desk
from authdeck.operations.records import changed
from authdeck.secret import Secret
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.reading import accounts, kinship
from authdeck.storage.reading.accounts import Standing
from authdeck.storage.reading.revisions import StoredSecrets
from authdeck.storage.writing import accounts as account_writes
from authdeck.storage.writing import changing, purging
from authdeck.storage.writing.changing import Edit

HANDED_OVER: Final = "handed_over"
RANKING: Final = "ranking"
"""A change of how an account is found and when it comes, which neither its state nor its credential follows from."""

Wanted = Mapping[str, Any]

_log = structlog.get_logger(__name__)


class Row:
    """One account as it stands, read under lock."""

    def __init__(self, desk: Desk, standing: Standing) -> None:
        self.account: Final = standing.account
        self.holds: Final = {hold_name(hold): hold for hold in standing.holds}
        self._desk: Final = desk
        self._standing: Final = standing
        self._headers: dict[str, str] | None = None

    def now(self, name: str) -> Any:
        """The value that a name has."""
        if name.startswith(HOLD):
            hold = self.holds.get(name)
            return hold_value(hold) if hold else None
        if name.startswith(HEADER):
            folded = {known.casefold(): value for known, value in self.headers().items()}
            return folded.get(name.removeprefix(HEADER).casefold())
        if name == "proxy_url":
            known = self._standing.proxy
            return None if known is None else {"key": known, "shown": self.account.proxy_display}
        return value_of(self.account, name)

    def headers(self) -> Mapping[str, str]:
        """Opened. Raises ``DeckError('sealed_…')`` where they don't open."""
        if self._headers is None:
            stored = StoredSecrets(self._standing.headers_sealed, None, None)
            opened = seals.open_settings(self._desk.vault, self.account.auth_index, stored)
            self._headers = {name: value.open() for name, value in opened.headers.items()}
        return self._headers


@dataclass(slots=True)
class Plan:
    """What is to become of one row. ``before`` and ``after`` hold secrets in clear: ``told`` does not."""

    row: Row | None
    subject: str
    outcome: RowOutcome
    before: dict[str, Any] = field(default_factory=dict, repr=False)
    after: dict[str, Any] = field(default_factory=dict, repr=False)
    reason: Note | None = None
    differs: dict[str, Any] = field(default_factory=dict)

    @property
    def account(self) -> Account | None:
        return self.row.account if self.row else None

    def told(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Before and after as they may be stored in clear."""
        return _hidden(self.before), _hidden(self.after)

    def secrets(self) -> dict[str, dict[str, Any]]:
        """What ``told`` leaves out; empty where it leaves out nothing."""
        names = [name for name in self.after if name.startswith(HEADER)]
        if not names:
            return {}
        return {part: {name: values.get(name) for name in names} for part, values in self._parts()}

    def _parts(self) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        return ("before", self.before), ("after", self.after)


@dataclass(slots=True)
class Taking:
    """What the rows of one transaction share. ``previewing`` writes nothing, not even a proxy's row."""

    desk: Desk
    connection: ReadConnection
    actor: str
    now: datetime
    previewing: bool = False
    _names: set[str] = field(default_factory=set)
    _known: dict[str, bool] = field(default_factory=dict)
    _proxies: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)

    def proxy(self, url: Secret) -> dict[str, Any]:
        """The proxy as a row's value."""
        known = self._proxies.get(url.open())
        if known is None:
            known = self._proxies[url.open()] = {"key": self._proxy_key(url), "shown": proxy_display(url)}
        return known

    def _proxy_key(self, url: Secret) -> int:
        desk = self.desk
        if isinstance(self.connection, WriteConnection) and not self.previewing:
            return seals.seal_proxy(desk.vault, self.connection, url, desk.clock) or 0
        return accounts.proxy_key(self.connection, desk.vault.keyed_hash("proxy", url.open())) or 0

    def look_up(self, names: Iterable[str]) -> None:
        """Which of these names live accounts have, asked together."""
        if asked := {name.casefold(): False for name in names}:
            self._known.update(asked | dict.fromkeys(accounts.by_file_name(self.connection, asked), True))

    def live_name(self, name: str) -> str:
        """The name itself where no live account has it, else with a suffix; taken from now on."""
        free, folded = name, name.casefold()
        if folded not in self._known:
            self.look_up([name])
        if folded in self._names or self._known[folded]:
            free = free_name(name, frozenset(self._names | accounts.names_like(self.connection, name)))
        self._names.add(free.casefold())
        return free

    def require_free(self, account: Account, name: str) -> None:
        found = accounts.by_file_name(self.connection, [name.casefold()]).get(name.casefold())
        if found is not None and found.account.key != account.key:
            raise Conflict("file_name_taken", file_name=name, auth_index=found.account.auth_index)


def stand(desk: Desk, connection: ReadConnection, indexes: Sequence[str], *, locked: bool = True) -> dict[str, Row]:
    """The accounts as they are; those that do not exist (any more) are left out."""
    found = accounts.standing(connection, indexes, locked=locked)
    return {index: Row(desk, standing) for index, standing in found.items()}


# ---- what is wanted ----


def ask(taking: Taking, row: Row, change: Change) -> dict[str, Any]:
    """The values that a change gives to a row's names."""
    wanted: dict[str, Any] = {}
    for name, value in change.fields.items():
        wanted |= _field(taking, row, name, value)
    if change.disable is not None:
        hold = Hold(
            Owner.OPERATOR, DISABLED, taking.now, change.disable.until, note=change.disable.reason, actor=taking.actor
        )
        wanted[hold_name(hold)] = hold_value(_since_before(row, hold, taking.now))
    if change.enable:
        wanted |= {name: None for name, hold in row.holds.items() if hold.owner in _SWITCHED_OFF}
    if change.locked is not None:
        wanted["locked"] = change.locked
    if change.delete or change.restore:
        wanted["trashed"] = change.delete
    if change.purge:
        wanted[PURGED] = True
    return wanted


_SWITCHED_OFF: Final = frozenset({Owner.OPERATOR, Owner.INSPECTION})


def hand_over(row: Row, actor: str, now: datetime) -> dict[str, Any]:
    """From now on the other program's: not served here, not refreshed here."""
    hold = Hold(Owner.OPERATOR, HANDED_OVER, now, actor=actor)
    return {hold_name(hold): hold_value(_since_before(row, hold, now)), "refresh_by": "other"}


def _since_before(row: Row, hold: Hold, now: datetime) -> Hold:
    """A hold that is brought up to date goes on since its beginning."""
    former = row.holds.get(hold_name(hold))
    return replace(hold, since=former.since) if former and former.applies(now) else hold


def _field(taking: Taking, row: Row, name: str, value: Any) -> dict[str, Any]:
    if name == "proxy_url":
        return {name: None if value is None else taking.proxy(value)}
    if name == "headers":
        asked: Mapping[str, Secret | None] = value or dict.fromkeys(row.headers())
        known = {header.casefold(): header for header in row.headers()}  # so spelt, undo brings it back as it was
        return {f"{HEADER}{known.get(header.casefold(), header)}": plain(name, asked[header]) for header in asked}
    if name == "file_name":
        check_name(value)
    return {name: plain(name, value)}


# ---- what that means for the row ----


def plan(taking: Taking, row: Row, wanted: Wanted) -> Plan:
    """Compare what is wanted with what is. Raises ``DeckError`` where the row can't be changed so."""
    account = row.account
    if account.trashed_at is not None and not {"trashed", PURGED} & wanted.keys():
        raise NotFound("account_in_trash", name=account.auth_index)
    if account.trashed_at is None and PURGED in wanted:
        raise Conflict("not_in_trash", auth_index=account.auth_index)
    made = Plan(row, account.file_name, RowOutcome.UNCHANGED)
    for name, value in wanted.items():
        current = row.now(name)
        is_over = name.startswith(HOLD) and current is not None and not row.holds[name].applies(taking.now)
        if is_over or not same(name, current, value):
            made.before[name], made.after[name] = current, value
    _take_names(taking, row, made)
    if made.after:
        made.outcome = RowOutcome.DONE
    return made


def _take_names(taking: Taking, row: Row, made: Plan) -> None:
    """File names are one account's alone: what comes back from the trash gets a suffix, a rename is refused."""
    account, name = row.account, made.after.get("file_name")
    if made.after.get("trashed") is False:
        free = taking.live_name(name or account.file_name)
        if free != account.file_name:
            made.before["file_name"], made.after["file_name"] = account.file_name, free
    elif name is not None and not made.after.get("trashed"):
        taking.require_free(account, name)


def planned(row: Row | None, subject: str, wish: Callable[[Row], Plan]) -> Plan:
    """One row of many: whatever is wrong with it is its outcome, and never stops the others."""
    if row is None:
        return Plan(None, subject, RowOutcome.SKIPPED, reason=("account_not_found", {"name": subject}))
    try:
        return wish(row)
    except DeckError as error:
        is_skipped = error.code in _AS_THINGS_STAND
        outcome = RowOutcome.SKIPPED if is_skipped else RowOutcome.FAILED
        return Plan(row, row.account.file_name, outcome, reason=(error.code, error.params))
    except Exception:  # noqa: BLE001 - nothing is written yet: this row alone is lost
        _log.exception("row failed", auth_index=row.account.auth_index)
        return Plan(row, row.account.file_name, RowOutcome.FAILED, reason=("internal", {}))


_AS_THINGS_STAND: Final = frozenset({"account_in_trash", "not_in_trash", "file_name_taken"})


def step_back(
    taking: Taking, row: Row, before: Mapping[str, Any], after: Mapping[str, Any], *, ended_at: datetime | None
) -> Plan:
    """The undo of one row, name by name, where it still has what was given to it until ``ended_at``."""
    wanted, differs = undoing(before, after, {name: row.now(name) for name in after})
    at = row.account.trashed_at
    if wanted.get("trashed") is False and at and ended_at and at > ended_at:  # it was restored and deleted again
        differs["trashed"] = difference("trashed", after["trashed"], not wanted.pop("trashed"))
    if wanted.get("trashed") is False or after.get("trashed") is False:
        # The suffix of a name that was taken is no change of a person's.
        wanted.pop("file_name", None)
        differs.pop("file_name", None)
    if any(proxy_is_gone(taking.connection, name, value) for name, value in wanted.items()):
        wanted.pop("proxy_url")
        differs["proxy_url"] = {"expected": None, "found": row.now("proxy_url")}
    reason: Note | None = ("changed_since", {"fields": sorted(differs)}) if differs else None
    if not wanted:
        outcome = RowOutcome.SKIPPED if differs else RowOutcome.UNCHANGED
        return Plan(row, row.account.file_name, outcome, reason=reason, differs=differs)
    made = plan(taking, row, wanted)
    made.reason, made.differs = reason, differs
    return made


def proxy_is_gone(connection: ReadConnection, name: str, value: Any) -> bool:
    """Whether the former proxy's row was let go of with the last purged account that used it."""
    return name == "proxy_url" and value is not None and not accounts.has_proxy(connection, value["key"])


# ---- doing it ----


def carry_out(taking: Taking, connection: WriteConnection, plans: Iterable[Plan]) -> None:
    """Write every plan that is to be done, and tell the readers."""
    doing = [(made, made.row) for made in plans if made.row is not None and made.outcome is RowOutcome.DONE]
    edits = []
    for made, row in doing:
        if columns := _columns(taking, made, row):
            edits.append(Edit(row.account.key, row.account.version, columns, set(columns) != {"locked"}))
    if changing.edit(connection, edits, at=taking.now) != len(edits):
        raise DeckError("storage_busy", status=503)
    _move_holds(taking, connection, doing)
    _purge(connection, [row.account.key for made, row in doing if PURGED in made.after], taking.now)
    for made, row in doing:
        if "file_name" in made.after:
            _keep_name(connection, row.account, taking.now)
        kind = RANKING if _RANKS.issuperset(made.after) else "account"
        changed(taking.desk, connection, kind, row.account.auth_index)


def _purge(connection: WriteConnection, account_keys: Sequence[int], now: datetime) -> None:
    """What was merged into them goes too."""
    if account_keys:
        purging.purge(connection, [*kinship.merged_into(connection, account_keys), *account_keys], at=now)


_RANKS: Final = frozenset({"note", "priority", "weight", "prefix"})


def _move_holds(taking: Taking, connection: WriteConnection, doing: Sequence[tuple[Plan, Row]]) -> None:
    """A hold that is brought up to date is another row: what it was is history. A released one leaves a watermark."""
    placed, released, marks = [], [], []
    for made, row in doing:
        for name, value in made.after.items():
            former = row.holds.get(name)
            if former is not None:
                released.append(former.key)
            if value is not None and name.startswith(HOLD):
                placed.append((row.account.key, hold_from(name, value)))
            elif former is not None:
                marks.append((row.account.key, former.owner, former.code))
    changing.release(connection, released, by=taking.actor, at=taking.now)
    changing.raise_watermarks(connection, dict.fromkeys(marks), by=taking.actor, at=taking.now)
    changing.place(connection, placed)


def _columns(taking: Taking, made: Plan, row: Row) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, value in made.after.items():
        if name == "trashed":
            columns |= {"trashed_at": taking.now, "trashed_by": taking.actor} if value else _OUT_OF_TRASH
        elif name == "file_name":
            columns |= {"file_name": value, "file_name_folded": value.casefold()}
        elif name == "proxy_url":
            columns["proxy"] = value["key"] if value else None
        elif name != PURGED and not name.startswith((HEADER, HOLD)):
            columns[name] = value
    headers = {name.removeprefix(HEADER): value for name, value in made.after.items() if name.startswith(HEADER)}
    if headers:
        columns["headers_sealed"] = _sealed_headers(taking.desk, row, headers)
    return columns


_OUT_OF_TRASH: Final = {"trashed_at": None, "trashed_by": None}


def _sealed_headers(desk: Desk, row: Row, changes: Mapping[str, str | None]) -> bytes | None:
    """The account's headers with the changes laid over them by name; names are compared without case."""
    named = {name.casefold() for name in changes}
    kept = {name: value for name, value in row.headers().items() if name.casefold() not in named}
    merged = kept | {name: value for name, value in changes.items() if value is not None}
    secrets = {name: Secret(value) for name, value in merged.items()}
    return seals.seal_headers(desk.vault, row.account.auth_index, secrets)


def _keep_name(connection: WriteConnection, account: Account, now: datetime) -> None:
    account_writes.add_alias(connection, account.key, "file_name", account.file_name, source="renamed", since=now)


def _hidden(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: hidden(name, value) for name, value in values.items()}


def sealed_secrets(desk: Desk, made: Plan, batch: str, number: int) -> bytes | None:
    """What a batch's row keeps so that it can be undone."""
    secrets = made.secrets()
    return seals.seal_row(desk.vault, batch, number, json.dumps(secrets).encode()) if secrets else None

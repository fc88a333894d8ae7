"""Named reads of inspections and of what came of them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, func, or_, select

from authdeck.clock import from_micros, to_micros
from authdeck.errors import DeckError, NotFound
from authdeck.evidence import Action
from authdeck.inspection_order import May
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading.batches import unpacked
from authdeck.storage.tables import accounts, inspection_results, inspections

OPEN: Final = ("queued", "running")
"""Statuses of a run that somebody has to carry on."""

BY_ITSELF: Final = {May.ENABLE: Action.ENABLE, May.DISABLE: Action.DISABLE}

_HIDDEN: Final = frozenset({"accounts", "idempotency_key", "request_hash"})
_SHOWN: Final = [column for column in inspections.c if column.name not in _HIDDEN]
_LONGEST_NUMBER: Final = 18


@dataclass(frozen=True, slots=True)
class StoredInspection:
    """A run. ``status``: queued, running, completed, failed, cancelled or interrupted. ``counts``: results by action.

    ``done`` accounts of ``total`` have a result, or are gone. ``compared_to`` is the last completed run about the same
    before it, ``batch`` what it did by itself.
    """

    id: str
    status: str
    actor: str
    schedule: int | None
    schedule_name: str | None
    policy: Mapping[str, Any]
    selection: Mapping[str, Any]
    selection_hash: str
    total: int
    done: int
    counts: Mapping[str, int]
    dry_run: bool
    compared_to: str | None
    batch: str | None
    created_at: datetime
    ended_at: datetime | None

    @property
    def is_open(self) -> bool:
        return self.status in OPEN


@dataclass(frozen=True, slots=True)
class StoredResult:
    """What a run saw of an account and suggests. ``before`` is what the run compared with suggested, if it looked."""

    inspection: str
    account: int
    auth_index: str
    file_name: str
    provider: str
    action: Action
    reason_code: str
    params: Mapping[str, Any]
    evidence: Mapping[str, Any]
    until: datetime | None
    at: datetime
    outcome: str | None
    outcome_reason: Mapping[str, Any] | None
    before: str | None = None

    @property
    def is_new(self) -> bool:
        return self.before is not None and self.before != self.action.value


def one(connection: ReadConnection, inspection_id: str) -> StoredInspection:
    """Raises ``NotFound('inspection_not_found')``."""
    found = connection.execute(select(*_SHOWN).where(inspections.c.id == inspection_id)).one_or_none()
    if found is None:
        raise NotFound("inspection_not_found", id=inspection_id)
    return _inspection(found)


def by_key(connection: ReadConnection, idempotency_key: str) -> tuple[str, str] | None:
    """The id of the run that was asked for with the key, and what that came with."""
    asked = select(inspections.c.id, inspections.c.request_hash).where(inspections.c.idempotency_key == idempotency_key)
    found = connection.execute(asked).one_or_none()
    return None if found is None else (found.id, found.request_hash)


def newest(
    connection: ReadConnection, *, limit: int, cursor: str | None = None, schedule: int | None = None
) -> tuple[list[StoredInspection], str | None]:
    """Newest first, and the cursor of the next page. Raises ``DeckError('cursor_invalid')``."""
    asked = select(*_SHOWN)
    if schedule is not None:
        asked = asked.where(inspections.c.schedule == schedule)
    if cursor:
        at, last = _place(cursor)
        older = and_(inspections.c.created_at == at, inspections.c.id < last)
        asked = asked.where(or_(inspections.c.created_at < at, older))
    order = (inspections.c.created_at.desc(), inspections.c.id.desc())
    rows = connection.execute(asked.order_by(*order).limit(limit + 1)).all()
    found = [_inspection(row) for row in rows[:limit]]
    return found, f"{to_micros(found[-1].created_at)}-{found[-1].id}" if len(rows) > limit else None


def latest_of(connection: ReadConnection, selection_hash: str, before: datetime) -> str | None:
    """The last completed run about the same accounts."""
    mine = inspections.c.selection_hash == selection_hash, inspections.c.status == "completed"
    asked = select(inspections.c.id).where(*mine, inspections.c.created_at < before)
    return connection.execute(asked.order_by(inspections.c.created_at.desc()).limit(1)).scalar_one_or_none()


def open_ids(connection: ReadConnection) -> list[str]:
    """Runs that somebody has to carry on, oldest first."""
    asked = select(inspections.c.id).where(inspections.c.status.in_(OPEN)).order_by(inspections.c.created_at)
    return list(connection.execute(asked).scalars())


def left(connection: ReadConnection, inspection_id: str) -> list[str]:
    """The accounts without a result, in the run's order."""
    packed = connection.execute(select(inspections.c.accounts).where(inspections.c.id == inspection_id)).scalar_one()
    asked = (
        select(accounts.c.auth_index)
        .join(inspection_results, inspection_results.c.account == accounts.c.key)
        .where(inspection_results.c.inspection == inspection_id)
    )
    known = set(connection.execute(asked).scalars())
    return [auth_index for auth_index in unpacked(packed) if auth_index not in known]


def results(
    connection: ReadConnection,
    inspection_id: str,
    *,
    actions: Collection[Action] | None = None,
    compared_to: str | None = None,
    after: int = 0,
    limit: int,
) -> list[StoredResult]:
    """Results by account, those behind the account key ``after``; each with what ``compared_to`` suggested."""
    asked = _of(inspection_results.c.inspection == inspection_id, compared_to)
    if actions is not None:
        asked = asked.where(inspection_results.c.action.in_([action.value for action in actions]))
    asked = asked.where(inspection_results.c.account > after).order_by(inspection_results.c.account).limit(limit)
    return [_result(row) for row in connection.execute(asked)]


def all_results(connection: ReadConnection, inspection_id: str, compared_to: str | None) -> Iterator[StoredResult]:
    """Every result, read a thousand at a time."""
    after = 0
    while some := results(connection, inspection_id, compared_to=compared_to, after=after, limit=1_000):
        yield from some
        after = some[-1].account


def of_account(connection: ReadConnection, account_key: int) -> tuple[StoredResult, StoredInspection] | None:
    """The newest result of an account, with its run."""
    asked = _of(inspection_results.c.account == account_key).order_by(inspection_results.c.at.desc()).limit(1)
    found = connection.execute(asked).one_or_none()
    return None if found is None else (_result(found), one(connection, found.inspection))


def indexes_of(
    connection: ReadConnection, inspection_id: str, action: Action, names: Collection[str] | None
) -> list[str]:
    """The accounts of which this was suggested; of ``names`` only, where given."""
    asked = (
        select(accounts.c.auth_index)
        .join(inspection_results, inspection_results.c.account == accounts.c.key)
        .where(inspection_results.c.inspection == inspection_id, inspection_results.c.action == action.value)
        .order_by(inspection_results.c.account)
    )
    found = connection.execute(asked).scalars()
    return [auth_index for auth_index in found if names is None or auth_index in names]


def to_act(connection: ReadConnection, inspection_id: str, may: Collection[May], limit: int) -> list[StoredResult]:
    """Results that the run may carry out by itself and has not looked at yet."""
    actions = [BY_ITSELF[each].value for each in may]
    mine = inspection_results.c.inspection == inspection_id, inspection_results.c.outcome.is_(None)
    asked = _of(and_(*mine)).where(inspection_results.c.action.in_(actions))
    return [_result(row) for row in connection.execute(asked.order_by(inspection_results.c.account).limit(limit))]


def comparison(connection: ReadConnection, inspection_id: str, other: str) -> dict[tuple[str | None, str], int]:
    """How many accounts went from which suggestion (``None``: not looked at) to which."""
    former = inspection_results.alias("former")
    same = and_(former.c.inspection == other, former.c.account == inspection_results.c.account)
    asked = (
        select(former.c.action, inspection_results.c.action, func.count())
        .select_from(inspection_results.outerjoin(former, same))
        .where(inspection_results.c.inspection == inspection_id)
        .group_by(former.c.action, inspection_results.c.action)
    )
    rows: Any = connection.execute(asked)
    return {(row[0], row[1]): row[2] for row in rows}


def before(connection: ReadConnection, moment: datetime) -> list[str]:
    """Runs that ended before a moment."""
    return list(connection.execute(select(inspections.c.id).where(inspections.c.ended_at < moment)).scalars())


def _of(condition: ColumnElement[bool], compared_to: str | None = None) -> Any:
    former = inspection_results.alias("former")
    same = and_(former.c.inspection == (compared_to or ""), former.c.account == inspection_results.c.account)
    named = (accounts.c.auth_index, accounts.c.file_name, accounts.c.provider)
    joined = inspection_results.join(accounts, accounts.c.key == inspection_results.c.account).outerjoin(former, same)
    return select(inspection_results, *named, former.c.action.label("before")).select_from(joined).where(condition)


def _inspection(row: Row[Any]) -> StoredInspection:
    return StoredInspection(**{column.name: getattr(row, column.name) for column in _SHOWN})


def _result(row: Row[Any]) -> StoredResult:
    names: Sequence[str] = StoredResult.__slots__
    values = {name: getattr(row, name) for name in names}
    return StoredResult(**{**values, "action": Action(row.action)})


def _place(cursor: str) -> tuple[datetime, str]:
    at, _, last = cursor.partition("-")
    if not (at.isascii() and at.isdigit() and len(at) <= _LONGEST_NUMBER and last):
        raise DeckError("cursor_invalid")
    try:
        return from_micros(int(at)), last
    except (OverflowError, ValueError, OSError):
        raise DeckError("cursor_invalid") from None

"""Named reads of the action queue as people look at it: rows with their accounts, exact counts, incidents."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, case, func, or_, select

from authdeck.account import Provider
from authdeck.action import Incident
from authdeck.candidate import LIVE, OPEN, Candidate, Status
from authdeck.evidence import Action
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading.evidence import candidate_of, incident_of
from authdeck.storage.tables import accounts, candidates, evidence, incidents


class Sort(StrEnum):
    """``-`` turns it round. Rows that are equal there stand newest first."""

    HITS = "-hits"
    LAST_SEEN = "-last_seen"
    FIRST_SEEN = "first_seen"
    CLOSED = "-closed"


ACTIONS: Final = (Action.REAUTH, Action.REVIEW, Action.DISABLE, Action.DELETE, Action.ENABLE)
"""The order in which people are asked: what keeps accounts from serving first."""

LONGEST_TEXT: Final = 200


@dataclass(frozen=True, slots=True)
class QueueSearch:
    """Which rows. Empty asks nothing; ``keys`` are exactly those. ``account`` is an auth_index."""

    statuses: Sequence[Status] = OPEN
    text: str = ""
    action: Action | None = None
    provider: Provider | None = None
    reason: str | None = None
    account: str | None = None
    keys: Sequence[int] | None = None
    sort: Sort = Sort.HITS
    start: int = 0
    page_size: int = 50


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A row with its account, and the evidence that it rests on, where that is still kept."""

    candidate: Candidate
    account: int
    auth_index: str
    file_name: str
    provider: Provider
    plan: str | None
    is_trashed: bool
    request_id: str | None = None
    source: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QueuePage:
    items: list[QueueRow]
    total: int

    def next(self, search: QueueSearch) -> str | None:
        end = search.start + len(self.items)
        return str(end) if self.items and end < self.total else None


def page(connection: ReadConnection, search: QueueSearch) -> QueuePage:
    """The rows asked for, and exactly how many match."""
    statement = _rows().where(*_conditions(search)).order_by(*_order(search.sort))
    found = connection.execute(statement.limit(search.page_size).offset(search.start)).all()
    counted = select(func.count()).select_from(_WITH_ACCOUNT).where(*_conditions(search))
    return QueuePage([_row(row) for row in found], int(connection.execute(counted).scalar_one()))


def tops(connection: ReadConnection, search: QueueSearch, each: int) -> list[QueueRow]:
    """The first so many rows of each suggested action, in the order of ``ACTIONS``."""
    place = func.row_number().over(partition_by=candidates.c.suggested_action, order_by=_order(search.sort))
    numbered = select(candidates.c.key, place.label("place")).select_from(_WITH_ACCOUNT).where(*_conditions(search))
    ranked = numbered.subquery()
    group = case({action.value: at for at, action in enumerate(ACTIONS)}, value=candidates.c.suggested_action)
    statement = _rows().join(ranked, ranked.c.key == candidates.c.key).where(ranked.c.place <= each)
    return [_row(row) for row in connection.execute(statement.order_by(group, *_order(search.sort)))]


def keys_of(connection: ReadConnection, search: QueueSearch, limit: int) -> list[int]:
    """The keys of all rows that match, whatever the page, in their order; at most so many."""
    statement = select(candidates.c.key).select_from(_WITH_ACCOUNT).where(*_conditions(search))
    return list(connection.execute(statement.order_by(*_order(search.sort)).limit(limit)).scalars())


def rows(connection: ReadConnection, keys: Sequence[int]) -> dict[int, QueueRow]:
    """Rows by key. Those whose account is gone, or asks for nothing in the trash, are left out."""
    asked = _rows().where(*_conditions(QueueSearch(tuple(Status), keys=keys)))
    return {row.key: _row(row) for row in connection.execute(asked)}


def live_reasons(connection: ReadConnection, account_keys: Collection[int]) -> dict[tuple[int, str], int]:
    """The keys of these accounts' live rows, by account and reason."""
    mine = candidates.c.account.in_(account_keys), candidates.c.status.in_(LIVE)
    found = connection.execute(select(candidates.c.account, candidates.c.reason_code, candidates.c.key).where(*mine))
    return {(row.account, row.reason_code): row.key for row in found}


def accounts_of(connection: ReadConnection, keys: Sequence[int]) -> dict[int, str]:
    """The auth_index of each of these rows' accounts, by the row's key."""
    asked = select(candidates.c.key, accounts.c.auth_index).select_from(_WITH_ACCOUNT)
    return {row.key: row.auth_index for row in connection.execute(asked.where(candidates.c.key.in_(keys)))}


def facets(connection: ReadConnection, search: QueueSearch) -> dict[str, dict[str, int]]:
    """How many rows by status, action, provider and reason. Each leaves its own filter out of account."""
    wide = replace(search, statuses=tuple(Status), action=None, provider=None, reason=None)
    parts = (candidates.c.status, candidates.c.suggested_action, accounts.c.provider, candidates.c.reason_code)
    statement = select(*parts, func.count()).select_from(_WITH_ACCOUNT).where(*_conditions(wide)).group_by(*parts)
    counts: dict[str, Counter[str]] = {name: Counter() for name in _FACETS}
    wanted = {
        "status": {status.value for status in search.statuses},
        "action": {search.action.value} if search.action else None,
        "provider": {search.provider.value} if search.provider else None,
        "reason": {search.reason} if search.reason else None,
    }
    rows: Iterable[Any] = connection.execute(statement)
    for *values, number in rows:
        of_row = dict(zip(_FACETS, values, strict=True))
        for name in _FACETS:
            if all(_fits(wanted[other], of_row[other]) for other in _FACETS if other != name):
                counts[name][of_row[name]] += number
    return {name: dict(found) for name, found in counts.items()}


_FACETS: Final = ("status", "action", "provider", "reason")


def _fits(wanted: set[str] | None, value: str) -> bool:
    return wanted is None or value in wanted


# ---- incidents ----


def all_incidents(
    connection: ReadConnection, *, limit: int, start: int = 0, is_open: bool | None = None
) -> list[Incident]:
    """Open ones first, then the newest."""
    order = (incidents.c.closed_at.is_not(None), incidents.c.opened_at.desc(), incidents.c.key.desc())
    statement = select(incidents).order_by(*order).limit(limit).offset(start)
    if is_open is not None:
        statement = statement.where(incidents.c.closed_at.is_(None) if is_open else incidents.c.closed_at.is_not(None))
    return [incident_of(row) for row in connection.execute(statement)]


def count_incidents(connection: ReadConnection, *, is_open: bool | None = None) -> int:
    statement = select(func.count()).select_from(incidents)
    if is_open is not None:
        statement = statement.where(incidents.c.closed_at.is_(None) if is_open else incidents.c.closed_at.is_not(None))
    return int(connection.execute(statement).scalar_one())


def incident(connection: ReadConnection, key: int) -> Incident | None:
    found = connection.execute(select(incidents).where(incidents.c.key == key)).one_or_none()
    return None if found is None else incident_of(found)


# ---- how it is asked ----

_WITH_ACCOUNT: Final = candidates.join(accounts, accounts.c.key == candidates.c.account)


def _rows() -> Select[Any]:
    return select(
        candidates,
        accounts.c.auth_index,
        accounts.c.file_name,
        accounts.c.provider,
        accounts.c.plan,
        accounts.c.trashed_at,
        evidence.c.request_id,
        evidence.c.source,
        evidence.c.detail,
    ).select_from(_WITH_ACCOUNT.outerjoin(evidence, evidence.c.key == candidates.c.evidence))


def _conditions(search: QueueSearch) -> list[ColumnElement[bool]]:
    """Accounts in the trash ask for nothing; what was done with them is still told."""
    found: list[ColumnElement[bool]] = [accounts.c.purged_at.is_(None), accounts.c.merged_into.is_(None)]
    found.append(or_(accounts.c.trashed_at.is_(None), candidates.c.status.not_in(LIVE)))
    found.append(candidates.c.status.in_(search.statuses))
    if search.action is not None:
        found.append(candidates.c.suggested_action == search.action.value)
    if search.provider is not None:
        found.append(accounts.c.provider == search.provider.value)
    if search.reason:
        found.append(candidates.c.reason_code == search.reason)
    if search.account is not None:
        found.append(accounts.c.auth_index == search.account)
    if search.keys is not None:
        found.append(candidates.c.key.in_(search.keys))
    found += [_holds(word) for word in search.text.casefold().split()]
    return found


def _holds(word: str) -> ColumnElement[bool]:
    named = (accounts.c.file_name_folded, accounts.c.auth_index, candidates.c.reason_code, accounts.c.provider)
    return or_(*(column.contains(word, autoescape=True) for column in named))


def _order(sort: Sort) -> tuple[ColumnElement[Any], ...]:
    by = {
        Sort.HITS: candidates.c.hits.desc(),
        Sort.LAST_SEEN: candidates.c.last_seen.desc(),
        Sort.FIRST_SEEN: candidates.c.first_seen.asc(),
        Sort.CLOSED: candidates.c.resolved_at.desc(),
    }
    return by[sort], candidates.c.last_seen.desc(), candidates.c.key.desc()


def _row(row: Row[Any]) -> QueueRow:
    return QueueRow(
        candidate=candidate_of(row),
        account=row.account,
        auth_index=row.auth_index,
        file_name=row.file_name,
        provider=Provider(row.provider),
        plan=row.plan,
        is_trashed=row.trashed_at is not None,
        request_id=row.request_id,
        source=row.source,
        detail=row.detail or {},
    )

"""Named reads of what providers answered about limits."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, func, select

from authdeck.evidence import Source
from authdeck.quota import QuotaWindow
from authdeck.quota_answer import Extras, Noted, Outcome, QuotaAnswer, extras_from
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading.evidence import snapshot
from authdeck.storage.tables import accounts, quota_answers, quota_history, quota_notes


@dataclass(frozen=True, slots=True)
class LastAnswer:
    """The newest answer, and what was last told beside windows, ``told_at``. Its windows are the account's own."""

    answer: QuotaAnswer
    extras: Extras
    told_at: datetime | None


def last_answer(connection: ReadConnection, account_key: int) -> LastAnswer | None:
    """``None``: nobody asked yet."""
    statement = (
        select(quota_answers, accounts.c.auth_index, accounts.c.plan)
        .join(accounts, accounts.c.key == quota_answers.c.account)
        .where(quota_answers.c.account == account_key)
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else _last(row)


def asked_since(connection: ReadConnection, since: datetime) -> dict[str, datetime]:
    """When each account was last asked, by auth_index, where that was not before ``since``."""
    statement = (
        select(accounts.c.auth_index, quota_answers.c.at)
        .join(accounts, accounts.c.key == quota_answers.c.account)
        .where(quota_answers.c.at >= since)
    )
    return {row.auth_index: row.at for row in connection.execute(statement)}


def notes(connection: ReadConnection, account_key: int, limit: int = 20) -> list[Noted]:
    """What the provider changed about the account's limits, newest first."""
    mine = select(quota_notes).where(quota_notes.c.account == account_key)
    newest = mine.order_by(quota_notes.c.at.desc(), quota_notes.c.key.desc()).limit(limit)
    return [Noted(row.at, Source(row.source), row.code, row.params) for row in connection.execute(newest)]


@dataclass(frozen=True, slots=True)
class HistoryPage:
    items: list[tuple[QuotaWindow, bool]]
    total: int


def history(connection: ReadConnection, account_key: int, limit: int, offset: int = 0) -> HistoryPage:
    """An account's snapshots, newest first, each with whether its window began anew before it."""
    mine = quota_history.c.account == account_key
    order = (quota_history.c.observed_at.desc(), quota_history.c.key.desc())
    rows = connection.execute(select(quota_history).where(mine).order_by(*order).limit(limit).offset(offset))
    total = connection.execute(select(func.count()).select_from(quota_history).where(mine)).scalar_one()
    return HistoryPage([snapshot(row) for row in rows], total)


def cycles(connection: ReadConnection, account_key: int, since: datetime) -> list[tuple[QuotaWindow, bool]]:
    """The same from a moment on, oldest first: what forecasts are made from."""
    mine = and_(quota_history.c.account == account_key, quota_history.c.observed_at >= since)
    rows = connection.execute(select(quota_history).where(mine).order_by(quota_history.c.observed_at))
    return [snapshot(row) for row in rows]


def _last(row: Row[Any]) -> LastAnswer:
    answer = QuotaAnswer(
        row.auth_index,
        Outcome(row.outcome),
        row.at,
        row.status,
        plan=row.plan,
        code=row.code,
        params=row.params,
        evidence=row.evidence,
    )
    return LastAnswer(answer, extras_from(row.extras), row.told_at)

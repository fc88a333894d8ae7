"""Rows of a change of many accounts that ask providers for limits: whom it makes sense to ask, and what came of it."""

from collections.abc import Awaitable
from typing import Final, Protocol

from authdeck.account import Kind
from authdeck.change import RowOutcome
from authdeck.operations.batch_rows import Item, reason_of
from authdeck.operations.change_rows import Plan, Row
from authdeck.providers.quotas import QUOTAS
from authdeck.quota_answer import Outcome, QuotaAnswer

QUERIES: Final = 16
"""Rows under way together; the pace of each provider decides how many of them are asked."""


class Query(Protocol):
    """Asks for one account's limits: ``query_quota``."""

    def __call__(self, auth_index: str, *, refresh: bool) -> Awaitable[QuotaAnswer]: ...


def fit(row: Row) -> Plan:
    """Trashed accounts and those that nobody can be asked about are passed over."""
    account = row.account
    code = None
    if account.trashed_at is not None:
        code = "account_in_trash"
    elif account.provider not in QUOTAS or account.kind is not Kind.OAUTH:
        code = "quota_not_offered"
    if code is None:
        return Plan(row, account.file_name, RowOutcome.DONE)
    told = {"name": account.auth_index, "provider": account.provider.value}
    return Plan(row, account.file_name, RowOutcome.SKIPPED, reason=(code, told))


_OUTCOMES: Final = {
    Outcome.TOLD: RowOutcome.DONE,
    Outcome.SKIPPED: RowOutcome.SKIPPED,
    Outcome.UNKNOWN: RowOutcome.FAILED,
    Outcome.REFUSED: RowOutcome.FAILED,
    Outcome.FAILED: RowOutcome.FAILED,
}


def settled(number: int, answer: QuotaAnswer, provider: str) -> Item:
    """The row as it is when its answer is there."""
    reason = reason_of((answer.code, {**answer.params, "provider": provider})) if answer.code else None
    return {"row": number, "outcome": _OUTCOMES[answer.outcome].value, "reason": reason}

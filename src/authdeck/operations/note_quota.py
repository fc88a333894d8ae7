"""Writing down what a provider answered about an account's limits: windows, history, evidence, the answer itself."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from authdeck import quota
from authdeck.evidence import Evidence, Signal, Source
from authdeck.operations.desk import Desk
from authdeck.operations.reconcile import settle
from authdeck.operations.records import changed
from authdeck.operations.windows import store_windows
from authdeck.quota import QuotaWindow
from authdeck.quota_answer import QuotaAnswer, Told, differences
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts
from authdeck.storage.writing import accounts as account_writes
from authdeck.storage.writing import evidence as writing
from authdeck.storage.writing.quota import store_answer

PLAN_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer in which limits were told, of the sign-in ``generation``."""

    answer: QuotaAnswer
    told: Told
    generation: int


def note_told(desk: Desk, heard: Heard, connection: WriteConnection) -> QuotaAnswer | None:
    """One transaction: what was told, and what follows. ``None``: the account is gone.

    Windows are stored even where their figures are the same: their age is news, and ends what was said before.
    """
    answer, told = heard.answer, heard.told
    account_writes.claim(connection, [answer.auth_index])
    entry = accounts.entries(connection, [answer.auth_index]).get(answer.auth_index)
    if entry is None:
        return None
    account = entry.account
    seen = _after(entry.windows, told, answer)
    row = _evidence(told, heard.generation, answer)
    note = writing.note(connection, account.key, row)
    store_windows(connection, account, entry.windows, seen)
    plan = (told.plan or "")[:PLAN_LIMIT] or None
    noted = differences(entry.windows, seen, (account.plan, plan))
    if plan is not None and plan != account.plan:
        account_writes.change(connection, account.key, {"plan": plan}, at=answer.at)
    stored = replace(
        answer, windows=seen, plan=plan or account.plan, signal=note.signal, extras=replace(told.extras, noted=noted)
    )
    store_answer(connection, account.key, stored)
    changed(desk, connection, "account", account.auth_index)
    settle(desk, connection, [accounts.by_index(connection, account.auth_index)])
    return stored


def note_answer(desk: Desk, answer: QuotaAnswer, connection: WriteConnection) -> None:
    """An answer in which nothing was told."""
    del desk
    entry = accounts.entries(connection, [answer.auth_index]).get(answer.auth_index)
    if entry is not None:
        store_answer(connection, entry.account.key, answer)


def _after(known: Sequence[QuotaWindow], told: Told, answer: QuotaAnswer) -> tuple[QuotaWindow, ...]:
    if told.is_whole and told.windows:
        return quota.inventory(known, told.windows, answer.at, Source.QUOTA_QUERY)
    return quota.newest(known, told.windows)


def _evidence(told: Told, generation: int, answer: QuotaAnswer) -> Evidence:
    if told.limit is not None:
        return Evidence(
            generation, Source.QUOTA_QUERY, Signal.QUOTA, told.limit, answer.at, answer.at, may_automate=True
        )
    return quota.told(told.windows, generation, answer.at, Source.QUOTA_QUERY, serves=told.serves)

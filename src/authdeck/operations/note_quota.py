"""Writing down what providers answered about accounts' limits: windows, history, evidence, the answers themselves."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from authdeck import quota
from authdeck.account import Account
from authdeck.entry import Entry
from authdeck.evidence import Evidence, Signal, Source
from authdeck.operations.desk import Desk
from authdeck.operations.reconcile import SETTLED, settle
from authdeck.operations.records import changed
from authdeck.operations.windows import Seen, store_windows
from authdeck.quota import QuotaWindow
from authdeck.quota_answer import Noted, QuotaAnswer, Told, differences
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts
from authdeck.storage.writing import accounts as account_writes
from authdeck.storage.writing import evidence as writing
from authdeck.storage.writing.quota import add_notes, store_answers

PLAN_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of asking. ``told``: the limits that were told, of the sign-in ``generation``.

    ``is_news``: the provider was asked, so that it is to be written down.
    """

    answer: QuotaAnswer
    told: Told | None = None
    generation: int = 0
    is_news: bool = True


@dataclass(frozen=True, slots=True)
class _Noted:
    """What was told of an account, and what it amounts to together with what was known."""

    entry: Entry
    answer: QuotaAnswer
    evidence: Evidence
    notes: Sequence[Noted]

    @property
    def account(self) -> Account:
        """With the plan that was told."""
        return replace(self.entry.account, plan=self.answer.plan)


def note_heard(desk: Desk, heard: Sequence[Heard], connection: WriteConnection) -> list[QuotaAnswer]:
    """What was heard of these accounts, each once, and what follows. The answers as they are then, in that order.

    What is heard of an account that is gone stays as it came.
    """
    news = {each.answer.auth_index: each for each in heard if each.is_news}
    account_writes.claim(connection, news)
    found = accounts.entries(connection, list(news))
    noted = [_noted(entry, news[index]) for index, entry in found.items() if news[index].told is not None]
    _note_told(desk, connection, noted)
    answers = {index: news[index].answer for index in found} | {each.answer.auth_index: each.answer for each in noted}
    store_answers(connection, {found[index].account.key: answer for index, answer in answers.items()})
    _note_plans(desk, connection, [(found[index].account, news[index]) for index in found])
    return [answers.get(each.answer.auth_index, each.answer) for each in heard]


def _note_told(desk: Desk, connection: WriteConnection, noted: Sequence[_Noted]) -> None:
    """Windows are stored even where their figures are the same: their age is news, and ends what was said before."""
    writing.note_all(connection, [(each.account.key, each.evidence) for each in noted])
    store_windows(connection, [Seen(each.account, each.entry.windows, each.answer.windows) for each in noted])
    add_notes(connection, {each.account.key: each.notes for each in noted})
    for each in noted:
        if each.account.plan != each.entry.account.plan:
            account_writes.change(connection, each.account.key, {"plan": each.account.plan}, at=each.answer.at)
        changed(desk, connection, SETTLED, each.account.auth_index)
    settle(desk, connection, [each.account for each in noted])


def _note_plans(desk: Desk, connection: WriteConnection, heard: Sequence[tuple[Account, Heard]]) -> None:
    """Plans in answers that told no limit."""
    for account, each in heard:
        plan = (each.answer.plan or "")[:PLAN_LIMIT]
        if each.told is None and plan and plan != account.plan:
            account_writes.change(connection, account.key, {"plan": plan}, at=each.answer.at)
            changed(desk, connection, "account", account.auth_index)


def _noted(entry: Entry, heard: Heard) -> _Noted:
    answer, told = heard.answer, heard.told
    assert told is not None
    seen = _after(entry.windows, told, answer)
    evidence = _evidence(told, heard.generation, answer)
    plan = (told.plan or "")[:PLAN_LIMIT] or None
    notes = differences(entry.windows, seen, (entry.account.plan, plan), answer.at, Source.QUOTA_QUERY)
    whole = replace(answer, windows=seen, plan=plan or entry.account.plan, signal=evidence.signal, extras=told.extras)
    return _Noted(entry, whole, evidence, notes)


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

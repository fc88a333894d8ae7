"""Named writes of what providers answered about limits."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, insert

from authdeck.quota_answer import Extras, Noted, Outcome, QuotaAnswer, extras_to
from authdeck.storage.database import WriteConnection
from authdeck.storage.tables import quota_answers, quota_notes
from authdeck.storage.writing.upserts import upserts

_STORE: Final = upserts(quota_answers)
_STORE_OTHERS: Final = upserts(quota_answers, "extras", "told_at")
_ADD_NOTES: Final = insert(quota_notes)


def store_answers(connection: WriteConnection, answers: Mapping[int, QuotaAnswer]) -> None:
    """As the accounts' newest ones, by account key. What a former one told is kept where this one tells nothing."""
    told = {key: answer for key, answer in answers.items() if _tells(answer)}
    rows = [
        {**_columns(key, answer), "extras": extras_to(answer.extras), "told_at": answer.at}
        for key, answer in told.items()
    ]
    if rows:
        connection.execute(_STORE[connection.dialect], rows)
    others = [{**_columns(key, answer), "extras": {}} for key, answer in answers.items() if key not in told]
    if others:
        connection.execute(_STORE_OTHERS[connection.dialect], others)


def _tells(answer: QuotaAnswer) -> bool:
    """Whether it told limits, or something beside them."""
    return answer.outcome is Outcome.TOLD or answer.extras != Extras()


def _columns(account_key: int, answer: QuotaAnswer) -> dict[str, Any]:
    return {
        "account": account_key,
        "at": answer.at,
        "outcome": answer.outcome.value,
        "status": answer.status,
        "code": answer.code,
        "params": dict(answer.params),
        "evidence": dict(answer.evidence),
    }


def add_notes(connection: WriteConnection, notes: Mapping[int, Iterable[Noted]]) -> None:
    """What providers changed, by account key."""
    rows = [
        {
            "account": account_key,
            "at": note.at,
            "source": note.source.value,
            "code": note.code,
            "params": dict(note.params),
        }
        for account_key, some in notes.items()
        for note in some
    ]
    if rows:
        connection.execute(_ADD_NOTES, rows)


def prune_notes(connection: WriteConnection, before: datetime) -> int:
    return connection.execute(delete(quota_notes).where(quota_notes.c.at < before)).rowcount

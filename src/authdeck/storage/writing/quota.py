"""Named writes of what providers answered about limits."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert, select, update

from authdeck.quota_answer import Outcome, QuotaAnswer, extras_to
from authdeck.storage.database import WriteConnection
from authdeck.storage.tables import quota_answers

_NOTES_KEPT = 20


def store_answer(connection: WriteConnection, account_key: int, answer: QuotaAnswer) -> None:
    """As the account's newest one. What a former one told is kept where this one tells nothing; notes add up."""
    mine = quota_answers.c.account == account_key
    former = connection.execute(select(quota_answers.c.extras).where(mine)).one_or_none()
    columns: dict[str, Any] = {
        "at": answer.at,
        "outcome": answer.outcome.value,
        "status": answer.status,
        "code": answer.code,
        "params": dict(answer.params),
        "evidence": dict(answer.evidence),
    }
    if answer.outcome is Outcome.TOLD:
        columns |= {"extras": _extras(answer, {} if former is None else former.extras), "told_at": answer.at}
    if former is not None:
        connection.execute(update(quota_answers).where(mine).values(columns))
    else:
        connection.execute(insert(quota_answers).values({"account": account_key, "extras": {}, **columns}))


def _extras(answer: QuotaAnswer, former: Mapping[str, Any]) -> dict[str, Any]:
    told = extras_to(answer.extras)
    notes = [*told.get("noted", ()), *former.get("noted", ())][:_NOTES_KEPT]
    return {**told, "noted": notes} if notes else told

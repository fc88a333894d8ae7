"""Named writes of what providers answered about limits."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import bindparam, select

from authdeck.quota_answer import Extras, Outcome, QuotaAnswer, extras_to
from authdeck.storage.database import WriteConnection
from authdeck.storage.tables import quota_answers
from authdeck.storage.writing.upserts import upserts

_NOTES_KEPT = 20

_ACCOUNT: Final = quota_answers.c.account
_EXTRAS: Final = select(_ACCOUNT, quota_answers.c.extras).where(_ACCOUNT.in_(bindparam("wanted", expanding=True)))
_STORE: Final = upserts(quota_answers)
_STORE_OTHERS: Final = upserts(quota_answers, "extras", "told_at")


def store_answers(connection: WriteConnection, answers: Mapping[int, QuotaAnswer]) -> None:
    """As the accounts' newest ones, by account key. What a former one told is kept where this one tells nothing.

    Notes add up.
    """
    told = {key: answer for key, answer in answers.items() if _tells(answer)}
    former = {row.account: row.extras for row in connection.execute(_EXTRAS, {"wanted": list(told)})}
    rows = [
        {**_columns(key, answer), "extras": _extras(answer, former.get(key, {})), "told_at": answer.at}
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


def _extras(answer: QuotaAnswer, former: Mapping[str, Any]) -> dict[str, Any]:
    told = extras_to(answer.extras)
    notes = [*told.get("noted", ()), *former.get("noted", ())][:_NOTES_KEPT]
    return {**told, "noted": notes} if notes else told

"""Rows of the action queue and incidents, as if accounts had failed so."""

from datetime import timedelta

from authdeck import ids
from authdeck.action import Cause, Incident
from authdeck.candidate import Candidate
from authdeck.evidence import Action, Confidence, Evidence, Signal, Source
from authdeck.operations.desk import Desk
from authdeck.operations.records import changed
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts
from authdeck.storage.writing import evidence

REFUSED = ("token_revoked", Signal.CREDENTIAL, Action.REAUTH, 401)
UNCLEAR = ("unauthorized", Signal.REVIEW, Action.REVIEW, 403)
CLOSED = ("deactivated_workspace", Signal.DEACTIVATED, Action.DELETE, 402)


async def ask(
    desk: Desk,
    auth_index: str,
    why: tuple[str, Signal, Action, int] = REFUSED,
    *,
    hits: int = 1,
    hours: float = 5,
    link: str | None = None,
) -> int:
    """Evidence of the account and the row that it asks for; the row's key."""
    code, signal, action, status = why
    now = desk.now()
    first, last = now - timedelta(hours=hours), now - timedelta(minutes=3)
    told = {"status": status} | ({"link": link} if link else {})

    def work(connection: WriteConnection) -> int:
        account = accounts.by_index(connection, auth_index)
        seen = Evidence(
            account.generation, Source.RESPONSE, signal, code, first, last, count=hits, action=action,
            confidence=Confidence.MEDIUM, request_id=ids.new_request_id(0).hex(), detail=told,
        )  # fmt: skip
        row = evidence.note(connection, account.key, seen)
        asked = Candidate(code, action, first, last, hits, evidence=row.key)
        evidence.store_candidate(connection, account.key, asked, by="authdeck")
        changed(desk, connection, "account", auth_index)
        return next(each.key for each in evidence.reading.queue_of(connection, [account.key])[account.key])

    return await desk.write(work)


async def break_down(desk: Desk, cause: Cause = Cause.PROVIDER, subject: str = "codex", count: int = 48) -> Incident:
    """An open incident."""
    now = desk.now()
    incident = Incident(cause, subject, now - timedelta(minutes=40), now - timedelta(minutes=1), count)
    return await desk.write(lambda connection: evidence.store_incident(connection, incident))

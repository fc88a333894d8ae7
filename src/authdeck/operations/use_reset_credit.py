"""Spending a Codex reset credit: the windows begin anew. It can't be taken back, so a person says it twice.

Said twice by a double click, or again after a lost answer, it is still one: for a minute no process spends another one
of the account, and what is said with the same key is one request to the provider, which counts it once.
"""

from functools import partial
from typing import Final
from uuid import UUID

from authdeck import ids
from authdeck.access import Actor
from authdeck.account import Account
from authdeck.acts import Act
from authdeck.errors import Conflict, DeckError
from authdeck.operations.desk import Desk
from authdeck.operations.entries import by_name
from authdeck.operations.query_quota import QuotaQueries
from authdeck.operations.records import record
from authdeck.providers.quotas import QUOTAS
from authdeck.quota_answer import Outcome, QuotaAnswer
from authdeck.storage.database import WriteConnection
from authdeck.storage.writing import refreshing
from authdeck.upstream.failures import UpstreamFailure

APART: Final = 60.0
"""Seconds from one use to the next of the same account."""

_SUCCESS = range(200, 300)


async def use_reset_credit(
    desk: Desk, queries: QuotaQueries, auth_index: str, actor: Actor, *, confirmation: str, key: str | None = None
) -> QuotaAnswer:
    """Use one, if there is one, and ask again what is left. Audited before it is sent; sent once, whatever happens.

    ``confirmation`` is the account's file name or auth_index, typed; ``key`` the caller's Idempotency-Key. Raises
    ``reset_credit_unconfirmed`` (422), ``reset_credit_not_offered``, ``reset_credit_none`` and
    ``reset_credit_just_used`` (409), ``reset_credit_refused`` (502, with the provider's ``answered``),
    ``reset_credit_unknown`` (502: it may have been used), and what ``QuotaQueries.usable`` raises.
    """
    account = by_name(desk, auth_index).account
    if confirmation not in (account.file_name, account.auth_index):
        raise DeckError("reset_credit_unconfirmed", status=422, file_name=account.file_name)
    await _require_one(queries, account)
    fence = await desk.write(partial(_take_turn, desk, account))
    if fence is None:
        raise DeckError("reset_credit_just_used", status=409, retry_after=APART, file_name=account.file_name)
    try:
        await _use(desk, queries, account, actor, key)
    except DeckError as error:
        if error.code != "reset_credit_unknown":  # nothing was used
            await desk.write(partial(_give_back, desk, account, fence))
        raise
    return await queries.query_quota(account.auth_index)


async def _require_one(queries: QuotaQueries, account: Account) -> None:
    quota = QUOTAS.get(account.provider)
    if quota is None or quota.use_reset is None:
        raise Conflict("reset_credit_not_offered", provider=account.provider.value)
    answer = await queries.query_quota(account.auth_index)
    if answer.outcome is not Outcome.TOLD:
        raise Conflict(answer.code or "quota_not_told", **answer.params)
    if answer.extras.reset_credits is None or answer.extras.reset_credits.count < 1:
        raise Conflict("reset_credit_none", file_name=account.file_name)


def _take_turn(desk: Desk, account: Account, connection: WriteConnection) -> int | None:
    return refreshing.take_lease(connection, _lease(account), desk.boot, APART)


def _give_back(desk: Desk, account: Account, fence: int, connection: WriteConnection) -> None:
    refreshing.release_lease(connection, _lease(account), desk.boot, fence)


def _lease(account: Account) -> str:
    return f"reset_credit:{account.auth_index}"


async def _use(desk: Desk, queries: QuotaQueries, account: Account, actor: Actor, key: str | None) -> None:
    request_id = _request_id(desk, account, actor, key)
    credential = await queries.usable(account, refresh=False)
    use_reset = QUOTAS[account.provider].use_reset
    assert use_reset is not None
    outgoing = use_reset(credential, desk.settings.providers, request_id)
    await desk.write(partial(_record, desk, actor, account, request_id))
    try:
        reply = await desk.calls.send(outgoing)
    except UpstreamFailure as error:
        raise (DeckError("reset_credit_unknown", status=502, cause=error.code) if error.sent else error) from error
    if reply.status not in _SUCCESS:
        raise DeckError("reset_credit_refused", status=502, answered=reply.status)


def _request_id(desk: Desk, account: Account, actor: Actor, key: str | None) -> str:
    """By which the provider knows the request again: of the same key the same."""
    if key is None:
        return str(UUID(ids.new_id()))
    return str(UUID(desk.vault.keyed_hash("request", f"{account.auth_index} {actor.name} {key}")[:32]))


def _record(desk: Desk, actor: Actor, account: Account, request_id: str, connection: WriteConnection) -> None:
    told = {"request": request_id, "provider": account.provider.value}
    record(desk, connection, actor, Act.RESET_CREDIT_USED, account.auth_index, after=told)

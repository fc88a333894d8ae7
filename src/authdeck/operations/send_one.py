"""One small request through exactly one account, because a person asked: it shows whether the account can serve."""

from collections.abc import Mapping
from typing import Protocol

from authdeck import models
from authdeck.access import Actor
from authdeck.account import Account
from authdeck.acts import Act
from authdeck.errors import DeckError, NotFound
from authdeck.operations.desk import Desk
from authdeck.operations.records import record
from authdeck.protocols.smallest import cheapest, smallest
from authdeck.providers import PROVIDERS

LONGEST_MODEL = 200


class Send(Protocol):
    """Posts to our own gateway on behalf of authdeck; only ``account`` may serve it. Returns the request id."""

    async def __call__(self, path: str, headers: Mapping[str, str], body: bytes, account: str | None = None) -> str: ...


async def send_one(desk: Desk, send: Send, auth_index: str, actor: Actor, model: str = "") -> str:
    """Its request id, under which Monitoring tells how it went. Written into the audit before it is sent.

    It goes around every hold, since a person wants to know, but never around a provider's terms. Raises
    ``DeckError('model_needed')`` where no model is given or known, and ``request_not_possible``.
    """
    account = _live(desk, auth_index)
    asked = model.strip()[:LONGEST_MODEL] or suggested_model(desk, account)
    if not asked:
        raise DeckError("model_needed", status=422, file_name=account.file_name)
    small = smallest(PROVIDERS[account.provider].routes(account.kind), account.kind, asked)
    if small is None:
        raise DeckError("request_not_possible", status=422, file_name=account.file_name)
    after = {"model": asked}
    await desk.write(
        lambda connection: record(desk, connection, actor, Act.REQUEST_SENT, account.auth_index, after=after)
    )
    return await send(small.path, small.headers, small.body, account.auth_index)


def suggested_model(desk: Desk, account: Account) -> str | None:
    """The one that likely costs least among those the account is known to serve."""
    return cheapest(models.names(account, desk.catalogue))


def _live(desk: Desk, auth_index: str) -> Account:
    entry = desk.directory.get(auth_index)
    if entry is None:
        raise NotFound("account_not_found", name=auth_index)
    return entry.account

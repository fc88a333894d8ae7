"""Why a request would, or would not, go to which account: asked for a page of accounts. Picks and sends nothing."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from authdeck import explanation
from authdeck.entry import Entry
from authdeck.errors import DeckError, NotFound
from authdeck.explanation import Explained
from authdeck.hold import Reason
from authdeck.operations import client_keys
from authdeck.operations.client_keys import Scope
from authdeck.operations.desk import Desk
from authdeck.operations.find_accounts import find_accounts
from authdeck.pool import Pool
from authdeck.protocols.routes import Recognised, recognise
from authdeck.routing import Ask, Route
from authdeck.search import AccountSearch


@dataclass(frozen=True, slots=True)
class Question:
    """A request that a client might send, by ``route`` or by the ``path`` it would call.

    ``client_key`` is an id or a name.
    """

    route: Route | None = None
    path: str | None = None
    model: str | None = None
    prefix: str | None = None
    client_key: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """``refused`` is the code and detail of why the client key may not ask this at all.

    ``total`` accounts match; ``next`` is the cursor of those that follow ``items``.
    """

    ask: Ask
    refused: tuple[str, str] | None
    items: list[Explained]
    total: int
    next: str | None


async def explain_routing(desk: Desk, pool: Pool, question: Question, about: AccountSearch | Entry) -> Explanation:
    """For one account, or each of the page, whether the request would use it, in which tier, and all reasons if not.

    Raises ``NotFound('route_unknown')``, ``NotFound('client_key_not_found')``, ``DeckError('route_needed')`` and what
    ``find_accounts`` raises.
    """
    ask, scope = _ask(pool, question), await _scope(desk, question.client_key)
    entries, total, following = await _about(desk, about)
    items = _explained(desk, pool, replace(ask, providers=scope.providers), entries)
    return Explanation(ask, _refused(scope, ask), items, total, following)


async def _about(desk: Desk, about: AccountSearch | Entry) -> tuple[Sequence[Entry], int, str | None]:
    """The accounts, how many there are in all, and where it goes on."""
    if isinstance(about, Entry):
        return [about], 1, None
    found = await find_accounts(desk, about)
    await asyncio.sleep(0)
    return found.items, found.total, found.next


def explain_account(desk: Desk, pool: Pool, entry: Entry, question: Question | None = None) -> list[Reason]:
    """Every reason why the account is not used: for a request where one is asked about, else for whichever."""
    if question is None:
        return explanation.general(pool, entry, desk.directory.reasons(entry, desk.now()), desk.now())
    return list(_explained(desk, pool, _ask(pool, question), [entry])[0].reasons)


def _explained(desk: Desk, pool: Pool, ask: Ask, entries: Sequence[Entry]) -> list[Explained]:
    now = desk.now()
    return explanation.explain(pool, ask, now, [(entry, desk.directory.reasons(entry, now)) for entry in entries])


def _ask(pool: Pool, question: Question) -> Ask:
    """As the gateway reads it: a prefix stands in the path, or before the model's name."""
    route, model, prefix = question.route, question.model, question.prefix
    if question.path is not None:
        called = _called(question.path)
        route, model, prefix = called.route, called.model or model, called.prefix or prefix
    if route is None:
        raise DeckError("route_needed", status=422, known=[each.value for each in Route])
    if prefix is None and model:
        prefix, model = pool.split(route, model)
    return Ask(route, model or None, prefix or None)


def _called(path: str) -> Recognised:
    """POST first: of paths that know both, it is the one that costs."""
    plain = path.partition("?")[0]
    try:
        return recognise("POST", plain, plain.encode(), lambda _: None)
    except DeckError as error:
        if error.code != "method_not_allowed":
            raise
    return recognise("GET", plain, plain.encode(), lambda _: None)


async def _scope(desk: Desk, named: str | None) -> Scope:
    if named is None:
        return Scope()
    keys = await client_keys.list_keys(desk)
    found = next((key for key in keys if named in (key.id, key.name) and key.counts(desk.now())), None)
    if found is None:
        raise NotFound("client_key_not_found", id=named)
    return found.scope


def _refused(scope: Scope, ask: Ask) -> tuple[str, str] | None:
    if not scope.allows_prefix(ask.prefix):
        return "client_key_not_allowed", "prefix"
    if scope.models is not None and not (ask.model is not None and scope.allows_model(ask.model)):
        return "client_key_not_allowed", "model"
    return None

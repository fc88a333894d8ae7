"""How clients reach an account or the accounts of a prefix: addresses and snippets for what is served there."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from authdeck import models
from authdeck.account import Account
from authdeck.errors import NotFound
from authdeck.operations.desk import Desk
from authdeck.protocols import clients
from authdeck.protocols.clients import Endpoint, Snippet
from authdeck.providers import PROVIDERS
from authdeck.routing import Route

_IN_PATH: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Reach:
    """``base`` is where a client begins; ``prefix`` the routing name in it, ``None`` where requests go to any account.

    ``note`` is the code of what a person should know: that other accounts answer there too, or that the prefix only
    works before a model's name.
    """

    base: str
    prefix: str | None
    model: str | None
    note: str | None
    endpoints: Sequence[Endpoint]
    snippets: Sequence[Snippet]


def of_account(desk: Desk, account: Account, origin: str) -> Reach:
    """The account's own way in where it has a prefix, else the common one, which says so."""
    prefix = account.settings.prefix
    if prefix is None:
        return _reach(desk, [account], origin, None, "reach_shared")
    return _reach(desk, [account], origin, prefix, "reach_prefix_shared" if _shares(desk, account) else None)


def of_prefix(desk: Desk, prefix: str, origin: str) -> Reach:
    """Everything that any account of the prefix serves. Raises ``NotFound('prefix_not_found')``."""
    accounts = _with_prefix(desk, prefix)
    if not accounts:
        raise NotFound("prefix_not_found", prefix=prefix)
    return _reach(desk, accounts, origin, prefix, None)


def routes_of(accounts: Iterable[Account]) -> frozenset[Route]:
    return frozenset(route for each in accounts for route in PROVIDERS[each.provider].routes(each.kind))


def _reach(desk: Desk, accounts: Sequence[Account], origin: str, prefix: str | None, note: str | None) -> Reach:
    model = _model(desk, accounts)
    in_path = prefix if prefix is None or _IN_PATH.fullmatch(prefix) else None
    if prefix is not None and in_path is None:
        note, model = "reach_by_model", f"{prefix}/{model or 'MODEL'}"
    start, routes = clients.base(origin, in_path), routes_of(accounts)
    made = clients.snippets(start, routes, model=model)
    return Reach(start, prefix, model, note, clients.endpoints(start, routes), made)


def _model(desk: Desk, accounts: Sequence[Account]) -> str | None:
    """One that is known to be served, for the examples."""
    return next((name for each in accounts for name in models.names(each, desk.catalogue)), None)


def _with_prefix(desk: Desk, prefix: str) -> list[Account]:
    return [entry.account for entry in desk.directory.entries() if entry.account.settings.prefix == prefix]


def _shares(desk: Desk, account: Account) -> bool:
    return len(_with_prefix(desk, str(account.settings.prefix))) > 1

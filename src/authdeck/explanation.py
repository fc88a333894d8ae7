"""Why a request would or would not go to an account: every reason, in the words used everywhere. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from authdeck.entry import Entry
from authdeck.hold import Reason
from authdeck.models import Support
from authdeck.pool import Pool
from authdeck.routing import Ask
from authdeck.standing import Standing


@dataclass(frozen=True, slots=True)
class Explained:
    """How an account stands to a request. It would be used where none of the ``reasons`` stops it.

    ``tier`` is the place of its priority among those that serve the request, 1 the first; ``turn`` its place among
    those ready in its tier, where it is one of the next.
    """

    entry: Entry
    tier: int | None
    turn: int | None
    reasons: tuple[Reason, ...]

    @property
    def used(self) -> bool:
        return not any(reason.stops for reason in self.reasons)


def explain(pool: Pool, ask: Ask, now: datetime, known: Iterable[tuple[Entry, list[Reason]]]) -> list[Explained]:
    """Each account with its general reasons, completed by those of this request. Picks nothing, changes nothing."""
    turns = pool.turns(ask, now.timestamp())
    found = []
    for entry, general in known:
        standing = pool.standing(entry.account.auth_index, ask, now.timestamp())
        concerning = (reason for reason in general if reason.scope is None or reason.scope == ask.model)
        reasons = (*_of_request(entry, standing, ask), *_at_the_moment(concerning, standing))
        tier = turns.tiers.get(entry.account.settings.priority) if standing.serves else None
        explained = Explained(entry, tier, None, reasons)
        turn = turns.next.get(entry.account.auth_index) if explained.used else None
        found.append(replace(explained, turn=turn))
    return found


def general(pool: Pool, entry: Entry, known: list[Reason], now: datetime) -> list[Reason]:
    """Every reason that holds whatever is asked for, and those of single models: ``known`` and what the pool adds."""
    routes = pool.routes_of(entry.account)
    if not routes:
        return [
            *known,
            Reason("route", "no_route_yet", "later_version", params={"provider": entry.account.provider.value}),
        ]
    standing = pool.standing(entry.account.auth_index, Ask(min(routes)), now.timestamp())
    return list(_at_the_moment(known, standing))


def _of_request(entry: Entry, standing: Standing, ask: Ask) -> Iterable[Reason]:
    """What the request asks for and the account does not offer."""
    account = entry.account
    provider = {"provider": account.provider.value}
    if ask.route not in standing.routes:
        yield Reason("route", "route_not_served", "other_route", params={**provider, "route": ask.route.value})
    if ask.prefix not in standing.prefixes:
        own = account.settings.prefix or ""
        code = "prefix_differs" if ask.prefix is not None else "prefix_needed"
        yield Reason("prefix", code, "change_prefix", params={"prefix": ask.prefix or "", "own": own})
    if ask.providers is not None and account.provider.value not in ask.providers:
        yield Reason("route", "client_key_excludes_provider", "change_client_key", params=provider)
    if standing.model is not None:
        yield from _of_model(standing, ask)


def _of_model(standing: Standing, ask: Ask) -> Iterable[Reason]:
    model = standing.model
    assert model is not None  # asked for by the caller
    params = {**model.params, "asked": ask.model or ""}
    if model.support is Support.NO:
        yield Reason("model", model.code, "change_models", scope=ask.model, params=params)
    elif model.support is Support.UNKNOWN and not standing.serves and _is_reached(standing, ask):
        yield Reason("model", "model_known_elsewhere", "add_model", scope=ask.model, params=params)


def _is_reached(standing: Standing, ask: Ask) -> bool:
    """Whether route and prefix lead to the account: then only others that know the model keep it from being asked."""
    return ask.route in standing.routes and ask.prefix in standing.prefixes


def _at_the_moment(known: Iterable[Reason], standing: Standing) -> Iterable[Reason]:
    """What is known of the account, and what this process alone knows: short pauses, and that the next request may try.

    A cooldown that the next request may try stops it no more.
    """
    tried = {(hold.code, hold.scope, hold.since) for hold in standing.tries}
    for reason in known:
        may_be_tried = (reason.code, reason.scope, reason.since) in tried
        yield replace(reason, stops=False) if may_be_tried else reason
    for block in standing.pauses:
        yield Reason("cooldown", block.code, "wait", until=datetime.fromtimestamp(block.ends, UTC))

"""Which models an account serves, and under which names. Pure. A model that no list knows is served.

What providers offer comes from a ``Catalogue``, which is a hint: nothing is refused by it.
"""

from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

from authdeck.account import Account, Kind
from authdeck.catalogue import SHIPPED, Catalogue


class Support(Enum):
    """Whether an account serves a model. ``UNKNOWN`` is served."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


Offer = tuple[
    tuple[str, ...], bool, tuple[str, ...], tuple[tuple[str, str, bool], ...], tuple[str, ...], tuple[str, ...]
]
"""All that decides support: own models, whether they are all, excluded patterns, aliases, how the provider's model
names begin, and which of them are known of other plans only. Equal offers serve alike."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A model of an account and why it is served or not. ``code`` and ``params`` make the sentence.

    ``excluded_by`` is the pattern, ``excluded_where`` ``account`` or ``provider``.
    """

    id: str
    support: Support
    code: str
    params: dict[str, Any] = field(default_factory=dict)
    excluded_by: str | None = None
    excluded_where: str | None = None
    alias_of: str | None = None


def offer(account: Account, catalogue: Catalogue = SHIPPED) -> Offer:
    settings = account.settings
    aliases = tuple((each.alias, each.model, each.keep_original) for each in settings.model_aliases)
    family = () if _has_own_address(account) else catalogue.families.get(account.provider, ())
    excluded = settings.excluded_models + catalogue.excluded.get(account.provider, ())
    elsewhere = catalogue.elsewhere(account.provider, account.kind, account.plan) if family else ()
    return account.models, account.kind is Kind.API_KEY, excluded, aliases, family, elsewhere


def support(account: Account, model: str, catalogue: Catalogue = SHIPPED) -> Support:
    """Whether the account serves ``model``, given without prefix."""
    return support_by(offer(account, catalogue), model)


def support_by(offered: Offer, model: str) -> Support:
    """Exclusions win over everything; an API key's own list is complete, a subscription's is not.

    A model that other plans are known to have may be served all the same: it is unknown, and they are asked first.
    """
    own, complete, excluded, aliases, family, elsewhere = offered
    target = _target(aliases, model)
    if matches(excluded, model) or matches(excluded, target):
        return Support.NO
    if target != model or model in own:
        return Support.YES
    if any(model == original and not keeps for _, original, keeps in aliases):
        return Support.NO
    if own and complete:
        return Support.NO
    if target in elsewhere:
        return Support.UNKNOWN
    return Support.YES if target.startswith(family) else Support.UNKNOWN


def explain(account: Account, model: str, catalogue: Catalogue = SHIPPED) -> Explained:
    """``support``, in words."""
    offered = offer(account, catalogue)
    own, complete, _, aliases, family, elsewhere = offered
    served, target = support_by(offered, model), _target(aliases, model)
    alias_of = target if target != model else None
    if (found := _exclusion(account, catalogue, (model, target))) is not None:
        where, pattern = found
        return Explained(model, served, f"model_excluded_{where}", {"pattern": pattern}, pattern, where, alias_of)
    if alias_of is not None:
        return Explained(model, served, "model_alias", {"model": target}, alias_of=alias_of)
    listed = catalogue.offered(account.provider, account.kind)
    params: dict[str, Any] = {"provider": account.provider.value, "plan": account.plan or "?"}
    if model in own:
        code = "model_own"
    elif served is Support.NO:
        renamed = any(model == original for _, original, _ in aliases)
        code = "model_renamed" if renamed and not (own and complete) else "model_not_listed"
    elif model in elsewhere:
        code, params = "model_of_other_plan", {**params, "plans": list(listed.plans_with(model))}
    elif family and model in listed.on(account.plan):
        code = "model_of_plan" if listed.plans else "model_of_provider"
    else:
        code = "model_of_family" if family and model.startswith(family) else "model_unknown"
    return Explained(model, served, code, params)


def listing(account: Account, catalogue: Catalogue = SHIPPED, asked: str | None = None) -> list[Explained]:
    """Every model that is known of the account, its provider's other plans included, by name; and the one asked for."""
    known = () if _has_own_address(account) else catalogue.offered(account.provider, account.kind).all
    aliases = account.settings.model_aliases
    candidates = {*account.models, *known, *(each.alias for each in aliases), *(each.model for each in aliases)}
    candidates |= {asked} if asked else set()
    return [explain(account, model, catalogue) for model in sorted(candidates)]


def resolved(account: Account, model: str) -> str:
    """The name the provider knows ``model`` by."""
    return next((each.model for each in account.settings.model_aliases if each.alias == model), model)


def names(account: Account, catalogue: Catalogue = SHIPPED) -> tuple[str, ...]:
    """The names the account is known to serve, sorted, for model lists."""
    own, _, _, aliases, _, _ = offered = offer(account, catalogue)
    known = () if _has_own_address(account) else catalogue.offered(account.provider, account.kind).on(account.plan)
    listed = own or known
    hidden = {original for _, original, keeps in aliases if not keeps}
    candidates = {*(name for name in listed if name not in hidden), *(alias for alias, _, _ in aliases)}
    return tuple(sorted(name for name in candidates if support_by(offered, name) is not Support.NO))


def matches(patterns: tuple[str, ...], model: str) -> bool:
    """Whether any of the lower-case patterns fits; ``*`` stands for anything, upper and lower case are one."""
    folded = model.lower()
    return any(fnmatchcase(folded, pattern.lower().replace("[", "[[]")) for pattern in patterns)


def _has_own_address(account: Account) -> bool:
    """A key of somebody who speaks the provider's protocol: which models there are, only its own list tells.

    A sign-in's address is never used, so it says nothing.
    """
    return account.base_url is not None and account.kind is Kind.API_KEY


def _exclusion(account: Account, catalogue: Catalogue, names: tuple[str, ...]) -> tuple[str, str] | None:
    """Where it is excluded and by which pattern: the account's own first."""
    places = (
        ("account", account.settings.excluded_models),
        ("provider", catalogue.excluded.get(account.provider, ())),
    )
    for where, patterns in places:
        for pattern in patterns:
            if any(matches((pattern,), name) for name in names):
                return where, pattern
    return None


def _target(aliases: tuple[tuple[str, str, bool], ...], model: str) -> str:
    return next((original for alias, original, _ in aliases if alias == model), model)

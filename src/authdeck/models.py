"""Which models an account serves, and under which names. Pure. A model that no list knows is served.

``KNOWN`` is a hint for model lists, from what providers' own clients offered in late 2026: nothing is refused by it.
"""

from collections.abc import Mapping
from enum import Enum
from fnmatch import fnmatchcase
from typing import Final

from authdeck.account import Account, Kind, Provider


class Support(Enum):
    """Whether an account serves a model. ``UNKNOWN`` is served."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


Offer = tuple[tuple[str, ...], bool, tuple[str, ...], tuple[tuple[str, str, bool], ...], tuple[str, ...]]
"""All that decides support: own models, whether they are all, excluded patterns, aliases, and how the provider's model
names begin. Equal offers serve alike."""

FAMILIES: Final[Mapping[Provider, tuple[str, ...]]] = {
    Provider.CODEX: ("gpt-", "codex-", "chatgpt-", "o1", "o3", "o4"),
    Provider.CLAUDE: ("claude-",),
    Provider.GEMINI: ("gemini-", "gemma-", "imagen-"),
    Provider.VERTEX: ("gemini-", "imagen-"),
    Provider.ANTIGRAVITY: ("gemini-", "claude-", "gpt-oss-"),
    Provider.KIMI: ("kimi-", "moonshot-"),
    Provider.XAI: ("grok-",),
}
"""A model that begins so is the provider's own, whatever lists say: its accounts are asked before those of others."""

KNOWN: Final[Mapping[tuple[Provider, Kind], tuple[str, ...]]] = {
    (Provider.CODEX, Kind.OAUTH): (
        "gpt-5.3-codex-spark", "gpt-5.4", "gpt-5.4-mini", "gpt-5.5", "gpt-5.6-luna", "gpt-5.6-sol", "gpt-5.6-terra",
    ),
    (Provider.CLAUDE, Kind.OAUTH): ("claude-3-5-haiku-20241022", "claude-fable-5", "claude-opus-5", "claude-sonnet-5"),
    (Provider.CLAUDE, Kind.API_KEY): ("claude-3-5-haiku-20241022", "claude-opus-5", "claude-sonnet-5"),
    (Provider.KIMI, Kind.OAUTH): ("kimi-k2", "kimi-k2-thinking", "kimi-k2.5", "kimi-k2.6", "kimi-k2.7-code", "kimi-k3"),
    (Provider.XAI, Kind.OAUTH): ("grok-4.3", "grok-4.5", "grok-4.6", "grok-build-0.1", "grok-composer-2.5-fast"),
}  # fmt: skip


def offer(account: Account) -> Offer:
    settings = account.settings
    aliases = tuple((each.alias, each.model, each.keep_original) for each in settings.model_aliases)
    family = () if account.base_url else FAMILIES.get(account.provider, ())
    return account.models, account.kind is Kind.API_KEY, settings.excluded_models, aliases, family


def support(account: Account, model: str) -> Support:
    """Whether the account serves ``model``, given without prefix."""
    return support_by(offer(account), model)


def support_by(offered: Offer, model: str) -> Support:
    """Exclusions win over everything; an API key's own list is complete, a subscription's is not."""
    own, complete, excluded, aliases, family = offered
    target = _target(aliases, model)
    if matches(excluded, model) or matches(excluded, target):
        return Support.NO
    if target != model or model in own:
        return Support.YES
    if any(model == original and not keeps for _, original, keeps in aliases):
        return Support.NO
    if own and complete:
        return Support.NO
    return Support.YES if target.startswith(family) else Support.UNKNOWN


def resolved(account: Account, model: str) -> str:
    """The name the provider knows ``model`` by."""
    return _target(offer(account)[3], model)


def names(account: Account) -> tuple[str, ...]:
    """The names the account is known to serve, sorted, for model lists."""
    own, _, _, aliases, _ = offered = offer(account)
    listed = own or KNOWN.get((account.provider, account.kind), ())
    hidden = {original for _, original, keeps in aliases if not keeps}
    candidates = {*(name for name in listed if name not in hidden), *(alias for alias, _, _ in aliases)}
    return tuple(sorted(name for name in candidates if support_by(offered, name) is not Support.NO))


def matches(patterns: tuple[str, ...], model: str) -> bool:
    """Whether any of the lower-case patterns fits; ``*`` stands for anything, upper and lower case are one."""
    folded = model.lower()
    return any(fnmatchcase(folded, pattern.lower().replace("[", "[[]")) for pattern in patterns)


def _target(aliases: tuple[tuple[str, str, bool], ...], model: str) -> str:
    return next((original for alias, original, _ in aliases if alias == model), model)

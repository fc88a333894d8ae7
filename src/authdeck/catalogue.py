"""Which models providers offer, by plan, as far as anybody wrote down: a data file that can be replaced.

``models.json`` beside this file is what we ship; ``operations.catalogues`` reads the one of a home. It is a hint for
lists and for the order in which accounts are asked; nothing is refused by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from types import MappingProxyType
from typing import Annotated, Final

import msgspec

from authdeck.account import Kind, Provider
from authdeck.errors import DeckError

FILE: Final = "models.json"
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class _Offer(msgspec.Struct, forbid_unknown_fields=True):
    provider: Provider
    kind: Kind
    models: list[Name] = []
    plans: dict[str, list[Name]] = {}
    same_as: dict[str, str] = {}


class _File(msgspec.Struct, forbid_unknown_fields=True):
    version: str
    catalogue: list[_Offer]
    families: dict[Provider, list[Name]] = {}


@dataclass(frozen=True, slots=True)
class Offered:
    """What one kind of sign-in of a provider offers: the same on every plan, or by plan."""

    every: tuple[str, ...] = ()
    plans: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def on(self, plan: str | None) -> tuple[str, ...]:
        """The models of the plan; of a plan that nobody described, all of them."""
        return self.plans.get((plan or "").lower()) or self.all

    @property
    def all(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.every, *(name for names in self.plans.values() for name in names))))

    def elsewhere(self, plan: str | None) -> tuple[str, ...]:
        """Models that other plans are known to have, and this one is not."""
        here = self.on(plan)
        return tuple(name for name in self.all if name not in here)

    def plans_with(self, model: str) -> tuple[str, ...]:
        return tuple(plan for plan, names in self.plans.items() if model in names)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """``families``: how a provider's own model names begin. ``excluded``: patterns that no account of it serves."""

    version: str
    known: Mapping[tuple[Provider, Kind], Offered]
    families: Mapping[Provider, tuple[str, ...]]
    excluded: Mapping[Provider, tuple[str, ...]] = field(default_factory=dict)
    _elsewhere: dict[tuple[Provider, Kind, str | None], tuple[str, ...]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def offered(self, provider: Provider, kind: Kind) -> Offered:
        return self.known.get((provider, kind), _NOTHING)

    def elsewhere(self, provider: Provider, kind: Kind, plan: str | None) -> tuple[str, ...]:
        """Models of the provider that only other plans are known to have. Kept: the pool asks for every account."""
        key = provider, kind, plan
        if key not in self._elsewhere:
            self._elsewhere[key] = self.offered(provider, kind).elsewhere(plan)
        return self._elsewhere[key]

    def without(self, excluded: Mapping[Provider, tuple[str, ...]]) -> "Catalogue":
        return replace(self, excluded=excluded)


_NOTHING: Final = Offered()


def read(content: bytes) -> Catalogue:
    """Raises ``catalogue_invalid(problem)``."""
    try:
        found = msgspec.json.decode(content, type=_File)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise DeckError("catalogue_invalid", problem=str(error)) from None
    known = {(each.provider, each.kind): _offered(each) for each in found.catalogue}
    families = {provider: tuple(starts) for provider, starts in found.families.items()}
    return Catalogue(found.version, MappingProxyType(known), MappingProxyType(families))


def _offered(each: _Offer) -> Offered:
    plans = {plan.lower(): tuple(names) for plan, names in each.plans.items()}
    plans |= {plan.lower(): plans[same.lower()] for plan, same in each.same_as.items() if same.lower() in plans}
    return Offered(tuple(each.models), MappingProxyType(plans))


SHIPPED: Final = read(resources.files("authdeck").joinpath(FILE).read_bytes())

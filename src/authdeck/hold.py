"""A hold: a reason not to serve. An account serves when no hold applies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from authdeck.fields import moment


class Owner(StrEnum):
    """Who holds. Only the owner releases a hold, and an operator may release any."""

    OPERATOR = "operator"
    COOLDOWN = "cooldown"
    INSPECTION = "inspection"
    CREDENTIAL = "credential"
    INCIDENT = "incident"


ENABLED_UNLESS = frozenset({Owner.OPERATOR, Owner.INSPECTION})
"""Owners whose hold on the whole account makes it count as switched off."""


@dataclass(frozen=True, slots=True)
class Hold:
    """One open reason not to serve.

    ``scope`` is a model name, or ``None`` for the whole account. ``since`` and ``until`` are UTC; no ``until`` means
    until it is released. ``note`` is what a person wrote. ``detail`` are parameters for the code's sentence.
    """

    owner: Owner
    code: str
    since: datetime
    until: datetime | None = None
    scope: str | None = None
    note: str = ""
    actor: str = ""
    evidence: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    key: int = 0

    def applies(self, now: datetime) -> bool:
        return self.until is None or now < self.until

    @property
    def try_at(self) -> datetime | None:
        """From when on a cooldown lets one request through, to see; ``None``: it does not."""
        return moment(self.detail.get("try_at")) if self.owner is Owner.COOLDOWN else None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an account is not used, in the shape the outside sees.

    ``owner`` is a hold's owner, or ``terms``, ``model``, ``prefix``, ``upstream``, ``vault``, ``token``, ``route`` or
    ``quota``. ``clear`` is the code of what ends it. What ``stops`` nothing speaks against the account, which is asked
    all the same.
    """

    owner: str
    code: str
    clear: str
    since: datetime | None = None
    until: datetime | None = None
    scope: str | None = None
    evidence: int | None = None
    try_at: datetime | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    stops: bool = True

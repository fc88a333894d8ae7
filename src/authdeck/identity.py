"""Whose account it is: provider, organisation and subject, and how sure that makes us. Pure.

E-mail, plan and file name are labels: they never make two documents one account. The one exception says so below.
"""

import json
from dataclasses import dataclass, field
from enum import StrEnum

from authdeck import fields
from authdeck.account import Account, Kind, Provider
from authdeck.credential import Claims, Draft


class Strength(StrEnum):
    """``FULL`` names one user in one organisation and updates by itself; the others match by fingerprint only."""

    FULL = "full"
    PARTIAL = "partial"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an account is.

    ``text`` is what the caller turns into ``identity_hash`` with the vault's keyed hash: it holds the key itself for
    API-key accounts. ``None`` unless the strength is full.
    """

    provider: Provider
    organization: str | None
    subject: str | None
    strength: Strength
    text: str | None = field(repr=False)


def of(draft: Draft) -> Identity:
    """The identity that a draft with ``claims`` filled in (``providers.complete``) claims to be."""
    if draft.kind is Kind.API_KEY:
        return _of_key(draft)
    return of_claims(draft.provider, draft.claims)


def of_claims(provider: Provider, claims: Claims) -> Identity:
    """The identity of an OAuth sign-in or a service account."""
    given = {"organization": claims.organization, "subject": claims.subject}
    strength = _strength(claims.whole, given)
    text = None
    if strength is Strength.FULL:
        text = json.dumps([provider.value, claims.organization, claims.subject], ensure_ascii=False)
    return Identity(provider, claims.organization, claims.subject, strength, text)


def is_another(account: Account, who: Identity, email: str | None, *, names_users: bool = True) -> bool:
    """Whether ``who``, with that e-mail, is provably not the account's: a half that both name differs.

    An e-mail stands for its user where nothing better was known. Where the provider's subjects name sign-ins
    (``names_users`` is false), they tell nobody apart.
    """
    if _differ(account.organization, who.organization):
        return True
    stands_in = who.subject == account.email or account.subject == email
    return names_users and not stands_in and _differ(account.subject, who.subject)


def _differ(one: str | None, other: str | None) -> bool:
    return bool(one and other) and one != other


def _strength(whole: frozenset[str], given: dict[str, str | None]) -> Strength:
    if all(given[half] for half in whole):
        return Strength.FULL
    return Strength.PARTIAL if any(given.values()) else Strength.NONE


def _of_key(draft: Draft) -> Identity:
    """A key is its own proof: the same key at the same base URL is the same account."""
    key = fields.text(draft.document, "api_key")
    if not key:
        return Identity(draft.provider, None, None, Strength.NONE, None)
    base = (draft.claims.base_url or "").rstrip("/")
    text = json.dumps([draft.provider.value, "api_key", base, key], ensure_ascii=False)
    return Identity(draft.provider, None, None, Strength.FULL, text)

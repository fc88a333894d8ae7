"""Whose account it is: provider, organisation and subject, and how sure that makes us. Pure.

E-mail, plan and file name are labels: they never make two documents one account. The one exception says so below.
"""

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from authdeck import fields
from authdeck.account import Kind, Provider
from authdeck.credential import Claims, Draft


class Strength(StrEnum):
    """``FULL`` names one user in one organisation and updates by itself; the others match by fingerprint only."""

    FULL = "full"
    PARTIAL = "partial"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Halves:
    """What a provider's identity is made of. ``full`` are the claims that together name one account, for good."""

    full: frozenset[str]
    why: str


_BOTH: Final = frozenset({"organization", "subject"})

HALVES: Final[dict[Provider, Halves]] = {
    Provider.CODEX: Halves(_BOTH, "a workspace has many users, and a user is in many workspaces"),
    Provider.CLAUDE: Halves(_BOTH, "an account is in several organisations under one e-mail"),
    Provider.VERTEX: Halves(_BOTH, "a service account's e-mail is unique to Google, its quota is the project's"),
    Provider.ANTIGRAVITY: Halves(
        _BOTH, "the project bears the quota; where no id_token is kept, the Google e-mail stands for the user"
    ),
    Provider.XAI: Halves(frozenset({"subject"}), "the token names no organisation, and sub is unique to its issuer"),
    Provider.KIMI: Halves(_BOTH, "there is no organisation and no profile: sub or device names a sign-in at most"),
    Provider.GEMINI: Halves(_BOTH, "keys only: identified by the key itself"),
    Provider.OPENAI_COMPATIBLE: Halves(_BOTH, "keys only: identified by the key itself"),
}


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
    strength = _strength(provider, given)
    text = None
    if strength is Strength.FULL:
        text = json.dumps([provider.value, claims.organization, claims.subject], ensure_ascii=False)
    return Identity(provider, claims.organization, claims.subject, strength, text)


def _strength(provider: Provider, given: dict[str, str | None]) -> Strength:
    if all(given[half] for half in HALVES[provider].full):
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

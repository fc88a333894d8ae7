"""The fictional accounts that the simulated providers know: tokens, refresh families, quota."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final

from joserfc.jwk import RSAKey

from authdeck.clock import Clock
from authdeck.simulator.exchange import Refused
from authdeck.simulator.failures import refusal
from authdeck.simulator.tokens import unsigned_jwt

ROTATING: Final = frozenset({"codex", "claude", "kimi", "xai"})
"""Providers whose refresh tokens are good for one use."""

LIFETIMES: Final = {
    "codex": timedelta(days=10),
    "claude": timedelta(hours=8),
    "kimi": timedelta(minutes=15),
    "xai": timedelta(hours=6),
    "antigravity": timedelta(hours=1),
    "vertex": timedelta(hours=1),
}
FIVE_HOURS: Final = timedelta(hours=5)
WEEK: Final = timedelta(days=7)
_CODEX_CLAIMS: Final = "https://api.openai.com/auth"


@dataclass
class Family:
    """The refresh tokens of one sign-in: one is current. Presenting a used one revokes them all."""

    current: str
    used: set[str] = field(default_factory=set)
    revoked: bool = False


@dataclass
class Quota:
    """Percent used (0-100) of the five-hour and the weekly window, and when each starts anew."""

    primary: float
    primary_resets_at: datetime
    secondary: float
    secondary_resets_at: datetime

    def roll(self, now: datetime) -> "Quota":
        """Windows whose end has passed begin anew, empty."""
        while self.primary_resets_at <= now:
            self.primary, self.primary_resets_at = 0, self.primary_resets_at + FIVE_HOURS
        while self.secondary_resets_at <= now:
            self.secondary, self.secondary_resets_at = 0, self.secondary_resets_at + WEEK
        return self

    def is_reached(self, now: datetime) -> bool:
        return self.reached_until(now) is not None

    def reached_until(self, now: datetime) -> datetime | None:
        """When a full window starts anew (the later one of two), ``None`` while there is room."""
        windows = ((self.primary, self.primary_resets_at), (self.secondary, self.secondary_resets_at))
        return max((end for used, end in windows if used >= 100 and end > now), default=None)  # noqa: PLR2004 - percent


@dataclass(eq=False)
class Account:
    """One fictional account. ``access`` maps each token handed out to its end, newest last.

    ``organization`` and ``subject`` are what tells accounts apart; ``identity`` is the e-mail, a label.
    ``reset_credits`` are the ends of those not used yet, ``redeemed`` those used, by the id of the request.
    """

    provider: str
    identity: str
    kind: str
    plan: str
    organization: str
    subject: str
    project_id: str
    quota: Quota
    issued_at: datetime
    access: dict[str, datetime] = field(default_factory=dict, repr=False)
    family: Family | None = field(default=None, repr=False)
    id_token: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    signing_key: RSAKey | None = field(default=None, repr=False)
    reset_credits: list[datetime] = field(default_factory=list)
    redeemed: dict[str, datetime] = field(default_factory=dict)
    revoked: bool = False

    @property
    def name(self) -> str:
        return self.identity.partition("@")[0]

    @property
    def access_token(self) -> str:
        return next(reversed(self.access), "")

    @property
    def expires_at(self) -> datetime:
        return next(reversed(self.access.values()), self.issued_at)

    @property
    def refresh_token(self) -> str:
        return self.family.current if self.family else ""


class Accounts:
    """All of them. Used on the simulator's own thread and, between requests, by a test's.

    ``reused`` has an account for each time that a used refresh token of its was presented.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers = count(1)
        self._accounts: list[Account] = []
        self._families: dict[str, tuple[Account, Family]] = {}
        self.reused: list[Account] = []

    def __iter__(self) -> Iterator[Account]:
        return iter(tuple(self._accounts))

    def add(
        self,
        provider: str,
        identity: str,
        *,
        kind: str = "",
        plan: str = "",
        organization: str = "",
        subject: str = "",
        expires_in: timedelta | None = None,
    ) -> Account:
        """A new account, signed in. ``expires_in`` (may be negative) is the life left in its first access token."""
        now = self._clock.now()
        kind = kind or _usual_kind(provider)
        account = Account(
            provider=provider,
            identity=identity,
            kind=kind,
            plan=plan or "plus",
            organization=organization or _uuid(provider, "organization", identity),
            subject=subject or _uuid(provider, "subject", identity),
            project_id=f"fake-project-{identity.partition('@')[0]}",
            quota=Quota(12, now + timedelta(hours=3), 34, now + timedelta(days=4)),
            issued_at=now,
        )
        self._accounts.append(account)
        if kind == "api_key":
            account.api_key = _api_key(provider, account.name, next(self._numbers))
        elif kind == "service_account":
            account.signing_key = RSAKey.generate_key(2048)
            account.identity = f"{account.name}@{account.project_id}.iam.gserviceaccount.com"
        else:
            self.sign_in(account, expires_in=expires_in)
        return account

    def sign_in(self, account: Account, *, expires_in: timedelta | None = None) -> None:
        """A new family of refresh tokens, as after a sign-in. Families of former sign-ins stay what they are."""
        account.revoked = False
        account.family = Family(self._new_refresh_token(account))
        self._families[account.family.current] = (account, account.family)
        self.issue(account, expires_in=expires_in)

    def issue(self, account: Account, *, expires_in: timedelta | None = None) -> str:
        """Another access token; earlier ones live on to their end, as they do at the providers."""
        now = self._clock.now()
        lifetime = LIFETIMES.get(account.provider, timedelta(hours=1))
        ends = now + (lifetime if expires_in is None else expires_in)
        account.issued_at = min(now, ends - lifetime)
        number = next(self._numbers)
        token = _access_token(account, ends, number)
        account.access[token] = ends
        account.id_token = _id_token(account, ends)
        return token

    def rotate(self, provider: str, refresh_token: str) -> Account:
        """The account whose token this is, with a new access token and, where it rotates, a new refresh token.

        Presenting a used token revokes the whole family. Raises ``Refused`` with what the provider would answer.
        """
        account, family = self._families.get(refresh_token, (None, None))
        if account is None or family is None or account.provider != provider:
            raise self._refused(provider, "refresh_token_expired")
        if refresh_token in family.used:
            family.revoked = True
            self.reused.append(account)
            raise self._refused(provider, "refresh_token_reused")
        if family.revoked or account.revoked:
            raise self._refused(provider, "refresh_token_invalidated")
        if provider in ROTATING:
            family.used.add(refresh_token)
            family.current = self._new_refresh_token(account)
            self._families[family.current] = (account, family)
        self.issue(account)
        return account

    def by_refresh_token(self, token: str) -> Account | None:
        return self._families.get(token, (None, None))[0]

    def by_api_key(self, provider: str, key: str) -> Account | None:
        """``None`` when no account of the provider has this key, or when it was revoked."""
        found = (a for a in self._accounts if a.provider == provider and a.api_key and a.api_key == key)
        return next((account for account in found if not account.revoked), None)

    def by_access_token(self, provider: str, token: str) -> tuple[Account | None, str]:
        """The account, or ``None`` and why not: ``token_invalid``, ``token_revoked`` or ``token_expired``."""
        account = next((a for a in self._accounts if a.provider == provider and token in a.access), None)
        if account is None:
            return None, "token_invalid"
        if account.revoked or (account.family is not None and account.family.revoked):
            return None, "token_revoked"
        if account.access[token] <= self._clock.now():
            return None, "token_expired"
        return account, ""

    def by_identity(self, provider: str, identity: str) -> Account | None:
        return next((a for a in self._accounts if (a.provider, a.identity) == (provider, identity)), None)

    def _refused(self, provider: str, reason: str) -> Refused:
        return Refused(refusal(f"{provider}_oauth", 401, reason, self._clock.now()))

    def _new_refresh_token(self, account: Account) -> str:
        number = next(self._numbers)
        form = {"claude": "sk-ant-ort01-FAKE-{}-{}", "antigravity": "1//FAKE-{}-{}"}
        return form.get(account.provider, "rt_FAKE_{}_{}").format(account.name, number)


def _usual_kind(provider: str) -> str:
    return {"gemini": "api_key", "openai_compatible": "api_key", "vertex": "service_account"}.get(provider, "oauth")


def _api_key(provider: str, name: str, number: int) -> str:
    form = {"claude": "sk-ant-api03-FAKE-{}-{}", "gemini": "AIzaFAKE-{}-{}", "xai": "xai-FAKE-{}-{}"}
    return form.get(provider, "sk-FAKE-{}-{}").format(name, number)


def _access_token(account: Account, ends: datetime, number: int) -> str:
    if account.provider in {"claude", "antigravity", "vertex"}:
        form = "sk-ant-oat01-FAKE-{}-{}" if account.provider == "claude" else "ya29.FAKE-{}-{}"
        return form.format(account.name, number)
    claims = {"sub": account.subject, "iat": _unix(account.issued_at), "exp": _unix(ends), "jti": f"FAKE-{number}"}
    if account.provider == "codex":
        claims |= {_CODEX_CLAIMS: _codex_claims(account), "https://api.openai.com/profile": {"email": account.identity}}
    return unsigned_jwt(claims)


def _id_token(account: Account, ends: datetime) -> str:
    if account.provider not in {"codex", "xai"}:
        return ""
    claims: dict[str, Any] = {
        "sub": account.subject,
        "email": account.identity,
        "email_verified": True,
        "iat": _unix(account.issued_at),
        "exp": _unix(ends),
    }
    if account.provider == "codex":
        claims[_CODEX_CLAIMS] = _codex_claims(account)
    return unsigned_jwt(claims)


def _codex_claims(account: Account) -> dict[str, Any]:
    return {
        "chatgpt_account_id": account.organization,
        "chatgpt_plan_type": account.plan,
        "chatgpt_user_id": account.subject,
    }


def _unix(moment: datetime) -> int:
    return int(moment.timestamp())


def _uuid(*parts: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, "/".join(parts)))

"""What the simulated providers share: accounts, ordered failures, sign-ins under way, and how answers are made up."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final
from urllib.parse import urlencode

from authdeck.clock import Clock
from authdeck.simulator.accounts import LIFETIMES, Account, Accounts
from authdeck.simulator.exchange import Answer, Asked, Refused, Said, json_answer
from authdeck.simulator.failures import refusal
from authdeck.simulator.faults import Faults

CLIENT_ID: Final = "simulated-client.apps.example.com"
CLIENT_SECRET: Final = "secret_FAKE_of_the_simulated_client"  # noqa: S105 - fictional, and says so
NEWCOMER: Final = "newcomer@example.com"


@dataclass
class World:
    """One set of providers. ``url`` is where they are reached, known once the server listens.

    ``newcomers`` lets a sign-in that nobody prepared succeed, as a fictional newcomer (for the demo).
    """

    clock: Clock
    newcomers: bool = False
    url: str = ""
    accounts: Accounts = field(init=False)
    faults: Faults = field(default_factory=Faults)
    signing_in: dict[str, Account] = field(default_factory=dict)
    _codes: dict[str, tuple[Account, str]] = field(default_factory=dict)
    _devices: dict[str, str] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.accounts = Accounts(self.clock)

    def number(self) -> int:
        return next(self._numbers)

    def refused(self, dialect: str, status: int, kind: str = "", account: Account | None = None) -> Refused:
        now = self.clock.now()
        until = account.quota.reached_until(now) if account else None
        return Refused(refusal(dialect, status, kind, now, until=until, plan=account.plan if account else ""))

    def say(self, asked: Asked, account: Account) -> Said:
        """A deterministic answer. About four bytes of request count as one token, half of them as read from a cache."""
        provider = account.provider.replace("_", " ")
        text = f"Hello from simulated {provider} account {account.name}"
        words = len(text.split())
        tokens = max(4, len(asked.body) // 4)
        return Said(
            text=text,
            model=asked.model or "simulated-model",
            id=f"FAKE{self.number():08d}",
            at=int(self.clock.now().timestamp()),
            input=tokens,
            output=words + 2,
            cached=tokens // 2,
            reasoning=2,
        )

    # Sign-ins

    def someone(self, provider: str) -> Account | None:
        """Who signs in next: the prepared account, else (where allowed) a newcomer; ``None`` keeps them waiting."""
        if account := self.signing_in.pop(provider, None):
            return account
        if not self.newcomers:
            return None
        return self.accounts.by_identity(provider, NEWCOMER) or self.accounts.add(provider, NEWCOMER)

    def authorization_code(self, account: Account, challenge: str) -> str:
        """A one-time code for the account, bound to a PKCE ``challenge`` (S256) unless that is empty."""
        code = f"code_FAKE_{self.number()}"
        self._codes[code] = (account, challenge)
        return code

    def redeem(self, provider: str, code: str, verifier: str) -> Account:
        account, challenge = self._codes.pop(code, (None, ""))
        if account is None or account.provider != provider:
            raise self.refused(f"{provider}_oauth", 400, "the code is not known")
        if challenge and challenge != pkce_challenge(verifier):
            raise self.refused(f"{provider}_oauth", 400, "the code verifier does not match")
        self.accounts.sign_in(account)
        return account

    def start_device(self, provider: str) -> str:
        device = f"device_FAKE_{self.number()}"
        self._devices[device] = provider
        return device

    def finish_device(self, provider: str, device: str) -> Account | None:
        """The account that signed in on the device's page, or ``None`` while nobody has."""
        if self._devices.get(device) != provider:
            raise self.refused(f"{provider}_oauth", 400, "the device code is not known")
        if account := self.someone(provider):
            del self._devices[device]
        return account


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route: ``pattern`` is a regular expression of the whole path. ``who`` finds (and checks) the account."""

    method: str
    pattern: str
    dialect: str
    play: Callable[[World, Asked, Account | None], Answer]
    who: Callable[[World, Asked], Account | None] = lambda _world, _asked: None


def pkce_challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def authorize(provider: str) -> Callable[[World, Asked, Account | None], Answer]:
    """The page a browser is sent to: it signs someone in at once and leads back with a code."""

    def play(world: World, asked: Asked, _account: Account | None) -> Answer:
        if (account := world.someone(provider)) is None:
            return Answer(403, {"content-type": "text/plain"}, b"Nobody is about to sign in here.")
        code = world.authorization_code(account, asked.query.get("code_challenge", ""))
        back = urlencode({"code": code, "state": asked.query.get("state", "")})
        return Answer(302, {"location": f"{asked.query.get('redirect_uri', '')}?{back}"})

    return play


def refresher(world: World, asked: Asked) -> Account | None:
    """Whose refresh token a token request presents, so that failures can be ordered for one account."""
    return world.accounts.by_refresh_token(str(asked.document.get("refresh_token") or ""))


def token_fields(account: Account, /, **more: Any) -> dict[str, Any]:
    return {
        "access_token": account.access_token,
        "token_type": "Bearer",
        "expires_in": int(LIFETIMES[account.provider].total_seconds()),
        **more,
    }


def models_list(names: Mapping[str, str]) -> Answer:
    """OpenAI's shape: ``names`` maps a model to its owner."""
    models = names.items()
    data = [{"id": name, "object": "model", "created": 1_790_000_000, "owned_by": owner} for name, owner in models]
    return json_answer({"object": "list", "data": data})


def signed_in(provider: str, dialect: str) -> Callable[[World, Asked], Account]:
    """Checks an OAuth access token sent as ``Authorization: Bearer``; 401 in the provider's words when it fails."""

    def who(world: World, asked: Asked) -> Account:
        account, problem = world.accounts.by_access_token(provider, asked.bearer)
        if account is None:
            raise world.refused(dialect, 401, problem)
        return account

    return who


def with_room(world: World, account: Account, dialect: str) -> None:
    """Refuses with 429 while a window of the account's quota is full."""
    if account.quota.is_reached(world.clock.now()):
        raise world.refused(dialect, 429, account=account)

"""What the simulated providers share: accounts, ordered failures, sign-ins under way, and how answers are made up."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final
from urllib.parse import urlencode

from authdeck.clock import Clock
from authdeck.settings import Claude, Codex, Kimi, Xai
from authdeck.simulator.accounts import LIFETIMES, Account, Accounts
from authdeck.simulator.exchange import Answer, Asked, Refused, Said, json_answer
from authdeck.simulator.failures import refusal
from authdeck.simulator.faults import Faults

CLIENT_ID: Final = "simulated-client.apps.example.com"
CLIENT_SECRET: Final = "secret_FAKE_of_the_simulated_client"  # noqa: S105 - fictional, and says so
NEWCOMER: Final = "newcomer@example.com"


CLIENTS: Final = {
    "codex": (Codex().client_id, "http://localhost:1455/auth/callback"),
    "claude": (Claude().client_id, "http://localhost:54545/callback"),
    "antigravity": (CLIENT_ID, "http://localhost:51121/oauth-callback"),
    "kimi": (Kimi().client_id, ""),
    "xai": (Xai().client_id, "http://127.0.0.1:56121/callback"),
}
"""The one client that each provider knows, and where it leads its browsers back to."""

WANTS_STATE: Final = frozenset({"claude"})
"""Providers whose exchange has to name the state too."""

INTERVAL: Final = timedelta(seconds=5)
DEVICE_LIFE: Final = timedelta(minutes=15)


@dataclass
class Device:
    """A device code that somebody was shown. ``asked_at``: when it was last polled."""

    provider: str
    client_id: str
    ends: datetime
    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Code:
    """A one-time code, bound to the PKCE challenge (S256), the redirect and the state that it was asked with."""

    account: Account
    challenge: str
    redirect_uri: str
    state: str


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
    denying: set[str] = field(default_factory=set)
    onboarding: set[str] = field(default_factory=set)
    _codes: dict[str, Code] = field(default_factory=dict)
    _devices: dict[str, Device] = field(default_factory=dict)
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

    def authorization_code(self, account: Account, challenge: str, redirect_uri: str, state: str = "") -> str:
        """A one-time code for the account."""
        code = f"code_FAKE_{self.number()}"
        self._codes[code] = Code(account, challenge, redirect_uri, state)
        return code

    def forget_codes(self) -> None:
        """No code that was handed out counts any more."""
        self._codes.clear()

    def end_devices(self) -> None:
        """Every device code that was handed out has run out."""
        for device in self._devices.values():
            device.ends = self.clock.now()

    def redeem(self, provider: str, given: Mapping[str, Any]) -> Account:
        """The account of a code, spent by this. Raises ``Refused`` unless client, redirect and verifier fit."""
        if given.get("client_id") != CLIENTS[provider][0]:
            raise self.refused(f"{provider}_oauth", 400, "invalid_client")
        code = self._codes.pop(str(given.get("code")), None)
        if code is None or code.account.provider != provider:
            raise self.refused(f"{provider}_oauth", 400, "the code is not known")
        if given.get("redirect_uri") != code.redirect_uri:
            raise self.refused(f"{provider}_oauth", 400, "the redirect differs")
        if provider in WANTS_STATE and given.get("state") != code.state:
            raise self.refused(f"{provider}_oauth", 400, "the state differs")
        if code.challenge != pkce_challenge(str(given.get("code_verifier") or "")):
            raise self.refused(f"{provider}_oauth", 400, "the code verifier does not match")
        self.accounts.sign_in(code.account)
        return code.account

    def start_device(self, provider: str, asked: Asked) -> str:
        """A device code for the one client that the provider knows."""
        client_id = str(asked.document.get("client_id"))
        if client_id != CLIENTS[provider][0]:
            raise Refused(json_answer({"error": "invalid_client"}, 401))
        device = f"device_FAKE_{self.number()}"
        self._devices[device] = Device(provider, client_id, self.clock.now() + DEVICE_LIFE)
        return device

    def finish_device(self, provider: str, code: str) -> Account:
        """The account that signed in on the device's page; the code is spent by it.

        Raises ``Refused`` in the words of RFC 8628: ``authorization_pending``, ``slow_down``, ``access_denied``,
        ``expired_token``.
        """
        now, device = self.clock.now(), self._devices.get(code)
        if device is None or device.provider != provider:
            raise self.refused(f"{provider}_oauth", 400, "the device code is not known")
        if device.ends <= now:
            raise _waiting("expired_token")
        if provider in self.denying:
            self.denying.discard(provider)
            del self._devices[code]
            raise _waiting("access_denied")
        if account := self.someone(provider):
            del self._devices[code]
            return account
        is_hasty = device.asked_at is not None and now - device.asked_at < INTERVAL
        device.asked_at = now
        raise _waiting("slow_down" if is_hasty else "authorization_pending")


def _waiting(error: str) -> Refused:
    return Refused(json_answer({"error": error}, 400))


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
        client_id, redirect_uri = CLIENTS[provider]
        expected = {
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "code_challenge_method": "S256",
        }
        wrong = [name for name, value in expected.items() if asked.query.get(name) != value]
        wrong += [name for name in ("state", "code_challenge") if not asked.query.get(name)]
        if wrong:
            return Answer(400, {"content-type": "text/plain"}, f"Wrong here: {', '.join(wrong)}".encode())
        if provider in world.denying:
            world.denying.discard(provider)
            back = urlencode({"error": "access_denied", "state": asked.query["state"]})
            return Answer(302, {"location": f"{redirect_uri}?{back}"})
        if (account := world.someone(provider)) is None:
            return Answer(403, {"content-type": "text/plain"}, b"Nobody is about to sign in here.")
        code = world.authorization_code(account, asked.query["code_challenge"], redirect_uri, asked.query["state"])
        back = urlencode({"code": code, "state": asked.query["state"]})
        return Answer(302, {"location": f"{redirect_uri}?{back}"})

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
    if account.quota.roll(world.clock.now()).is_reached(world.clock.now()):
        raise world.refused(dialect, 429, account=account)

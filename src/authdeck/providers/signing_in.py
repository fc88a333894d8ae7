"""Signing in at a provider, as data: what its file says about it in ``LOGIN``. Builds requests and reads replies.

Sources: RFC 6749 (code grant), RFC 7636 (PKCE), RFC 8628 (device grant).
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from authdeck import fields
from authdeck.errors import DeckError
from authdeck.exchange import Outgoing, RefreshOutcome, Reply
from authdeck.providers import addresses, refreshing
from authdeck.settings import Providers

DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_LONGEST_WAIT: Final = 60
_USUAL_WAIT: Final = 5
_LONGEST_LIFE: Final = 86_400
_SUCCESS: Final = range(200, 300)
_REFUSALS: Final = {"access_denied": "login_denied", "expired_token": "device_code_expired"}


class Way(StrEnum):
    """How a person signs in: on a page that leads back with a code, or by a code typed in on any device."""

    BROWSER = "browser"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Grant:
    """A code that a sign-in ended with, and what proves that we asked for it."""

    code: str = field(repr=False)
    verifier: str = field(repr=False)
    state: str = field(repr=False)
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class BrowserLogin:
    """``authorize`` takes state and S256 challenge. ``redirect_uri`` is the one that the client is registered with."""

    redirect_uri: str
    authorize: Callable[[Providers, str, str], str]
    exchange: Callable[[Providers, Grant], Outgoing]

    @property
    def port(self) -> int:
        return urlsplit(self.redirect_uri).port or 80


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """``page`` is where ``user_code`` is typed; ``direct`` leads there with it. ``interval``, ``life``: seconds."""

    device_code: str = field(repr=False)
    user_code: str
    page: str
    direct: str | None
    interval: int
    life: int


class Step(StrEnum):
    """What a poll was answered. ``GRANTED`` is a code to exchange, ``DONE`` the tokens themselves."""

    PENDING = "pending"
    SLOW_DOWN = "slow_down"
    GRANTED = "granted"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Polled:
    step: Step
    code: str = ""
    grant: Grant | None = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class DeviceLogin:
    """``begin`` and ``read_begin`` get a code to show; ``poll`` and ``read_poll`` ask whether it was approved.

    ``exchange`` is for providers whose poll ends with a code instead of tokens (``Step.GRANTED``).
    """

    begin: Callable[[Providers], Outgoing]
    read_begin: Callable[[Reply, Providers], DeviceCode]
    poll: Callable[[Providers, DeviceCode], Outgoing]
    read_poll: Callable[[Reply, datetime], Polled]
    exchange: Callable[[Providers, Grant], Outgoing] | None = None


@dataclass(frozen=True, slots=True)
class Lookup:
    """A question asked with the new token: whose it is. ``read`` gives fields of the auth file; none for a failure.

    It is asked ``turns`` times, two seconds apart, or until ``ask`` has nothing to ask any more (``None``).
    """

    ask: Callable[[Mapping[str, Any], Providers], Outgoing | None]
    read: Callable[[Reply], Mapping[str, Any]]
    turns: int = 1


def read_tokens(reply: Reply, now: datetime) -> Mapping[str, Any]:
    """The fields of an auth file that a token answer gives. Raises ``login_refused(problem)``, ``login_unreadable``."""
    read = refreshing.read(reply, {}, now)
    if read.outcome is RefreshOutcome.UNKNOWN:
        raise DeckError("login_unreadable", status=502)
    if read.outcome is not RefreshOutcome.OK:
        raise DeckError("login_refused", status=502, problem=read.code)
    if "access_token" not in read.changes:
        raise DeckError("login_unreadable", status=502)
    return read.changes


@dataclass(frozen=True, slots=True)
class Login:
    """A provider's sign-in. ``missing`` names the settings without which it can't begin.

    ``passing`` are fields that look-ups hand to one another and that are no part of the auth file.
    """

    browser: BrowserLogin | None = None
    device: DeviceLogin | None = None
    read_tokens: Callable[[Reply, datetime], Mapping[str, Any]] = read_tokens
    lookups: tuple[Lookup, ...] = ()
    passing: frozenset[str] = frozenset()
    missing: Callable[[Providers], tuple[str, ...]] = lambda _settings: ()

    @property
    def ways(self) -> tuple[Way, ...]:
        """The usual one first."""
        given = ((Way.BROWSER, self.browser), (Way.DEVICE, self.device))
        return tuple(way for way, offered in given if offered is not None)


def challenge(verifier: str) -> str:
    """S256 of RFC 7636."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def page(url: str, values: Mapping[str, str]) -> str:
    return addresses.with_query(addresses.base(url), urlencode(values))


def form(url: str, values: Mapping[str, str]) -> Outgoing:
    headers = [("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")]
    return Outgoing("POST", url, headers, urlencode(values).encode())


def as_json(url: str, values: Mapping[str, Any], headers: tuple[tuple[str, str], ...] = ()) -> Outgoing:
    fixed = [("content-type", "application/json"), ("accept", "application/json")]
    return Outgoing("POST", url, [*fixed, *headers], json.dumps(values).encode())


def with_token(method: str, url: str, document: Mapping[str, Any], body: Mapping[str, Any] | None = None) -> Outgoing:
    """A question that carries the new access token."""
    headers = [("authorization", f"Bearer {document['access_token']}"), ("accept", "application/json")]
    if body is None:
        return Outgoing(method, url, headers)
    return Outgoing(method, url, [*headers, ("content-type", "application/json")], json.dumps(body).encode())


def read_object(reply: Reply) -> Mapping[str, Any]:
    """A successful answer's JSON object; empty for everything else."""
    if reply.status not in _SUCCESS:
        return {}
    try:
        answer = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def read_device(reply: Reply, default_page: str) -> DeviceCode:
    """RFC 8628 §3.2. Raises ``login_refused``, ``login_unreadable``."""
    answer = read_object(reply)
    device, user = fields.text(answer, "device_code", "device_auth_id"), fields.text(answer, "user_code", "usercode")
    if not answer and reply.status not in _SUCCESS:
        raise DeckError("login_refused", status=502, problem=error_of(reply))
    if device is None or user is None:
        raise DeckError("login_unreadable", status=502)
    return DeviceCode(
        device,
        user,
        _page_of(fields.text(answer, "verification_uri"), default_page) or default_page,
        _page_of(fields.text(answer, "verification_uri_complete"), default_page),
        min(max(1, _number(answer.get("interval"), _USUAL_WAIT)), _LONGEST_WAIT),
        min(max(1, _number(answer.get("expires_in"), _LONGEST_LIFE)), _LONGEST_LIFE),
    )


def read_poll(reply: Reply, now: datetime) -> Polled:
    """RFC 8628 §3.5: an answer that says nothing of the kind is a reason to ask again later."""
    if reply.status in _SUCCESS:
        return Polled(Step.DONE, document=read_tokens(reply, now))
    code = error_of(reply)
    if code in _REFUSALS:
        return Polled(Step.REFUSED, _REFUSALS[code])
    if code == "slow_down" or reply.status == 429:  # noqa: PLR2004 - too many requests
        return Polled(Step.SLOW_DOWN)
    if code == "authorization_pending" or reply.status >= 500:  # noqa: PLR2004 - the server's fault
        return Polled(Step.PENDING)
    return Polled(Step.REFUSED, "login_refused")


def error_of(reply: Reply) -> str:
    """The machine's word of a failed answer, else its status."""
    try:
        answer = json.loads(reply.body)
    except (ValueError, RecursionError):
        answer = None
    return refreshing.error_code(answer if isinstance(answer, dict) else None) or f"http_{reply.status}"


def _number(said: Any, usual: int) -> int:
    """Providers write seconds as numbers or as text."""
    if isinstance(said, str) and said.isascii() and said.isdigit() and len(said) < 9:  # noqa: PLR2004 - no time is so long
        return int(said)
    return int(said) if isinstance(said, int | float) and not isinstance(said, bool) and 0 < said < 10**8 else usual


def _page_of(said: str | None, default: str) -> str | None:
    """A page that people are sent to: https, or where our own settings lead."""
    if said is None:
        return None
    known = addresses.origin(default)
    return said if said.startswith("https://") or addresses.origin(said) == known else None

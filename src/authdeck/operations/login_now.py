"""A login as its beginner sees it, and the providers that people can sign in at."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from authdeck.account import Provider
from authdeck.errors import NotFound
from authdeck.providers import PROVIDERS
from authdeck.providers.signing_in import DeviceCode, Login, Way
from authdeck.storage.reading.logins import OPEN, StoredLogin


@dataclass(frozen=True, slots=True)
class LoginNow:
    """A login as its beginner sees it. ``status``: pending, choosing, done, failed, cancelled, expired.

    ``exchanging``: pending, but its code is with the provider already and nothing is left to do for a person.
    ``url`` (browser) or ``user_code`` and ``page`` (device) while it is pending. ``port_taken``: pasting is needed.
    ``error`` is (code, parameters). ``choices`` while choosing, with ``reason`` and the ``labels`` of who came back.
    ``near``: done, and these accounts with the same e-mail are others. ``check`` is
    the id of the request that was sent to see whether it serves.
    """

    id: str
    provider: Provider
    way: Way
    status: str
    by: str
    created_at: datetime
    expires_at: datetime
    exchanging: bool = False
    expected: str | None = None
    url: str | None = field(default=None, repr=False)
    user_code: str | None = field(default=None, repr=False)
    page: str | None = None
    direct: str | None = field(default=None, repr=False)
    port: int | None = None
    port_taken: bool = False
    auth_index: str | None = None
    outcome: str | None = None
    file_name: str | None = None
    error: tuple[str, Mapping[str, Any]] | None = None
    reason: str | None = None
    choices: tuple[str, ...] = ()
    labels: Mapping[str, Any] | None = None
    near: tuple[str, ...] = ()
    check: str | None = None

    @property
    def stage(self) -> str:
        """``status``, or ``exchanging``: what a page shows is another one as soon as this is."""
        return "exchanging" if self.exchanging else self.status

    @property
    def has_ended(self) -> bool:
        return self.status not in ("pending", "choosing")


def offered() -> Mapping[Provider, Login]:
    """Providers that people can sign in at."""
    return {provider: module.LOGIN for provider, module in PROVIDERS.items() if module.LOGIN is not None}


def login_of(provider: str) -> tuple[Provider, Login]:
    """Raises ``NotFound('provider_without_login')``."""
    found = next(((named, login) for named, login in offered().items() if named.value == provider), None)
    if found is None:
        known = [named.value for named in offered()]
        raise NotFound("provider_without_login", provider=provider[:48], known=known)
    return found


def shown(login: StoredLogin, kept: Mapping[str, Any], at: datetime, *, is_listening: bool) -> LoginNow:
    """``kept`` is what was sealed in its row; empty where nothing is any more."""
    is_over = login.status in OPEN and login.expires_at <= at
    status = "expired" if is_over else {"exchanging": "pending"}.get(login.status, login.status)
    told, error, is_open = login.outcome, login.outcome.get("error"), status == "choosing"
    now = LoginNow(
        id=login.id,
        provider=Provider(login.provider),
        way=Way(told["way"]),
        status=status,
        by=told["by"],
        created_at=login.created_at,
        expires_at=login.expires_at,
        exchanging=login.status == "exchanging" and not is_over,
        expected=login.expected,
        auth_index=told.get("auth_index"),
        outcome=told.get("outcome"),
        file_name=told.get("file_name"),
        error=(error["code"], error["params"]) if error else None,
        reason=told.get("reason"),
        choices=tuple(told.get("choices", ())) if is_open else (),
        labels=told.get("labels") if is_open else None,
        check=told.get("check"),
        near=tuple(told.get("near", ())) if status == "done" else (),
    )
    return _with_way(now, kept, is_listening=is_listening) if login.status == "pending" and not is_over else now


def _with_way(now: LoginNow, kept: Mapping[str, Any], *, is_listening: bool) -> LoginNow:
    """What the person does next."""
    if now.way is Way.DEVICE:
        code = DeviceCode(**kept["device"])
        return replace(now, user_code=code.user_code, page=code.page, direct=code.direct)
    browser = login_of(now.provider)[1].browser
    port = browser.port if browser is not None else None
    return replace(now, url=kept["url"], port=port, port_taken=not is_listening)

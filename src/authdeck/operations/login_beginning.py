"""The first step of a login: its secrets are made, and its row stored with them sealed."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

from authdeck import ids
from authdeck.access import Actor
from authdeck.account import Provider
from authdeck.acts import Act
from authdeck.errors import DeckError
from authdeck.operations import login_calls, seals
from authdeck.operations.desk import Desk
from authdeck.operations.records import record
from authdeck.providers.signing_in import Login, Way, challenge
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts, logins
from authdeck.storage.reading.logins import StoredLogin
from authdeck.storage.writing import logins as writing
from authdeck.upstream.failures import UpstreamFailure

LIFE: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Beginner:
    """Who begins a login, and the session it belongs to: ``None`` for keys and the command line."""

    actor: Actor
    session: str | None = None


async def in_browser(
    desk: Desk, provider: Provider, login: Login, beginner: Beginner, expected: str | None
) -> StoredLogin:
    assert login.browser is not None
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    url = login.browser.authorize(desk.settings.providers, state, challenge(verifier))
    kept = {"way": Way.BROWSER.value, "verifier": verifier, "state": state, "url": url}
    return await _add(desk, provider, kept, beginner, expected, LIFE, state)


async def on_device(
    desk: Desk, provider: Provider, login: Login, beginner: Beginner, expected: str | None
) -> StoredLogin:
    assert login.device is not None
    settings = desk.settings.providers
    try:
        reply = await login_calls.send(desk, expected, login.device.begin(settings))
    except UpstreamFailure as failure:
        raise unreachable(failure) from None
    code = login.device.read_begin(reply, settings)
    kept = {"way": Way.DEVICE.value, "device": asdict(code)}
    return await _add(desk, provider, kept, beginner, expected, min(LIFE, timedelta(seconds=code.life)), None)


async def _add(
    desk: Desk,
    provider: Provider,
    kept: Mapping[str, Any],
    beginner: Beginner,
    expected: str | None,
    life: timedelta,
    state: str | None,
) -> StoredLogin:
    login_id, at = ids.new_id(), desk.now()

    def work(connection: WriteConnection) -> StoredLogin:
        writing.add(
            connection,
            login_id=login_id,
            provider=provider.value,
            account_key=accounts.by_index(connection, expected).key if expected is not None else None,
            state_hash=state_hash(desk, state) if state is not None else None,
            sealed=seals.seal_login(desk.vault, login_id, json.dumps(kept).encode()),
            session=session_of(desk, beginner),
            outcome={"by": beginner.actor.name, "way": kept["way"]},
            at=at,
            expires_at=at + life,
        )
        after = {"provider": provider.value, "expected": expected}
        record(desk, connection, beginner.actor, Act.LOGIN_BEGUN, login_id, after=after)
        return logins.one(connection, login_id)

    return await desk.write(work)


def session_of(desk: Desk, beginner: Beginner) -> str:
    """Whom a login belongs to, as it is stored."""
    bound = beginner.session if beginner.session is not None else f"actor:{beginner.actor.name}"
    return desk.vault.keyed_hash("login_session", bound)


def state_hash(desk: Desk, state: str) -> str:
    return desk.vault.keyed_hash("login_state", state)


def unreachable(failure: UpstreamFailure) -> DeckError:
    """What a person is told of a provider that does not answer."""
    return DeckError("login_unreachable", status=502, problem=failure.code)

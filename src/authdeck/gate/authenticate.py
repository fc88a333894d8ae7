"""Who asks: an admin key or the command line's token as ``Authorization: Bearer``, else the session cookie.

Nothing is granted by address. A header that names a bearer decides alone: a wrong key is not saved by a good cookie.
"""

import asyncio
import hmac
import os
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from authdeck.access import Actor, Role
from authdeck.errors import DeckError
from authdeck.gate.cookies import session_cookie
from authdeck.gate.slowing import SlowDown
from authdeck.gate.visits import Caller, actor_of
from authdeck.operations import sign_in
from authdeck.operations.admin_keys import AdminKeys
from authdeck.operations.desk import Desk
from authdeck.operations.sign_in import NewSession
from authdeck.secret import Secret

__all__ = ("ErrorPage", "Gate", "actor_of")

LONGEST_KEY: Final = 1024

ErrorPage = Callable[[Request, int, dict[str, str], dict[str, object]], Response]
"""Makes the HTML of an error: request, status, headers, and the ``error`` object of the JSON form."""


class Gate:
    """The one gate of all management routes. ``gate.routes.guard`` puts an app behind it.

    ``local_token`` is what ``gate.local.write`` returned. ``sleep`` is how failures wait. ``error_page`` draws errors
    for browsers; without it they are a line of text.
    """

    def __init__(
        self,
        desk: Desk,
        *,
        admin_keys: AdminKeys | None = None,
        local_token: Secret | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        error_page: ErrorPage | None = None,
    ) -> None:
        self.desk: Final = desk
        self.settings: Final = desk.settings
        self.error_page: Final = error_page
        self._admin_keys: Final = admin_keys or AdminKeys(desk)
        self._local_token: Final = local_token.open().encode() if local_token else None
        self._slow_down: Final = SlowDown(desk.clock, sleep)

    async def install(self) -> None:
        """At start: put a preset admin key in force. Raises ``preset_key_weak``."""
        await self._admin_keys.install_preset()

    async def identify(self, connection: HTTPConnection) -> Actor:
        """Raises 401 ``sign_in_needed`` or ``key_unknown``, or 429 ``too_many_attempts``."""
        return (await self.caller(connection)).actor

    async def caller(self, connection: HTTPConnection) -> Caller:
        """As ``identify``, with the session where a cookie named one."""
        bearer = _bearer(connection)
        if bearer is not None:
            return Caller(await self.actor_by_key(bearer))
        cookie = session_cookie(connection, self.settings)
        session = await sign_in.find(self.desk, cookie) if cookie else None
        if session is None:
            raise DeckError("session_ended" if cookie else "sign_in_needed", status=401)
        return Caller(session.actor, session)

    async def actor_by_key(self, presented: str) -> Actor:
        """The actor whose key this is. A failure waits, then raises 401 ``key_unknown``."""
        if self._is_local_token(presented):
            return Actor(f"local:{os.getuid()}", Role.ADMIN)
        actor = await self._admin_keys.find(presented) if len(presented) <= LONGEST_KEY else None
        if actor is None:
            await self._slow_down.failed(presented)
            raise DeckError("key_unknown", status=401)
        return actor

    async def sign_in(self, presented: str) -> NewSession:
        """A session for who holds this admin key; set it with ``gate.cookies.begin``. Raises as ``actor_by_key``."""
        actor = await self.actor_by_key(presented.strip())
        return await sign_in.begin(self.desk, actor)

    async def sign_in_by_link(self, token: str) -> NewSession:
        """A session for a one-time link, which is spent by this. Raises 401 ``sign_in_link_unknown``."""
        try:
            return await sign_in.spend_link(self.desk, token[:LONGEST_KEY])
        except DeckError:
            await self._slow_down.failed(token)
            raise

    @staticmethod
    def allow(actor: Actor, level: Role) -> None:
        """Raises 403 ``role_too_low``."""
        if actor.role < level:
            raise DeckError("role_too_low", status=403, role=actor.role.word, needs=level.word)

    def _is_local_token(self, presented: str) -> bool:
        return self._local_token is not None and hmac.compare_digest(self._local_token, presented.encode())


def _bearer(connection: HTTPConnection) -> str | None:
    scheme, _, value = connection.headers.get("authorization", "").partition(" ")
    return _as_written(value.strip()) if scheme.lower() == "bearer" else None


def _as_written(value: str) -> str:
    """Headers arrive as Latin-1; a preset key with other letters was sent as UTF-8."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value

"""Errands: requests that authdeck itself sends because a person asked, through the gateway like any client's."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from starlette.types import ASGIApp, Message, Scope

from authdeck.operations.client_keys import EVERYTHING, ClientKey

_KEY: Final = "authdeck.errand"
CALLER: Final = ClientKey(
    "console", "authdeck console", EVERYTHING, "", None, datetime.fromtimestamp(0, UTC), "", None, None, None
)
"""Who sends them: the name stands in Monitoring where a client key's stands. Nobody can present it."""


@dataclass(frozen=True, slots=True)
class Errand:
    """Carried in the ASGI scope, where no client can put anything.

    ``account`` is the only one that may serve it, whatever holds it back but its provider's terms; ``None``: any.
    """

    account: str | None = None


def errand_of(scope: Mapping[str, Any]) -> Errand | None:
    found = scope.get(_KEY)
    return found if isinstance(found, Errand) else None


class Errands:
    """Sends requests through a gateway within this process."""

    def __init__(self, gateway: ASGIApp) -> None:
        self._gateway: Final = gateway

    async def send(self, path: str, headers: Mapping[str, str], body: bytes, account: str | None = None) -> str:
        """POST it and read the answer to its end. Returns the request id; how it went is in that request's event."""
        own = {"content-type": "application/json", **headers}
        scope: Scope = {
            "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in own.items()],
            _KEY: Errand(account),
        }  # fmt: skip
        answered = _Answer(body)
        await self._gateway(scope, answered.receive, answered.send)
        return answered.request_id


class _Answer:
    """The client's side: gives the request once, stays until the end, and keeps of the answer only whose it is."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self.request_id = ""

    async def receive(self) -> Message:
        if self._body is None:
            await asyncio.Event().wait()  # until the gateway stops watching
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            named = dict(message["headers"])
            self.request_id = named[b"x-authdeck-request-id"].decode()

"""What every page of the console works with, found through the request."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request

from authdeck.access import Actor
from authdeck.exchange import Refreshed
from authdeck.gate.authenticate import Gate
from authdeck.operations.batches import Batches
from authdeck.operations.client_keys import ClientKeys
from authdeck.operations.deliver import Deliverer
from authdeck.operations.desk import Desk
from authdeck.operations.inspecting import Inspecting
from authdeck.operations.log_in import Logins
from authdeck.operations.query_quota import QuotaQueries
from authdeck.operations.send_one import Send
from authdeck.settings import Settings
from authdeck.storage.database import Database
from authdeck.web.rendering import Pages
from authdeck.web.waiting import WaitingImports

Sample = Callable[[], Awaitable[str]]
"""Sends one request through the gateway, as the demo's button does, and returns its request id in hex."""


class Refresh(Protocol):
    """Exchanges an account's refresh token now."""

    async def __call__(self, auth_index: str, actor: Actor) -> Refreshed: ...


@dataclass(frozen=True, slots=True)
class Reaching:
    """What goes out because a person asked: a request through the gateway, a refresh."""

    send: Send
    refresh: Refresh


@dataclass(frozen=True, slots=True)
class Room:
    desk: Desk
    gate: Gate
    monitoring: Database
    client_keys: ClientKeys
    batches: Batches
    sample: Sample | None
    settings: Settings
    pages: Pages
    waiting: WaitingImports
    reaching: Reaching
    logins: Logins
    deliverer: Deliverer
    quota: QuotaQueries
    inspecting: Inspecting


def room_of(request: Request) -> Room:
    room: Room = request.app.state.room
    return room

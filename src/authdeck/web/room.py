"""What every page of the console works with, found through the request."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request

from authdeck.gate.authenticate import Gate
from authdeck.operations.batches import Batches
from authdeck.operations.client_keys import ClientKeys
from authdeck.operations.desk import Desk
from authdeck.settings import Settings
from authdeck.storage.database import Database
from authdeck.web.rendering import Pages
from authdeck.web.waiting import WaitingImports

Sample = Callable[[], Awaitable[str]]
"""Sends one request through the gateway, as the demo's button does, and returns its request id in hex."""


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


def room_of(request: Request) -> Room:
    room: Room = request.app.state.room
    return room

"""What every page of the console works with, found through the request."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request

from authdeck.gate.authenticate import Gate
from authdeck.operations.desk import Desk
from authdeck.operations.parts import Parts
from authdeck.web.rendering import Pages
from authdeck.web.waiting import WaitingImports

Sample = Callable[[], Awaitable[str]]
"""Sends one request through the gateway, as the demo's button does, and returns its request id in hex."""


@dataclass(frozen=True, slots=True)
class Room:
    parts: Parts
    gate: Gate
    sample: Sample | None
    pages: Pages
    waiting: WaitingImports

    @property
    def desk(self) -> Desk:
        return self.parts.desk


def room_of(request: Request) -> Room:
    room: Room = request.app.state.room
    return room

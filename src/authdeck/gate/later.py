"""An app that is made after the port has opened, or with its first request."""

import asyncio
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send


class Later:
    """``make`` is called once, in a thread: importing and building may take long, and the gateway goes first."""

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make: Final = make
        self._making: Final = asyncio.Lock()
        self._made: ASGIApp | None = None
        self._told: Callable[[], None] = lambda: None

    def then(self, told: Callable[[], None]) -> None:
        """Call ``told`` as soon as it is made. Asked before it is."""
        self._told = told

    async def ready(self) -> ASGIApp:
        """The app. What ``make`` raises is raised to everybody who asks."""
        async with self._making:
            if self._made is None:
                self._made = await asyncio.to_thread(self._make)
                self._told()
        return self._made

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._made or await self.ready())(scope, receive, send)

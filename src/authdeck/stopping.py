"""Serving until told to stop, and what is under way then."""

import asyncio
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn

from authdeck import tasks

LOOK_AGAIN: Final = 0.05
"""Seconds; only while the process stops."""

Farewell = Callable[[], Coroutine[Any, Any, None]]


class Stopping:
    """Takes the signals. One that comes before the server runs lets it end as soon as it would."""

    def __init__(self) -> None:
        self._server: _Server | None = None
        self._times = 0
        loop = asyncio.get_running_loop()
        for signal_ in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_, self._told)

    async def serve(self, config: uvicorn.Config, listening: socket.socket, farewell: Farewell) -> None:
        """Until the first signal; the second one does not wait. ``farewell`` lets websockets end by themselves."""
        self._server = _Server(config, farewell)
        self._pass_on()
        await self._server.serve(sockets=[listening])

    def _told(self) -> None:
        self._times += 1
        self._pass_on()

    def _pass_on(self) -> None:
        if self._server is not None:
            self._server.should_exit = self._times > 0
            self._server.force_exit = self._times > 1


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling, which would end the process before everything is written down.

    It lets answers end, but closes websockets at once, whatever is being said on them: so they come first, and what
    they leave of the time is for the rest.
    """

    def __init__(self, config: uvicorn.Config, farewell: Farewell) -> None:
        super().__init__(config)
        self._farewell: Final = farewell

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for each in (*self.servers, *(sockets or ())):
            each.close()
        loop, patience = asyncio.get_running_loop(), self.config.timeout_graceful_shutdown or 0
        began = loop.time()
        ending = tasks.start(self._farewell(), name="farewell")
        while not ending.done() and not self.force_exit and loop.time() - began < patience:
            await asyncio.wait({ending}, timeout=LOOK_AGAIN)
        ending.cancel()
        self.config.timeout_graceful_shutdown = max(1, round(patience - (loop.time() - began)))
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

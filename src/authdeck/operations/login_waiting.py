"""What runs while logins wait: open loopback ports, polled devices, and who watches."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, Protocol

from authdeck import tasks
from authdeck.providers.signing_in import DeviceCode, Polled, Step

SLOWER: Final = 5
"""Seconds that ``slow_down`` adds to the interval (RFC 8628 §3.5)."""

Pause = Callable[[float], Awaitable[None]]


class Ports(Protocol):
    """Loopback ports that providers lead browsers back to."""

    async def open(self, port: int) -> bool:
        """Whether it is open now; false where another program has it."""
        ...

    async def close(self, port: int) -> None: ...


class Waiting:
    """By login: its port, its polling task, its watchers."""

    def __init__(self, ports: Ports) -> None:
        self._ports: Final = ports
        self._polling: Final[dict[str, asyncio.Task[None]]] = {}
        self._listening: Final[dict[str, int]] = {}
        self._watchers: Final[dict[str, set[asyncio.Event]]] = {}
        self._opening: Final = asyncio.Lock()

    async def listen(self, login_id: str, port: int) -> None:
        """Open the port, if nobody else has it."""
        async with self._opening:
            if port in self._listening.values() or await self._ports.open(port):
                self._listening[login_id] = port

    def is_listening(self, login_id: str) -> bool:
        return login_id in self._listening

    def poll(self, login_id: str, work: Coroutine[Any, Any, None]) -> None:
        self._polling[login_id] = tasks.start(work, name="poll a device login")

    def is_polling(self, login_id: str) -> bool:
        task = self._polling.get(login_id)
        return task is not None and not task.done()

    async def let_go(self, login_id: str) -> None:
        """It waits no more."""
        task = self._polling.pop(login_id, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)  # it gives its lease back
        async with self._opening:
            port = self._listening.pop(login_id, None)
            if port is not None and port not in self._listening.values():
                await self._ports.close(port)

    @contextmanager
    def watching(self, login_id: str) -> Iterator[asyncio.Event]:
        """Set whenever the login changed."""
        event = asyncio.Event()
        self._watchers.setdefault(login_id, set()).add(event)
        try:
            yield event
        finally:
            self._watchers[login_id].discard(event)
            if not self._watchers[login_id]:
                del self._watchers[login_id]

    def wake(self, login_id: str) -> None:
        for event in self._watchers.get(login_id, ()):
            event.set()

    async def close(self) -> None:
        for login_id in {*self._polling, *self._listening}:
            await self.let_go(login_id)
        for login_id in list(self._watchers):
            self.wake(login_id)


async def decided(
    code: DeviceCode, turn: Callable[[DeviceCode], Awaitable[Polled | None]], pause: Pause
) -> Polled | None:
    """Poll until it is approved or refused; ``None`` where ``turn`` ended it. The interval is the provider's."""
    while True:
        await pause(code.interval)
        polled = await turn(code)
        if polled is None:
            return None
        if polled.step is Step.SLOW_DOWN:
            code = replace(code, interval=code.interval + SLOWER)
        elif polled.step is not Step.PENDING:
            return polled

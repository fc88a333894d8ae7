"""Providers that people sign in at: the simulated ones as settings, the way their pages lead back, and waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from authdeck.directory import Directory
from authdeck.operations.changes import ChangeFeed
from authdeck.operations.desk import Desk
from authdeck.operations.entries import Mirror
from authdeck.operations.log_in import Logins
from authdeck.operations.login_beginning import Beginner
from authdeck.operations.login_now import LoginNow
from authdeck.pool import Pool
from authdeck.providers import PROVIDERS
from authdeck.settings import load
from authdeck.simulator import Simulator
from authdeck.storage.database import Database
from authdeck.upstream.calls import Calls
from authdeck.upstream.origins import Origins
from authdeck.upstream.sessions import Sessions
from authdeck.vault.vault import Vault
from fakes.clock import SetClock


class Pauses:
    """Waits of the polling: each ends when the test says so, and moves the clock as far."""

    def __init__(self, clock: SetClock) -> None:
        self._clock = clock
        self._turns: asyncio.Queue[float] = asyncio.Queue()
        self._go = asyncio.Semaphore(0)

    async def __call__(self, seconds: float) -> None:
        self._turns.put_nowait(seconds)
        await self._go.acquire()
        self._clock.move(seconds=seconds)

    async def next(self) -> float:
        """How long it waits now."""
        return await asyncio.wait_for(self._turns.get(), 10)

    def go(self) -> None:
        self._go.release()


@asynccontextmanager
async def desk_at(
    simulator: Simulator, database: Database, vault: Vault, clock: SetClock, home: Path, boot: str = "b" * 32
) -> AsyncIterator[Desk]:
    """A desk whose providers are the simulated ones."""
    settings = load({"AUTHDECK_HOME": str(home)}, providers=providers(simulator))
    sessions = Sessions(Origins(settings.providers, own_host=settings.host, own_port=settings.port))
    made = Desk(settings, clock, boot, database, vault, ChangeFeed(), Directory(), Calls(sessions))
    await Mirror(made, Pool(lambda account: PROVIDERS[account.provider].routes(account.kind))).load()
    yield made
    await sessions.close()


async def until(logins: Logins, login_id: str, beginner: Beginner, *statuses: str) -> LoginNow:
    """The login as soon as it is one of these."""

    async def looking() -> LoginNow:
        async for now in logins.follow(login_id, beginner):
            if now.status in statuses:
                return now
        raise AssertionError("it ended otherwise")

    return await asyncio.wait_for(looking(), 10)


def providers(simulator: Simulator) -> dict[str, Any]:
    """The setting ``providers`` that points at the simulator."""
    parts: dict[str, Any] = {}
    for name, value in simulator.settings().items():
        provider, setting = name.removeprefix("AUTHDECK_PROVIDERS__").lower().split("__")
        parts.setdefault(provider, {})[setting] = value
    return parts


async def came_back(url: str) -> str:
    """Where the provider's page leads the browser."""
    async with httpx2.AsyncClient(trust_env=False) as browser:
        answer = await browser.get(url)
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


def came_back_to(url: str) -> str:
    """The same, for tests without an event loop."""
    with httpx2.Client(trust_env=False) as browser:
        answer = browser.get(url)
    assert answer.status_code == 302, answer.text
    location: str = answer.headers["location"]
    return location

"""Logins at simulated providers, and what people bring back from there."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from authdeck.operations.desk import Desk
from authdeck.operations.keyring import open_vault
from authdeck.operations.log_in import Logins
from authdeck.operations.login_beginning import Beginner
from authdeck.operations.login_now import LoginNow
from authdeck.settings import load
from authdeck.simulator import Account, Simulator
from authdeck.storage.database import Database
from authdeck.vault.keys import create_key_file
from fakes.clock import SetClock
from fakes.people import ANN
from fakes.ports import FakePorts
from fakes.sign_ins import Pauses, came_back, desk_at, until

HERE = Beginner(ANN, "session-of-ann")
ENDS = ("choosing", "done", "failed", "cancelled", "expired")

SignIn = Callable[..., Coroutine[Any, Any, LoginNow]]


@pytest.fixture
def simulator(clock: SetClock) -> Iterator[Simulator]:
    with Simulator(clock).running() as made:
        yield made


@pytest_asyncio.fixture
async def desk(database: Database, clock: SetClock, tmp_path: Path, simulator: Simulator) -> AsyncIterator[Desk]:
    create_key_file(tmp_path / "master.key")
    vault = open_vault(database, load({"AUTHDECK_HOME": str(tmp_path)}), clock)
    async with desk_at(simulator, database, vault, clock, tmp_path) as made:
        yield made


@pytest.fixture
def pauses(clock: SetClock) -> Pauses:
    return Pauses(clock)


@pytest.fixture
def ports() -> FakePorts:
    return FakePorts()


@pytest_asyncio.fixture
async def logins(desk: Desk, ports: FakePorts, pauses: Pauses) -> AsyncIterator[Logins]:
    made = Logins(desk, ports, pauses)
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def sign_in(logins: Logins, simulator: Simulator, pauses: Pauses) -> SignIn:
    """``who`` signs in at their provider, in a browser or by a device, for ``expected`` or for nobody."""

    async def signed_in(who: Account, **given: Any) -> LoginNow:
        simulator.approve(who)
        now = await logins.begin(who.provider, HERE, **given)
        if now.url is not None:
            return await logins.call_back(now.id, await came_back(now.url), HERE)
        await pauses.next()
        pauses.go()
        return await until(logins, now.id, HERE, *ENDS)

    return signed_in

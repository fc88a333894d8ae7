"""A desk for operations: real database, real vault; calls go nowhere but loopback."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from conftest import SetClock

from authdeck.access import Actor, Role
from authdeck.directory import Directory
from authdeck.operations.changes import ChangeFeed
from authdeck.operations.desk import Desk
from authdeck.operations.entries import Mirror
from authdeck.pool import Pool
from authdeck.settings import Settings
from authdeck.storage.database import Database
from authdeck.upstream.calls import Calls
from authdeck.upstream.origins import Origins
from authdeck.upstream.sessions import Sessions
from authdeck.vault.keys import MasterKey
from authdeck.vault.vault import Vault

ANN = Actor("ann", Role.ADMIN)
BOB = Actor("bob", Role.OPERATOR)


@pytest_asyncio.fixture
async def desk(database: Database, clock: SetClock, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk whose directory and pool follow the database, as in a running server."""
    settings = Settings(home=tmp_path)
    sessions = Sessions(Origins(settings.providers, own_host=settings.host, own_port=settings.port))
    vault = Vault.create(MasterKey.new()).vault
    made = Desk(settings, clock, "b" * 32, database, vault, ChangeFeed(), Directory(), Calls(sessions))
    await Mirror(made, Pool()).load()
    yield made
    await sessions.close()

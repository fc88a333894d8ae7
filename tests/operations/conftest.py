"""A desk for operations: real database, real vault; calls go nowhere but loopback."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from authdeck.clock import Clock
from authdeck.directory import Directory
from authdeck.operations.changes import ChangeFeed
from authdeck.operations.desk import Desk
from authdeck.operations.entries import Mirror
from authdeck.operations.keyring import open_vault
from authdeck.pool import Pool
from authdeck.providers import PROVIDERS
from authdeck.settings import Settings
from authdeck.storage.database import Database
from authdeck.upstream.calls import Calls
from authdeck.upstream.origins import Origins
from authdeck.upstream.sessions import Sessions
from authdeck.vault.keys import create_key_file


@pytest_asyncio.fixture
async def desk(database: Database, clock: Clock, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk whose directory and pool follow the database, as in a running server."""
    settings = Settings(home=tmp_path)
    sessions = Sessions(Origins(settings.providers, own_host=settings.host, own_port=settings.port))
    create_key_file(tmp_path / "master.key")
    vault = open_vault(database, settings, clock)
    made = Desk(settings, clock, "b" * 32, database, vault, ChangeFeed(), Directory(), Calls(sessions))
    await Mirror(made, Pool(lambda account: PROVIDERS[account.provider].routes(account.kind))).load()
    yield made
    await sessions.close()

"""A desk for operations."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from authdeck.clock import Clock
from authdeck.operations.desk import Desk
from authdeck.storage.database import Database
from fakes.desks import open_desk


@pytest_asyncio.fixture
async def desk(database: Database, clock: Clock, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(database, clock, tmp_path) as made:
        yield made

"""What every test may ask for: a clock that can be set, and databases of the newest schema on both systems."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

from authdeck.storage import opening
from authdeck.storage.database import Database
from fakes import memory
from fakes.clock import SetClock
from fakes.laid import laid
from fakes.postgresql import Server, Unavailable

# A busy machine is no failure. `make test` tries the same inputs every time: what passed passes again. `make proof`
# looks for others, many more of them.
EXAMPLES: Final = int(os.environ.get("AUTHDECK_PROOF_EXAMPLES", "0"))
IS_PROOF: Final = any(name.startswith("AUTHDECK_PROOF_") for name in os.environ)
settings.register_profile("authdeck", deadline=None, derandomize=not IS_PROOF, max_examples=EXAMPLES or 100)
settings.load_profile("authdeck")

os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", memory.place())


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A server for this run of the tests; tests that need it are skipped, with the reason, where it can't run."""
    try:
        server = Server().start()
    except Unavailable as error:
        pytest.skip(f"no PostgreSQL: {error}")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgresql_template(postgresql: Server) -> str:
    """The name of a database of the newest schema, control and monitoring."""
    name = postgresql.new_database()
    for open_ in (opening.control, opening.monitoring):
        open_(postgresql.url(name), SetClock(), migrate=True).close()
    return name


@pytest.fixture
def postgresql_url(postgresql: Server, postgresql_template: str) -> Iterator[str]:
    """A PostgreSQL database of the newest schema, of its own for this test."""
    name = postgresql.new_database(postgresql_template)
    yield postgresql.url(name)
    postgresql.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a database lies, of its own for this test: a file that does not exist yet, or a migrated PostgreSQL one."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'authdeck.db'}"
    url: str = request.getfixturevalue("postgresql_url")
    return url


@pytest.fixture
def database(database_url: str, clock: SetClock) -> Iterator[Database]:
    """The control database, on SQLite and on PostgreSQL."""
    opened = opening.control(laid(database_url), clock)
    yield opened
    opened.close()


@pytest.fixture
def monitoring(database_url: str, clock: SetClock) -> Iterator[Database]:
    """The monitoring database, on SQLite and on PostgreSQL."""
    opened = opening.monitoring(laid(database_url.replace("authdeck.db", "monitoring.db")), clock)
    yield opened
    opened.close()

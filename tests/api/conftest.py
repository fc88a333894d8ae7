"""The management API behind the real gate, over a real database; Ann is admin, Bob operator, Vera viewer."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest_asyncio
from httpx2 import ASGITransport, AsyncClient
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from authdeck.access import Actor
from authdeck.api.management import management
from authdeck.api.status import status_routes
from authdeck.directory import Directory
from authdeck.errors import DeckError
from authdeck.exchange import Refreshed, RefreshOutcome
from authdeck.gate.authenticate import Gate
from authdeck.gate.routes import guard
from authdeck.operations import admin_keys, operators
from authdeck.operations.batch_runner import BatchRunner
from authdeck.operations.batches import Batches
from authdeck.operations.changes import ChangeFeed
from authdeck.operations.deliver import Deliverer
from authdeck.operations.desk import Desk
from authdeck.operations.entries import Mirror
from authdeck.operations.inspecting import Inspecting
from authdeck.operations.keyring import open_vault
from authdeck.operations.log_in import Logins
from authdeck.operations.parts import Parts
from authdeck.operations.resealing import Resealer
from authdeck.pool import Pool
from authdeck.providers import PROVIDERS
from authdeck.settings import Settings
from authdeck.storage.database import Database
from authdeck.upstream.calls import Calls
from authdeck.upstream.origins import Origins
from authdeck.upstream.sessions import Sessions
from authdeck.vault.keys import create_key_file
from authdeck.wording import notifying
from fakes.clock import SetClock
from fakes.people import ANN, BOB, VERA
from fakes.ports import FakePorts
from fakes.quota_queries import queries_of

UPLOAD_LIMIT = 100_000
"""Bytes: small, so that a test of the limit is quick."""

As = Callable[[Actor | None], AsyncClient]


@pytest_asyncio.fixture
async def desk(database: Database, clock: SetClock, tmp_path: Path) -> AsyncIterator[Desk]:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    settings = Settings(home=home, upload_limit=UPLOAD_LIMIT)
    sessions = Sessions(Origins(settings.providers, own_host=settings.host, own_port=settings.port))
    create_key_file(home / "master.key")
    vault = open_vault(database, settings, clock)
    made = Desk(settings, clock, "b" * 32, database, vault, ChangeFeed(), Directory(), Calls(sessions))
    await operators.ensure_first(made)
    yield made
    await sessions.close()


@pytest_asyncio.fixture
async def pool(desk: Desk) -> Pool:
    made = Pool(lambda account: PROVIDERS[account.provider].routes(account.kind))
    await Mirror(desk, made).load()
    return made


@pytest_asyncio.fixture
async def app(desk: Desk, monitoring: Database, pool: Pool) -> AsyncIterator[ASGIApp]:
    async def nothing_rotates(auth_index: str, actor: Actor) -> Refreshed:
        """What a deck answers whose accounts have no refresh token; refreshing is tested with the simulator."""
        del auth_index, actor
        return Refreshed(RefreshOutcome.FAILED, "does_not_rotate")

    async def nothing_is_sent(*_asked: object) -> str:
        """Sending is tested with the gateway."""
        raise DeckError("request_not_possible", status=422, file_name="")

    async def unanswered() -> None:
        """A database that does not answer."""
        raise ConnectionError

    async def does_not_rotate(auth_index: str) -> None:
        del auth_index
        raise DeckError("refresh_not_possible", status=503)

    queries = queries_of(desk)
    batches = Batches(desk, BatchRunner(desk, does_not_rotate, queries.query_quota))
    telling = Sessions(Origins(None, own_host=desk.settings.host, own_port=desk.settings.port))
    parts = Parts(
        desk=desk, monitoring=monitoring, pool=pool, batches=batches, logins=Logins(desk, FakePorts()), quota=queries,
        inspecting=Inspecting(desk, queries, batches), resealer=Resealer(desk), refresh=nothing_rotates,
        deliverer=Deliverer(desk, telling.origins, Calls(telling), notifying.told), send=nothing_is_sent,
    )  # fmt: skip
    routes = [
        *status_routes(
            desk, {"control": lambda: desk.read(bool), "lost": unanswered}, lambda: {"stored": 7, "late": 1}
        ),
        Mount("/api/v1", management(parts)),
    ]

    async def at_once(_seconds: float) -> None: ...

    yield guard(Starlette(routes=routes), Gate(desk, sleep=at_once))
    await telling.close()


@pytest_asyncio.fixture
async def as_(app: ASGIApp, desk: Desk) -> AsyncIterator[As]:
    """``as_(BOB)`` asks with Bob's admin key, ``as_(None)`` with none."""
    clients: dict[str, AsyncClient] = {"": _client(app, None)}
    for actor in (ANN, BOB, VERA):
        await operators.create(desk, actor.name, actor.role, ANN)
        made = await admin_keys.create(desk, actor.name, ANN)
        clients[actor.name] = _client(app, made.key.open())
    yield lambda actor: clients[actor.name if actor else ""]
    for client in clients.values():
        await client.aclose()


@pytest_asyncio.fixture
async def ann(as_: As) -> AsyncClient:
    return as_(ANN)


def _client(app: ASGIApp, key: str | None) -> AsyncClient:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return AsyncClient(transport=ASGITransport(app), base_url="http://localhost/api/v1", headers=headers)

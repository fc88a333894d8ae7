"""A process that refreshes: desk, lender and refresher on a database, and a simulated provider that rotates tokens."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from authdeck import settings
from authdeck.credential import Credential
from authdeck.directory import Directory
from authdeck.operations.changes import ChangeFeed
from authdeck.operations.desk import Desk
from authdeck.operations.entries import Mirror
from authdeck.operations.import_files import Choices, Source, import_files
from authdeck.operations.lend import Lender
from authdeck.operations.refresh import Refresher
from authdeck.pool import Pool
from authdeck.providers import PROVIDERS
from authdeck.simulator import Account, Simulator
from authdeck.storage.database import Database
from authdeck.storage.reading import refreshing
from authdeck.upstream.calls import Calls
from authdeck.upstream.origins import Origins
from authdeck.upstream.sessions import Sessions
from authdeck.vault.keys import MasterKey
from authdeck.vault.vault import Vault
from fakes.clock import SetClock
from fakes.people import ANN


@dataclass
class Shop:
    """One process. ``ann`` is a person at the provider, ``index`` her account here."""

    desk: Desk
    lender: Lender
    refresher: Refresher
    simulator: Simulator
    clock: SetClock
    ann: Account
    mirror: Mirror
    index: str = ""

    async def credential(self) -> Credential:
        return await self.lender.credential(self.index)

    async def usable(self) -> Credential:
        return await self.refresher.usable(await self.credential())

    async def journal(self) -> list[tuple[str | None, int | None]]:
        key = self.account.key
        found = await self.desk.read(lambda connection: refreshing.of_account(connection, key))
        return [(entry.outcome, entry.new_revision) for entry in reversed(found)]

    @property
    def account(self):
        entry = self.desk.directory.get(self.index)
        assert entry is not None
        return entry.account

    def holds(self) -> list[str]:
        entry = self.desk.directory.get(self.index)
        assert entry is not None
        return [hold.code for hold in entry.holds]

    def calls(self) -> int:
        return len(self.simulator.seen("/oauth/token", None))

    async def take_in(self, who: Account | None = None, **choices: object) -> str:
        source = Source(*self.simulator.auth_file(who or self.ann))
        report = await import_files(self.desk, [source], ANN, choices=Choices(**choices))  # type: ignore[arg-type]
        return report.items[0].auth_index or ""

    async def expired(self) -> Credential:
        """The credential, which has just run out."""
        credential = await self.credential()
        assert credential.expires_at is not None
        self.clock.move(seconds=(credential.expires_at - self.clock.now()).total_seconds())
        return credential


@contextmanager
def simulated(clock: SetClock, **environment: str) -> Iterator[Simulator]:
    """A simulated provider that the settings name."""
    with Simulator(clock).running() as simulator, pytest.MonkeyPatch.context() as patch:
        for name, value in {**simulator.settings(), **environment}.items():
            patch.setenv(name, value)
        yield simulator


@asynccontextmanager
async def open_shop(
    simulator: Simulator, clock: SetClock, home: Path, database: Database, vault: Vault, ann: Account, boot: str = "b"
) -> AsyncIterator[Shop]:
    loaded = settings.load(home=home)
    sessions = Sessions(Origins(loaded.providers, own_host="127.0.0.1", own_port=1))
    desk = Desk(loaded, clock, boot * 32, database, vault, ChangeFeed(), Directory(), Calls(sessions))
    mirror = Mirror(desk, Pool(lambda account: PROVIDERS[account.provider].routes(account.kind)))
    await mirror.load()
    lender = Lender(desk)
    made = Shop(desk, lender, Refresher(desk, lender), simulator, clock, ann, mirror)
    yield made
    await made.refresher.close()
    await sessions.close()


def new_vault() -> Vault:
    return Vault.create(MasterKey.new()).vault

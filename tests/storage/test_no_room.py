"""A disk that is full, or that can't be written to: a clear code, and everything that was committed is still there."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from authdeck.errors import DeckError
from authdeck.operations import seals
from authdeck.operations.desk import Desk
from authdeck.storage import opening
from authdeck.storage.database import Database
from authdeck.storage.reading import accounts, revisions
from authdeck.vault.keys import MasterKey
from authdeck.vault.vault import Vault
from fakes import disks, process
from fakes.auth_files import codex, take_in
from fakes.clock import SetClock
from fakes.desks import desk_on


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB of its own."""
    with disks.small_disk(tmp_path / "disk") as place:
        yield place


@pytest.fixture
def vault() -> Vault:
    return Vault.create(MasterKey.new()).vault


def numbered(number: int) -> tuple[str, bytes]:
    return f"{number:04}.json", codex(f"person{number}@example.com", f"acc-fake-{number}", padding="x" * 4_000)


async def fill(desk: Desk, start: int = 0) -> tuple[DeckError, list[str]]:
    """Import one file after the other until that is refused; the refusal and what was taken in."""
    taken: list[str] = []
    for number in range(start, start + 2_000):
        try:
            report = await take_in(desk, numbered(number))
        except DeckError as error:
            return error, taken
        taken.append(str(report.items[0].auth_index))
    raise AssertionError("it never got full")


def whole(database: Database, vault: Vault, taken: list[str]) -> bool:
    """Every account that was reported is there and opens; the file itself is sound."""
    for index in taken:
        stored = database.read_now(lambda c, index=index: revisions.current(c, index))
        assert json.loads(seals.open_file(vault, stored))["type"] == "codex"
    found = database.read_now(accounts.live)
    return {entry.account.auth_index for entry in found} >= set(taken)


async def test_a_full_disk_is_said_and_loses_nothing(small_disk: Path, vault: Vault, clock: SetClock) -> None:
    url = f"sqlite:///{small_disk / 'authdeck.db'}"
    database = opening.control(url, clock)
    desk = await desk_on(database, vault, clock, small_disk)
    error, taken = await fill(desk)
    assert (error.code, error.status) == ("storage_full", 503)
    assert taken
    assert whole(database, vault, taken)
    database.close()
    _remount(small_disk, "size=16m")
    reopened = opening.control(url, clock)
    assert whole(reopened, vault, taken)
    again = await desk_on(reopened, vault, clock, small_disk)
    (row,) = (await take_in(again, numbered(1_999))).items
    assert row.outcome.value == "new"
    reopened.close()


async def test_a_database_that_may_not_grow_says_so(tmp_path: Path, vault: Vault, clock: SetClock) -> None:
    """The same without a mount: SQLite's own bound on its file."""
    database = opening.control(f"sqlite:///{tmp_path / 'authdeck.db'}", clock)
    desk = await desk_on(database, vault, clock, tmp_path)

    def bound(pages: int) -> None:
        def work(connection) -> None:
            connection._connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

        database.write_now(work)

    bound(200)
    error, taken = await fill(desk)
    assert error.code == "storage_full"
    assert whole(database, vault, taken)
    bound(100_000)
    (row,) = (await take_in(desk, numbered(1_999))).items
    assert row.outcome.value == "new"
    database.close()


async def test_a_read_only_disk_is_said_and_loses_nothing(small_disk: Path, vault: Vault, clock: SetClock) -> None:
    database = opening.control(f"sqlite:///{small_disk / 'authdeck.db'}", clock)
    desk = await desk_on(database, vault, clock, small_disk)
    (row,) = (await take_in(desk, numbered(1))).items
    database.engine.dispose()
    _remount(small_disk, "ro")
    with pytest.raises(DeckError) as refused:
        await take_in(desk, numbered(2))
    assert (refused.value.code, refused.value.status) == ("storage_read_only", 503)
    _remount(small_disk, "rw")
    database.engine.dispose()
    assert whole(database, vault, [str(row.auth_index)])
    assert (await take_in(desk, numbered(2))).items[0].outcome.value == "new"
    database.close()


def test_the_command_says_it_in_one_sentence(small_disk: Path, tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    for number in range(400):
        name, content = numbered(number)
        (files / name).write_bytes(content)
    said = _authdeck(small_disk, "import", str(files))
    assert said.returncode == 1
    assert said.stderr.rstrip().endswith("(storage_full)"), said.stderr
    assert "Traceback" not in said.stderr


def _remount(place: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(place)], check=True)


def _authdeck(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("AUTHDECK_")}
    monitoring = f"sqlite:///{home.parent / 'monitoring.db'}"
    return process.run(list(words), {**ours, "AUTHDECK_HOME": str(home), "AUTHDECK_MONITORING_URL": monitoring}, 100)

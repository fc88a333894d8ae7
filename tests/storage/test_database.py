"""Units of work: whole or absent, one snapshot a read, one writer."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from authdeck.errors import DeckError
from authdeck.storage import opening
from authdeck.storage.database import Database, ReadConnection, WriteConnection
from authdeck.storage.engines import parse, require_sqlite
from authdeck.storage.tables import operators
from fakes.clock import SetClock
from fakes.laid import laid

Adding = Callable[[str], Callable[[WriteConnection], object]]


@pytest.fixture
def add(clock: SetClock) -> Adding:
    """Work that adds an operator."""

    def adding(name: str) -> Callable[[WriteConnection], object]:
        row = {"name": name, "role": "admin", "created_at": clock.now()}
        return lambda c: c.execute(insert(operators), row)

    return adding


def count(c: ReadConnection) -> int:
    return c.execute(select(func.count()).select_from(operators)).scalar_one()


async def test_it_works(database: Database, add: Adding, clock: SetClock) -> None:
    await database.write(add("Ann"))
    assert await database.read(count) == 1
    assert await database.read(lambda c: c.execute(select(operators.c.created_at)).scalar()) == clock.now()


def test_nothing_is_left_of_work_that_raises(database: Database, add: Adding) -> None:
    def work(c: WriteConnection) -> None:
        add("Ann")(c)
        raise DeckError("changed_my_mind")

    with pytest.raises(DeckError, match="changed_my_mind"):
        database.write_now(work)
    assert database.read_now(count) == 0
    database.write_now(add("Bob"))
    assert database.read_now(count) == 1


def test_a_broken_constraint_is_the_callers_matter(database: Database, add: Adding) -> None:
    database.write_now(add("Ann"))
    with pytest.raises(IntegrityError):
        database.write_now(add("Ann"))
    assert database.read_now(count) == 1


def test_a_read_sees_one_snapshot(database: Database, add: Adding) -> None:
    def work(c: ReadConnection) -> tuple[int, int]:
        before = count(c)
        with ThreadPoolExecutor(1) as other:
            other.submit(database.write_now, add("Eve")).result()
        return before, count(c)

    assert database.read_now(work) == (0, 0)
    assert database.read_now(count) == 1


def test_a_read_can_not_write_to_postgresql(postgresql_url: str, clock: SetClock, add: Adding) -> None:
    database = opening.control(postgresql_url, clock)
    with pytest.raises(DeckError, match="storage_read_only"):
        database.read_now(add("Eve"))
    database.close()


def test_two_threads_write_one_after_the_other(database: Database, add: Adding) -> None:
    """Read, think, write: an interleaved pair would give both the same number."""
    ready = threading.Barrier(2)

    def numbered(prefix: str) -> None:
        ready.wait()
        for _ in range(25):
            database.write_now(lambda c: add(f"{prefix}-{count(c)}")(c))

    with ThreadPoolExecutor(2) as threads:
        for running in [threads.submit(numbered, prefix) for prefix in ("Ann", "Bob")]:
            running.result()
    names = database.read_now(lambda c: c.execute(select(operators.c.name)).scalars().all())
    assert sorted(int(name.partition("-")[2]) for name in names) == list(range(50))


def test_two_processes_on_one_file_write_one_after_the_other(tmp_path: Path, clock: SetClock, add: Adding) -> None:
    """Two ``Database`` objects share no lock of ours: SQLite's own lock, taken at BEGIN, is what keeps them apart."""
    one, other = (opening.control(f"sqlite:///{tmp_path}/authdeck.db", clock) for _ in range(2))
    ready = threading.Barrier(2)

    def numbered(database: Database, prefix: str) -> None:
        ready.wait()
        for _ in range(25):
            database.write_now(lambda c: add(f"{prefix}-{count(c)}")(c))

    with ThreadPoolExecutor(2) as threads:
        for running in [threads.submit(numbered, one, "Ann"), threads.submit(numbered, other, "Bob")]:
            running.result()
    names = one.read_now(lambda c: c.execute(select(operators.c.name)).scalars().all())
    assert sorted(int(name.partition("-")[2]) for name in names) == list(range(50))
    one.close()
    other.close()


def test_a_committed_write_is_on_the_disk(tmp_path: Path, clock: SetClock) -> None:
    database = opening.control(f"sqlite:///{tmp_path}/authdeck.db", clock)
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    database.close()


def test_the_file_is_for_its_owner_alone(tmp_path: Path, clock: SetClock, add: Adding) -> None:
    database = opening.control(f"sqlite:///{tmp_path}/home/authdeck.db", clock)
    database.write_now(add("Ann"))
    modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "home").iterdir()}
    assert modes == {"authdeck.db": 0o600, "authdeck.db-wal": 0o600, "authdeck.db-shm": 0o600}
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
    database.close()


def test_a_full_disk_has_a_code(tmp_path: Path, clock: SetClock, add: Adding) -> None:
    database = opening.control(f"sqlite:///{tmp_path}/authdeck.db", clock)

    def fill(c: WriteConnection) -> None:
        c.execute_many("PRAGMA max_page_count = 1", [()])  # SQLite takes it as "as many as there are now"
        for number in range(10_000):
            add(f"Ann {number} {'x' * 1000}")(c)

    with pytest.raises(DeckError, match="storage_full"):
        database.write_now(fill)
    database.engine.dispose()
    assert database.read_now(count) == 0
    database.close()


def test_a_checkpoint_finds_damage_that_who_only_writes_does_not(tmp_path: Path, clock: SetClock, add: Adding) -> None:
    """All that the writer needs is in its memory: it might go on for hours, into what nobody can read any more."""
    database = opening.control(laid(f"sqlite:///{tmp_path / 'authdeck.db'}"), clock)
    database.write_often(add("Ann"))
    database.checkpoint()
    with database.file.open("r+b") as raw:
        raw.write(b"overwritten by Eve" * (database.file.stat().st_size // 18))
    database.write_often(add("Bob"))  # goes well: nothing has looked yet
    with pytest.raises(DeckError, match="storage_damaged"):
        database.checkpoint()
    with pytest.raises(DeckError, match="storage_damaged"):
        database.write_often(add("Sam"))
    database.close()


def test_an_old_sqlite_is_refused() -> None:
    with pytest.raises(DeckError, match="storage_sqlite_too_old") as refused:
        require_sqlite((3, 36, 0))
    assert refused.value.params == {"found": "3.36.0", "needed": "3.37.0"}


@pytest.mark.parametrize("url", ["mysql://ann@host/x", "sqlite://", "sqlite:///:memory:", "nonsense"])
def test_another_kind_of_database_is_refused_without_showing_the_url(url: str) -> None:
    with pytest.raises(DeckError, match="storage_url_unsupported") as refused:
        parse(url)
    assert "ann" not in str(refused.value)


def test_a_connection_that_the_server_ends_has_a_code_and_the_next_one_works(
    postgresql_url: str, clock: SetClock, add: Adding
) -> None:
    database = opening.control(postgresql_url, clock)

    def work(c: WriteConnection) -> None:
        add("Ann")(c)
        c.execute(select(func.pg_terminate_backend(func.pg_backend_pid())))

    with pytest.raises(DeckError, match="storage_unreachable"):
        database.write_now(work)
    database.write_now(add("Bob"))
    assert database.read_now(count) == 1
    database.close()


def test_a_server_that_does_not_answer_has_a_code(tmp_path: Path, clock: SetClock) -> None:
    with pytest.raises(DeckError, match="storage_unreachable"):
        opening.control(f"postgresql://ann@/authdeck?host={tmp_path}", clock)

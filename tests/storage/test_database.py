"""Units of work: whole or absent, one snapshot a read, one writer."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from authdeck.errors import DeckError
from authdeck.storage import opening
from authdeck.storage.database import parse, require_sqlite
from authdeck.storage.tables import operators


@pytest.fixture
def add(clock):
    """Work that adds an operator."""

    def adding(name):
        row = {"name": name, "role": "admin", "created_at": clock.now()}
        return lambda c: c.execute(insert(operators), row)

    return adding


def count(c):
    return c.execute(select(func.count()).select_from(operators)).scalar_one()


async def test_it_works(database, add, clock):
    await database.write(add("Ann"))
    assert await database.read(count) == 1
    assert await database.read(lambda c: c.execute(select(operators.c.created_at)).scalar()) == clock.now()


def test_nothing_is_left_of_work_that_raises(database, add):
    def work(c):
        add("Ann")(c)
        raise DeckError("changed_my_mind")

    with pytest.raises(DeckError, match="changed_my_mind"):
        database.write_now(work)
    assert database.read_now(count) == 0
    database.write_now(add("Bob"))
    assert database.read_now(count) == 1


def test_a_broken_constraint_is_the_callers_matter(database, add):
    database.write_now(add("Ann"))
    with pytest.raises(IntegrityError):
        database.write_now(add("Ann"))
    assert database.read_now(count) == 1


def test_a_read_sees_one_snapshot(database, add):
    def work(c):
        before = count(c)
        with ThreadPoolExecutor(1) as other:
            other.submit(database.write_now, add("Eve")).result()
        return before, count(c)

    assert database.read_now(work) == (0, 0)
    assert database.read_now(count) == 1


def test_a_read_connection_can_not_write_to_postgresql(database, add):
    if database.is_sqlite:
        pytest.skip("there the type alone says so")
    with pytest.raises((DeckError, DBAPIError)):
        database.read_now(add("Eve"))


def test_two_threads_write_one_after_the_other(database, add):
    """Read, think, write: an interleaved pair would give both the same number."""
    ready = threading.Barrier(2)

    def numbered(prefix):
        ready.wait()
        for _ in range(25):
            database.write_now(lambda c: add(f"{prefix}-{count(c)}")(c))

    with ThreadPoolExecutor(2) as threads:
        for running in [threads.submit(numbered, prefix) for prefix in ("Ann", "Bob")]:
            running.result()
    names = database.read_now(lambda c: c.execute(select(operators.c.name)).scalars().all())
    assert sorted(int(name.partition("-")[2]) for name in names) == list(range(50))


def test_two_processes_on_one_file_write_one_after_the_other(tmp_path, clock, add):
    """Two ``Database`` objects share no lock of ours: SQLite's own lock, taken at BEGIN, is what keeps them apart."""
    one, other = (opening.control(f"sqlite:///{tmp_path}/authdeck.db", clock) for _ in range(2))
    ready = threading.Barrier(2)

    def numbered(database, prefix):
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


def test_a_committed_write_is_on_the_disk(tmp_path, clock):
    database = opening.control(f"sqlite:///{tmp_path}/authdeck.db", clock)
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    database.close()


def test_the_file_is_for_its_owner_alone(tmp_path, clock, add):
    database = opening.control(f"sqlite:///{tmp_path}/home/authdeck.db", clock)
    database.write_now(add("Ann"))
    modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "home").iterdir()}
    assert modes == {"authdeck.db": 0o600, "authdeck.db-wal": 0o600, "authdeck.db-shm": 0o600}
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
    database.close()


def test_a_full_disk_has_a_code(tmp_path, clock, add):
    database = opening.control(f"sqlite:///{tmp_path}/authdeck.db", clock)

    def fill(c):
        c.execute_many("PRAGMA max_page_count = 1", [()])  # SQLite takes it as "as many as there are now"
        for number in range(10_000):
            add(f"Ann {number} {'x' * 1000}")(c)

    with pytest.raises(DeckError, match="storage_full"):
        database.write_now(fill)
    database.engine.dispose()
    assert database.read_now(count) == 0
    database.close()


def test_an_old_sqlite_is_refused():
    with pytest.raises(DeckError, match="storage_sqlite_too_old") as refused:
        require_sqlite((3, 36, 0))
    assert refused.value.params == {"found": "3.36.0", "needed": "3.37.0"}


@pytest.mark.parametrize("url", ["mysql://ann@host/x", "sqlite://", "sqlite:///:memory:", "nonsense"])
def test_another_kind_of_database_is_refused_without_showing_the_url(url):
    with pytest.raises(DeckError, match="storage_url_unsupported") as refused:
        parse(url)
    assert "ann" not in str(refused.value)


def test_a_server_that_does_not_answer_has_a_code(tmp_path, clock):
    with pytest.raises(DeckError, match="storage_unreachable"):
        opening.control(f"postgresql://ann@/authdeck?host={tmp_path}", clock)

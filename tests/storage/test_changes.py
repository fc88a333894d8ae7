"""The change feed: in the order of the commits, in the transaction of what it tells."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from authdeck.errors import DeckError
from authdeck.storage import opening
from authdeck.storage.database import Change, Database, WriteConnection
from authdeck.storage.reading.changes import newest, oldest, since
from authdeck.storage.writing.changes import note, prune
from fakes.clock import SetClock

ANN, BOB = "a" * 16, "b" * 16


def noting(clock: SetClock, subject: str, boot: str = "boot-1") -> Callable[[WriteConnection], None]:
    return lambda c: note(c, "account", subject, boot, clock.now())


def subjects(database: Database, seq: int = 0) -> list[str]:
    return [change.subject for _, change in database.read_now(lambda c: since(c, seq))]


def test_it_works(database: Database, clock: SetClock) -> None:
    database.write_now(noting(clock, ANN))
    ((seq, change),) = database.read_now(lambda c: since(c, 0))
    assert (change.kind, change.subject, change.boot, change.at) == ("account", ANN, "boot-1", clock.now())
    assert seq == database.read_now(newest) == database.read_now(oldest)
    assert database.read_now(lambda c: since(c, seq)) == []


def test_an_empty_feed_starts_at_nothing(database: Database) -> None:
    assert database.read_now(newest) == 0
    assert database.read_now(oldest) is None


def test_the_same_thing_twice_in_one_transaction_is_one_change(database: Database, clock: SetClock) -> None:
    def work(c: WriteConnection) -> None:
        for subject in (ANN, BOB, ANN):
            noting(clock, subject)(c)
        assert len(c.changes) == 3

    database.write_now(work)
    assert subjects(database) == [ANN, BOB]


def test_changes_are_equal_whoever_made_them(clock: SetClock) -> None:
    assert Change("account", ANN, "boot-1", clock.now()) == Change("account", ANN)
    assert Change("account", ANN) != Change("account", BOB)


def test_no_change_is_told_of_work_that_was_undone(database: Database, clock: SetClock) -> None:
    def work(c: WriteConnection) -> None:
        noting(clock, ANN)(c)
        raise DeckError("changed_my_mind")

    with pytest.raises(DeckError):
        database.write_now(work)
    assert subjects(database) == []


def test_a_limit_leaves_the_rest_for_the_next_time(database: Database, clock: SetClock) -> None:
    for subject in (ANN, BOB):
        database.write_now(noting(clock, subject))
    ((seq, first),) = database.read_now(lambda c: since(c, 0, limit=1))
    assert first.subject == ANN
    assert subjects(database, seq) == [BOB]


def test_old_changes_are_forgotten_and_numbers_never_come_again(database: Database, clock: SetClock) -> None:
    database.write_now(noting(clock, ANN))
    last = database.read_now(newest)
    clock.move(hours=2)
    assert database.write_now(lambda c: prune(c, clock.now())) == 1
    database.write_now(noting(clock, BOB))
    assert database.read_now(oldest) > last


def test_who_commits_last_comes_last(postgresql_url: str, clock: SetClock) -> None:
    """Ann's transaction begins first and commits last, while Bob's runs in another process: his number is the lower."""
    ann_wrote, bob_is_done = threading.Event(), threading.Event()
    anns, bobs = (opening.control(postgresql_url, clock) for _ in range(2))

    def slow(c: WriteConnection) -> None:
        noting(clock, ANN)(c)
        c.execute(text("SELECT 1"))
        ann_wrote.set()
        assert bob_is_done.wait(10)

    with ThreadPoolExecutor(1) as thread:
        slowly = thread.submit(anns.write_now, slow)
        assert ann_wrote.wait(10)
        bobs.write_now(noting(clock, BOB))
        seen = [change.subject for _, change in bobs.read_now(lambda c: since(c, 0))]
        bob_is_done.set()
        slowly.result()
    assert seen == [BOB]
    assert subjects(bobs) == [BOB, ANN]
    anns.close()
    bobs.close()


def test_a_reader_that_follows_misses_nothing(database_url: str, clock: SetClock) -> None:
    """Four writers at once; a reader that goes on from the last number it saw sees each change once."""
    databases = [opening.control(database_url, clock) for _ in range(4)]
    written = threading.Event()
    seen: list[str] = []

    def follow() -> None:
        last = 0
        while True:
            at_end = written.is_set()
            rows = databases[0].read_now(lambda c, last=last: since(c, last))
            seen.extend(change.subject for _, change in rows)
            last = rows[-1][0] if rows else last
            if at_end and not rows:
                return

    def write(number: int) -> None:
        for step in range(10):
            databases[number].write_now(noting(clock, f"{number}-{step}"))

    with ThreadPoolExecutor(5) as threads:
        following = threads.submit(follow)
        for running in [threads.submit(write, number) for number in range(4)]:
            running.result()
        written.set()
        following.result()
    assert sorted(seen) == sorted(f"{number}-{step}" for number in range(4) for step in range(10))
    for database in databases:
        database.close()

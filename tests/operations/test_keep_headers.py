"""Headers that are kept: written down some at a time, shared, through a restart, and gone with their account."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from authdeck.account import Account
from authdeck.operations import trash
from authdeck.operations.desk import Desk
from authdeck.operations.keep_headers import AT_ONCE, HeaderKeeper
from authdeck.operations.observe import Observer
from authdeck.seen_headers import SeenHeader, each
from authdeck.storage import opening
from authdeck.storage.reading import seen_headers as reading
from authdeck.storage.tables import seen_headers
from authdeck.vault.keys import MasterKey
from authdeck.vault.vault import Vault
from fakes.clock import SetClock
from fakes.crowd import crowd
from fakes.desks import CrashError, CrashingDatabase, desk_on
from fakes.people import ANN
from operations.test_observe import figures, raw

ONE, TWO = "1" * 32, "2" * 32


async def account_of(desk: Desk) -> Account:
    (index,) = await crowd(desk, 1)
    entry = desk.directory.get(index)
    assert entry is not None
    return entry.account


async def seen(desk: Desk, account: Account) -> dict[str, SeenHeader]:
    return each(await desk.read(partial(reading.of_account, account_key=account.key)))


async def test_it_works(desk: Desk, clock: SetClock) -> None:
    ann, observer = await account_of(desk), Observer(desk)
    observer.answered(ann, raw({**figures(40), "set-cookie": "a=b", "x-request-id": "req_1"}), ONE)
    await observer.flush()
    began = clock.now()
    clock.move(minutes=1)
    observer.answered(ann, raw({"x-request-id": "req_2"}), TWO)
    await observer.close()
    found = await seen(desk, ann)
    assert (found["x-request-id"].value, found["x-request-id"].request_id) == ("req_2", TWO)
    used = found["x-codex-primary-used-percent"]
    assert (used.value, used.at, used.request_id) == ("40", began, ONE)
    assert "set-cookie" not in found


async def test_flushes_at_once_write_each_account_once(desk: Desk) -> None:
    """As at the end, when the timetable's flush may still be under way."""
    observer = Observer(desk)
    accounts = [desk.directory.get(index) for index in await crowd(desk, 3 * AT_ONCE)]
    for entry in accounts:
        assert entry is not None
        observer.answered(entry.account, raw({"cf-ray": "a"}), ONE)
    await asyncio.gather(observer.flush(), observer.flush(), observer.close())
    rows = await desk.read(lambda connection: connection.execute(seen_headers.select()).all())
    assert len(rows) == 3 * AT_ONCE


async def test_an_answer_without_figures_takes_no_other_ones_place(desk: Desk, clock: SetClock) -> None:
    """Between two flushes: what an answer told of limits, what a refusal said, and the newest ids."""
    ann, keeper = await account_of(desk), HeaderKeeper(desk)
    keeper.failed(ann, {"retry-after": "30", "x-request-id": "req_0"}, None)
    clock.move(seconds=1)
    keeper.answered(ann, raw(figures(40)), ONE, tells=True)
    clock.move(seconds=1)
    for _ in range(3):
        keeper.answered(ann, raw({"x-request-id": "req_2"}), TWO, tells=False)
    await keeper.flush()
    found = await seen(desk, ann)
    assert (found["retry-after"].value, found["retry-after"].request_id) == ("30", None)
    assert found["x-codex-primary-used-percent"].value == "40"
    assert found["x-request-id"].value == "req_2"


async def test_what_another_process_wrote_stays_where_it_is_newer(desk: Desk, clock: SetClock) -> None:
    ann, here, there = await account_of(desk), HeaderKeeper(desk), HeaderKeeper(desk)
    here.answered(ann, raw({"cf-ray": "a", "retry-after": "9"}), ONE, tells=False)
    clock.move(seconds=1)
    there.answered(ann, raw({"cf-ray": "b"}), TWO, tells=False)
    await there.flush()
    await here.flush()
    found = await seen(desk, ann)
    assert (found["cf-ray"].value, found["retry-after"].value) == ("b", "9")


async def test_who_waits_longest_is_written_first(desk: Desk) -> None:
    """However many answer at once, a flush writes so many and no more."""
    await crowd(desk, 3)
    keeper = HeaderKeeper(desk)
    accounts = [entry.account for entry in desk.directory.entries()]
    for account in (*accounts, accounts[0]):
        keeper.answered(account, raw({"cf-ray": "a"}), ONE, tells=False)
    await keeper.flush(most=2)
    assert [bool(await seen(desk, account)) for account in accounts] == [True, True, False]
    await keeper.flush(most=2)
    assert await seen(desk, accounts[2])


async def test_what_could_not_be_written_waits_for_the_next_time(clock: SetClock, tmp_path: Path) -> None:
    opening.control(f"sqlite:///{tmp_path / 'authdeck.db'}", clock).close()
    database = CrashingDatabase(f"sqlite:///{tmp_path / 'authdeck.db'}")
    desk = await desk_on(database, Vault.create(MasterKey.new()).vault, clock, tmp_path)
    ann, keeper = await account_of(desk), HeaderKeeper(desk)
    keeper.failed(ann, {"retry-after": "9"}, ONE)
    keeper.answered(ann, raw({"cf-ray": "a"}), ONE, tells=False)
    database.crash_after(0)
    with pytest.raises(CrashError):
        await keeper.flush()
    database.crash_after(None)
    clock.move(seconds=1)
    keeper.answered(ann, raw({"cf-ray": "b"}), TWO, tells=False)
    await keeper.flush()
    found = await seen(desk, ann)
    assert (found["cf-ray"].value, found["retry-after"].value) == ("b", "9")
    database.close()


async def test_they_go_with_the_account(desk: Desk) -> None:
    ann, keeper = await account_of(desk), HeaderKeeper(desk)
    keeper.answered(ann, raw({"cf-ray": "a"}), ONE, tells=False)
    await keeper.flush()
    await trash.delete(desk, ann.auth_index, ANN, version=None)
    assert await seen(desk, ann)
    await trash.purge(desk, ann.auth_index, ANN)
    keeper.answered(ann, raw({"cf-ray": "b"}), ONE, tells=False)  # an answer that was still under way
    await keeper.flush()
    assert not await desk.read(lambda connection: connection.execute(seen_headers.select()).all())

"""Memory follows the database: here at once, in another process by the change feed. Damage is a visible state."""

import asyncio
import threading
from datetime import timedelta

import pytest
from sqlalchemy import update

from authdeck import tasks
from authdeck.clock import Clock
from authdeck.event import Failure, FailureKind, RequestEvent
from authdeck.health import Health
from authdeck.operations import disable, edit_accounts, trash, unreadable
from authdeck.operations.desk import Desk
from authdeck.operations.follow import Follower
from authdeck.operations.uses import Uses
from authdeck.search import AccountSearch
from authdeck.storage import tables
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts
from authdeck.storage.writing.changes import note
from fakes.another_process import another_process
from fakes.auth_files import codex, take_in
from fakes.people import ANN


async def test_another_process_sees_a_change_at_its_next_look(desk: Desk, clock: Clock) -> None:
    index = str((await take_in(desk, ("ann.json", codex()))).items[0].auth_index)
    other, mirror = another_process(desk, clock)
    follower = Follower(other, mirror.load)
    await follower.start()
    await mirror.load()
    await disable.disable(desk, index, ANN, "moving")
    entry = other.directory.get(index)
    assert entry is not None
    assert entry.holds == ()
    await follower.poll()
    entry = other.directory.get(index)
    assert entry is not None
    assert [hold.note for hold in entry.holds] == ["moving"]


async def test_a_process_that_slept_too_long_loads_everything(desk: Desk, clock: Clock) -> None:
    await take_in(desk, ("ann.json", codex()))
    other, mirror = another_process(desk, clock)
    follower = Follower(other, mirror.load)
    await follower.start()
    for number in range(2, 5):
        name = f"p{number}.json"
        await take_in(desk, (name, codex(organization=f"acc-fake-{number}", email=f"p{number}@example.com")))
        clock.move(hours=2)  # type: ignore[attr-defined]
        await Follower(desk, mirror.load).prune()
    await take_in(desk, ("last.json", codex(organization="acc-fake-9", email="last@example.com")))
    await follower.poll()
    assert len(other.directory) == 5


async def test_one_that_knew_some_finds_out_who_went_meanwhile(desk: Desk, clock: Clock) -> None:
    ann, bob = ("ann.json", codex()), ("bob.json", codex(organization="acc-fake-2", email="bob@example.com"))
    index = str((await take_in(desk, ann, bob)).items[0].auth_index)
    other, mirror = another_process(desk, clock)
    follower = Follower(other, mirror.load)
    await follower.start()
    await mirror.load()
    await trash.delete(desk, index, ANN, version=None)
    await edit_accounts.edit(desk, str(next(iter(desk.directory.auth_indexes()))), ANN, {"note": "left"}, version=None)
    await mirror.load()
    assert [entry.account.settings.note for entry in other.directory.entries()] == ["left"]
    assert other.directory.named("ann.json") == []


async def test_who_is_cancelled_in_the_midst_of_a_change_leaves_it_in_force(desk: Desk) -> None:
    index = str((await take_in(desk, ("ann.json", codex()))).items[0].auth_index)
    begun, go_on, published = threading.Event(), threading.Event(), asyncio.Event()

    async def told(_index: str) -> None:
        published.set()

    desk.feed.subscribe("account", told)  # told last

    def work(c: WriteConnection) -> None:
        begun.set()
        assert go_on.wait(10)
        c.execute(update(tables.accounts).values(note="left"))
        note(c, "account", index, boot=desk.boot, at=desk.now())

    writing = tasks.start(desk.write(work), name="a change")
    await asyncio.to_thread(begun.wait, 10)
    writing.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await asyncio.wait_for(published.wait(), 10)
    entry = desk.directory.get(index)
    assert entry is not None
    assert entry.account.settings.note == "left"


async def test_use_is_written_down_in_one_go(desk: Desk) -> None:
    index = str((await take_in(desk, ("ann.json", codex()))).items[0].auth_index)
    uses = Uses(desk)
    at_ms = int(desk.now().timestamp() * 1000)
    uses.saw(RequestEvent(b"1" * 16, at_ms, "/v1/responses", auth_index=index))
    failed = Failure(FailureKind.UPSTREAM, "http_500")
    uses.saw(RequestEvent(b"2" * 16, at_ms + 1000, "/v1/responses", auth_index=index, failure=failed))
    await uses.flush()
    entry = desk.directory.get(index)
    stored = await desk.read(lambda c: accounts.by_index(c, index))
    for account in (stored, entry.account if entry else None):
        assert account is not None
        assert account.last_success_at == desk.now()
        assert account.last_request_at == desk.now() + timedelta(seconds=1)
    assert entry is not None
    assert desk.directory.health(entry, desk.now()) is Health.AVAILABLE


async def test_another_process_sees_uses_too_and_an_older_one_takes_nothing_back(desk: Desk, clock: Clock) -> None:
    index = str((await take_in(desk, ("ann.json", codex()))).items[0].auth_index)
    other, mirror = another_process(desk, clock)
    follower = Follower(other, mirror.load)
    await follower.start()
    await mirror.load()
    at_ms = int(desk.now().timestamp() * 1000)
    here, there = Uses(desk), Uses(other)
    here.saw(RequestEvent(b"1" * 16, at_ms, "/v1/responses", auth_index=index))
    there.saw(RequestEvent(b"2" * 16, at_ms - 5000, "/v1/responses", auth_index=index))
    await here.flush()
    await there.flush()
    await follower.poll()
    for each in (desk, other):
        (found,) = each.directory.find(AccountSearch(sort="-recent", healthy=True), each.now()).items
        assert found.account.last_request_at == found.account.last_success_at == desk.now()


async def test_two_processes_answer_alike_after_any_changes(desk: Desk, clock: Clock) -> None:
    other, mirror = another_process(desk, clock)
    followers = [Follower(desk, mirror.load), Follower(other, mirror.load)]
    for each in followers:
        await each.start()
    await mirror.load()
    files = [
        (f"p{n}.json", codex(organization=f"acc-{n}", email=f"p{n}@example.com", note="夜" * (n % 2))) for n in range(9)
    ]
    indexes = [str(row.auth_index) for row in (await take_in(desk, *files)).items]
    await followers[1].poll()
    await disable.disable(other, indexes[1], ANN, "moving")
    await edit_accounts.edit(desk, indexes[2], ANN, {"prefix": "night", "priority": 9}, version=None)
    await trash.delete(desk, indexes[3], ANN, version=None)
    for each in followers:
        await each.poll()
    for asked, total in (
        (AccountSearch(), 8),
        (AccountSearch(text="夜", sort="-name"), 3),
        (AccountSearch(disabled=True, sort="-priority"), 1),
        (AccountSearch(prefix="night", page_size=1), 1),
    ):
        here, there = (each.directory.find(asked, each.now()) for each in (desk, other))
        assert (here.items, here.total, here.facets) == (there.items, there.total, there.facets)
        assert here.total == total


async def test_of_overlapping_reads_the_later_one_counts(desk: Desk) -> None:
    index = str((await take_in(desk, ("ann.json", codex()))).items[0].auth_index)
    changes = [edit_accounts.edit(desk, index, ANN, {"note": str(number)}, version=None) for number in range(20)]
    await asyncio.gather(*changes)
    stored = await desk.read(lambda connection: accounts.by_index(connection, index))
    (found,) = desk.directory.find(AccountSearch(text=stored.settings.note), desk.now()).items
    assert found.account == stored


async def test_damage_is_a_state_of_that_account_alone(desk: Desk) -> None:
    report = await take_in(
        desk, ("ann.json", codex()), ("bob.json", codex(organization="acc-fake-2", email="bob@example.com"))
    )
    ann, bob = (str(row.auth_index) for row in report.items)
    account = await desk.read(lambda c: accounts.by_index(c, ann))
    flipped = update(tables.revisions).where(tables.revisions.c.account == account.key).values(sealed=b"\x01damaged")
    await desk.write(lambda c: c.execute(flipped).rowcount)
    await unreadable.mark_all(desk)
    states = {entry.account.auth_index: desk.directory.health(entry, desk.now()) for entry in desk.directory.entries()}
    assert states == {ann: Health.UNREADABLE, bob: Health.UNKNOWN}
    (again,) = (await take_in(desk, ("ann.json", codex(refresh_token="rt_FAKE_2")))).items
    assert again.auth_index == ann
    entry = desk.directory.get(ann)
    assert entry is not None
    assert entry.account.unreadable is None

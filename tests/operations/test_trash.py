"""The trash: found by what accounts were known by, paged, and restored or purged many at a time."""

import pytest

from authdeck.access import Actor, Role
from authdeck.errors import Conflict, DeckError
from authdeck.operations import edit_accounts, trash
from authdeck.operations.batches import Asked
from authdeck.operations.desk import Desk
from authdeck.operations.merge import merge
from authdeck.storage.reading import batches as batch_reads
from authdeck.storage.reading import trash as reading
from authdeck.storage.reading.batches import StoredBatch, StoredItem
from authdeck.storage.reading.trash import TrashSearch
from fakes.auth_files import codex, take_in
from fakes.clock import SetClock
from fakes.crowd import Bulk, crowd
from fakes.people import ANN, BOB


@pytest.fixture
def bulk(desk: Desk) -> Bulk:
    return Bulk(desk)


async def deleted(desk: Desk, count: int) -> list[str]:
    found = await crowd(desk, count)
    for index in found:
        await trash.delete(desk, index, ANN, version=None)
    return list(found)


async def found(desk: Desk, words: str) -> set[str]:
    page = await desk.read(lambda c: reading.page(c, TrashSearch(words)))
    indexes = {one.account.auth_index for one in page.items}
    assert page.total == len(indexes) == await desk.read(lambda c: reading.count(c, words))
    assert set(await desk.read(lambda c: reading.indexes(c, words))) == indexes
    return indexes


async def rows(desk: Desk, batch: StoredBatch) -> list[StoredItem]:
    return await desk.read(lambda c: batch_reads.items(c, batch.id, limit=100))


async def test_pages_follow_one_another_newest_first(desk: Desk, clock: SetClock) -> None:
    indexes = await crowd(desk, 5)
    for index in indexes:
        clock.move(minutes=1)
        await trash.delete(desk, index, ANN, version=None)
    seen: list[str] = []
    cursor = None
    for size in (2, 2, 1):
        search = TrashSearch(page_size=2, cursor=cursor)
        page = await desk.read(lambda c, search=search: reading.page(c, search))
        assert (len(page.items), page.total, page.items[0].by) == (size, 5, "ann")
        seen += [one.account.auth_index for one in page.items]
        cursor = page.next
    assert cursor is None
    assert seen == list(reversed(indexes))
    with pytest.raises(DeckError, match="cursor_invalid"):
        await desk.read(lambda c: reading.page(c, TrashSearch(cursor="x")))


@pytest.mark.parametrize(
    ("words", "is_found"),
    [
        ("", True), ("*", True), ("ANN", True), ("an*COM", True), ("com*ann", False), ("100%", True), ("1_0", False),
        ("团队", True), ("ÜBER", True), ("proj-7", True), ("former", True), ("bob", False),
        ("codex", True), ("\\", False), ("user-fake-1", True),
    ],
)  # fmt: skip
async def test_it_is_found_by_what_it_was_known_by(desk: Desk, words: str, is_found: bool) -> None:
    (row,) = (await take_in(desk, ("former.json", codex()))).items
    index = str(row.auth_index)
    fields = {"note": "100% 团队 ÜBERmut", "project_id": "proj-7", "file_name": "ann@example.com.json"}
    await edit_accounts.edit(desk, index, ANN, fields, version=None)
    await trash.delete(desk, index, ANN, version=None)
    assert (await found(desk, words) == {index}) is is_found


async def test_all_that_match_come_back_and_taken_names_get_a_suffix(desk: Desk, bulk: Bulk) -> None:
    (row,) = (await take_in(desk, ("ann.json", codex("ann@example.com", "org-1", "user-1")))).items
    await trash.delete(desk, str(row.auth_index), ANN, version=None)
    other = (await take_in(desk, ("ann.json", codex("eve@example.com", "org-2", "user-2")))).items[0]
    (third,) = (await take_in(desk, ("third.json", codex("kim@example.com", "org-3", "user-3")))).items
    await trash.delete(desk, str(third.auth_index), ANN, version=None)
    asked = Asked({"restore": True}, trash="", selection={"trash": True, "search": ""})
    preview = await bulk.batches.begin(asked, BOB, preview=True)
    assert dict(preview.counts) == {"done": 2}
    batch = await bulk.batches.apply(preview.id, BOB)
    names = {item.auth_index: (item.after or {}).get("file_name") for item in await rows(desk, batch)}
    assert names[str(row.auth_index)] not in (None, "ann.json")
    assert names[str(third.auth_index)] is None
    assert await found(desk, "") == set()
    kept = desk.directory.get(str(other.auth_index))
    assert kept is not None
    assert kept.account.file_name == "ann.json"
    undone = await bulk.batches.undo(batch.id, BOB)
    assert dict(undone.counts) == {"done": 2}
    assert len(await found(desk, "")) == 2


async def test_a_purge_of_many_skips_what_came_back(desk: Desk, bulk: Bulk) -> None:
    one, two, three = await deleted(desk, 3)
    preview = await bulk.batches.begin(Asked({"purge": True}, trash="", selection={}), ANN, preview=True)
    assert dict(preview.counts) == {"done": 3}
    await trash.restore(desk, two, ANN)
    await trash.purge(desk, three, ANN)
    batch = await bulk.batches.apply(preview.id, ANN)
    assert {item.outcome for item in await rows(desk, batch)} == {"done", "skipped"}
    told = {item.subject: (item.reason or {}).get("code") for item in await rows(desk, batch)}
    assert sorted(map(str, told.values())) == ["None", "account_not_found", "not_in_trash"]
    assert await found(desk, "") == set()
    assert desk.directory.get(two) is not None
    with pytest.raises(Conflict, match="batch_not_undoable"):
        await bulk.batches.undo(batch.id, ANN)
    assert one


async def test_what_was_merged_goes_with_it(desk: Desk, bulk: Bulk) -> None:
    bare, whole = await crowd(desk, 2)
    bare = str((await take_in(desk, ("bare.json", b'{"type":"codex","access_token":"at_FAKE_b"}'))).items[0].auth_index)
    await merge(desk, bare, whole, ANN)
    await trash.delete(desk, whole, ANN, version=None)
    preview = await bulk.batches.begin(Asked({"purge": True}, [whole]), ANN, preview=True)
    await bulk.batches.apply(preview.id, ANN)
    for index in (bare, whole):
        with pytest.raises(DeckError, match="account_not_found"):
            await trash.restore(desk, index, ANN)


async def test_nobody_purges_many_unseen(desk: Desk, bulk: Bulk) -> None:
    await deleted(desk, 1)
    asked = Asked({"purge": True}, trash="", selection={})
    with pytest.raises(Conflict, match="purge_needs_preview"):
        await bulk.batches.begin(asked, ANN)
    preview = await bulk.batches.begin(asked, ANN, preview=True)
    operator = Actor("oleg", Role.OPERATOR)
    with pytest.raises(DeckError, match="role_too_low"):
        await bulk.batches.begin(asked, operator, preview=True)
    with pytest.raises(DeckError, match="role_too_low"):
        await bulk.batches.apply(preview.id, operator)
    assert len(await found(desk, "")) == 1


async def test_an_empty_search_of_the_trash_is_no_selection(desk: Desk, bulk: Bulk) -> None:
    await crowd(desk, 1)
    with pytest.raises(DeckError, match="selection_empty"):
        await bulk.batches.begin(Asked({"restore": True}, trash="nobody", selection={}), ANN)

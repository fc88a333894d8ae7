"""Answering the queue: resting, closing, changes of accounts that answer it and their undo; on both databases."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from authdeck.action import Cause
from authdeck.candidate import OPEN, Status
from authdeck.errors import DeckError
from authdeck.evidence import Action
from authdeck.operations import disable, queue, trash
from authdeck.operations.answer_queue import tried_in_vain
from authdeck.operations.batch_runner import BatchRunner
from authdeck.operations.batches import Asked, Batches
from authdeck.operations.desk import Desk
from authdeck.operations.queue import Chosen
from authdeck.operations.reconcile import settle_all
from authdeck.storage.reading import batches as batch_reading
from authdeck.storage.reading import queue as reading
from authdeck.storage.reading.queue import QueueSearch, Sort
from fakes.auth_files import codex, take_in
from fakes.clock import SetClock
from fakes.people import ANN, BOB
from fakes.questions import CLOSED, REFUSED, UNCLEAR, ask, break_down

PEOPLE = ("ann", "bob", "mia")


@pytest_asyncio.fixture
async def indexes(desk: Desk) -> dict[str, str]:
    files = [(f"{who}.json", codex(f"{who}@example.com", f"acc-fake-{who}", f"user-fake-{who}")) for who in PEOPLE]
    rows = (await take_in(desk, *files)).items
    return {who: str(row.auth_index) for who, row in zip(PEOPLE, rows, strict=True)}


async def does_not_rotate(_auth_index: str) -> None:
    raise DeckError("refresh_not_possible", status=503)


@pytest_asyncio.fixture
async def batches(desk: Desk) -> AsyncIterator[Batches]:
    runner = BatchRunner(desk, does_not_rotate)
    yield Batches(desk, runner)
    await runner.close()


async def status_of(desk: Desk, key: int) -> tuple[str, str | None, str | None]:
    """Status, resolution, and who."""
    search = QueueSearch(tuple(Status), keys=(key,))
    (row,) = (await desk.read(lambda connection: reading.page(connection, search))).items
    asked = row.candidate
    return asked.status.value, asked.resolution.value if asked.resolution else None, asked.closed_by


def asking(desk: Desk, auth_index: str) -> list[str]:
    entry = desk.directory.get(auth_index)
    return [each.reason_code for each in entry.candidates] if entry else []


async def test_it_works(desk: Desk, batches: Batches, indexes: dict[str, str]) -> None:
    key = await ask(desk, indexes["ann"])
    assert asking(desk, indexes["ann"]) == ["token_revoked"]
    done = await queue.change(desk, batches, Chosen([key]), {"resolve": True}, BOB)
    assert (done.status, done.counts, done.of_queue) == ("completed", {"done": 1}, True)
    assert await status_of(desk, key) == ("resolved", "person", "bob")
    assert asking(desk, indexes["ann"]) == []
    await settle_all(desk, [indexes["ann"]])
    assert asking(desk, indexes["ann"]) == []


async def test_what_rests_asks_again_at_its_moment(
    desk: Desk, batches: Batches, clock: SetClock, indexes: dict[str, str]
) -> None:
    key = await ask(desk, indexes["ann"])
    until = (clock.now() + timedelta(hours=4)).isoformat()
    await queue.change(desk, batches, Chosen([key]), {"ignore": {"until": until}}, BOB)
    assert (await status_of(desk, key))[0] == "ignored"
    assert desk.directory.asking == {}
    clock.move(hours=4)
    await settle_all(desk, [indexes["ann"]])
    assert await status_of(desk, key) == ("pending", None, None)
    assert desk.directory.asking == {Action.REAUTH: 1}


async def test_a_moment_that_is_past_is_refused(
    desk: Desk, batches: Batches, clock: SetClock, indexes: dict[str, str]
) -> None:
    key = await ask(desk, indexes["ann"])
    with pytest.raises(DeckError, match="ignored_until_past"):
        await queue.change(desk, batches, Chosen([key]), {"ignore": {"until": clock.now().isoformat()}}, BOB)


async def test_no_row_is_an_error_that_says_so(desk: Desk, batches: Batches) -> None:
    with pytest.raises(DeckError, match="queue_selection_empty"):
        await queue.change(desk, batches, Chosen([404]), {"resolve": True}, BOB)


async def test_accounts_are_not_ignored_only_rows_are(batches: Batches, indexes: dict[str, str]) -> None:
    with pytest.raises(DeckError, match="change_of_queue_rows"):
        await batches.begin(Asked({"ignore": True}, [indexes["ann"]]), ANN)


async def test_an_answer_is_previewed_and_says_what_is_left_out(
    desk: Desk, batches: Batches, indexes: dict[str, str]
) -> None:
    keys = [await ask(desk, indexes[who]) for who in PEOPLE]
    await queue.change(desk, batches, Chosen(keys[:1]), {"resolve": True}, BOB)
    await queue.change(desk, batches, Chosen(keys[1:2]), {"ignore": True}, BOB)
    preview = await queue.change(desk, batches, Chosen(keys), {"ignore": True}, ANN, preview=True)
    assert preview.counts == {"skipped": 1, "unchanged": 1, "done": 1}
    items = await desk.read(lambda connection: batch_reading.items(connection, preview.id, limit=9))
    assert {item.outcome: (item.reason or {}).get("code") for item in items} == {
        "skipped": "candidate_closed", "unchanged": None, "done": None,
    }  # fmt: skip
    assert await status_of(desk, keys[2]) == ("pending", None, None)
    done = await batches.apply(preview.id, ANN)
    assert done.counts == preview.counts
    assert await status_of(desk, keys[2]) == ("ignored", "person", "ann")


async def test_what_changed_since_the_preview_is_listed(desk: Desk, batches: Batches, indexes: dict[str, str]) -> None:
    keys = [await ask(desk, indexes[who]) for who in PEOPLE[:2]]
    preview = await queue.change(desk, batches, Chosen(keys), {"resolve": True}, ANN, preview=True)
    await queue.change(desk, batches, Chosen(keys[:1]), {"ignore": True}, BOB)
    done = await batches.apply(preview.id, ANN)
    assert done.counts == {"done": 2}
    items = await desk.read(lambda connection: batch_reading.items(connection, done.id, limit=9))
    differs = [item.differs["queue.token_revoked"]["found"]["status"] for item in items if item.differs]
    assert differs == ["ignored"]


async def test_answers_are_undone_and_the_undo_is_too(
    desk: Desk, batches: Batches, clock: SetClock, indexes: dict[str, str]
) -> None:
    keys = [await ask(desk, indexes[who]) for who in PEOPLE]
    until = (clock.now() + timedelta(hours=4)).isoformat()
    await queue.change(desk, batches, Chosen(keys[:1]), {"ignore": {"until": until}}, BOB)
    done = await queue.change(desk, batches, Chosen(keys), {"resolve": True}, ANN)
    undone = await batches.undo(done.id, BOB)
    assert undone.counts == {"done": 3}
    assert [await status_of(desk, key) for key in keys] == [
        ("ignored", "person", "bob"), ("pending", None, None), ("pending", None, None),
    ]  # fmt: skip
    assert desk.directory.asking == {Action.REAUTH: 2}
    await batches.undo(undone.id, BOB)
    assert {await status_of(desk, key) for key in keys} == {("resolved", "person", "ann")}


async def test_an_undo_leaves_what_someone_else_changed_and_what_is_asked_anew(
    desk: Desk, batches: Batches, clock: SetClock, indexes: dict[str, str]
) -> None:
    keys = [await ask(desk, indexes[who]) for who in PEOPLE]
    done = await queue.change(desk, batches, Chosen(keys[:2]), {"resolve": True}, ANN)
    ignored = await queue.change(desk, batches, Chosen(keys[2:]), {"ignore": True}, ANN)
    clock.move(hours=2)
    newer = await ask(desk, indexes["ann"], hours=0.5)
    await queue.change(desk, batches, Chosen(keys[2:]), {"reopen": True}, BOB)
    undone = await batches.undo(done.id, BOB)
    assert undone.counts == {"skipped": 1, "done": 1}
    items = await desk.read(lambda connection: batch_reading.items(connection, undone.id, limit=9))
    assert [(item.reason or {}).get("code") for item in items if item.outcome == "skipped"] == ["candidate_asked_anew"]
    assert [(await status_of(desk, key))[0] for key in (keys[0], newer)] == ["resolved", "pending"]
    assert (await batches.undo(ignored.id, BOB)).counts == {"unchanged": 1}


async def test_thousands_of_answers_go_on_in_the_background_and_after_a_crash(
    desk: Desk, indexes: dict[str, str]
) -> None:
    keys = [await ask(desk, indexes[who]) for who in PEOPLE]
    runner = BatchRunner(desk, does_not_rotate, chunk=1)
    first = Batches(desk, runner)
    await runner.close()  # whoever took the order goes before the first row
    begun = await first.begin(Asked({"resolve": True}, [indexes[who] for who in PEOPLE], queue_rows=keys), ANN)
    assert begun.is_running
    other = BatchRunner(desk, does_not_rotate, chunk=1)
    await other.carry_on(begun.id)
    assert {await status_of(desk, key) for key in keys} == {("resolved", "person", "ann")}


async def test_a_change_from_the_queue_answers_it_and_its_undo_asks_again(
    desk: Desk, batches: Batches, indexes: dict[str, str]
) -> None:
    keys = [await ask(desk, indexes["ann"]), await ask(desk, indexes["bob"], UNCLEAR)]
    preview = await queue.change(desk, batches, Chosen(keys), {"disable": True}, ANN, preview=True)
    assert [await status_of(desk, key) for key in keys] == [("pending", None, None)] * 2
    done = await batches.apply(preview.id, ANN)
    assert done.counts == {"done": 2}
    assert [await status_of(desk, key) for key in keys] == [("done", "did", "ann")] * 2
    assert desk.directory.asking == {}
    await batches.undo(done.id, BOB)
    assert [await status_of(desk, key) for key in keys] == [("pending", None, None)] * 2
    assert desk.directory.asking == {Action.REAUTH: 1, Action.REVIEW: 1}


async def test_what_is_asked_anew_meanwhile_stays_one_row(
    desk: Desk, batches: Batches, clock: SetClock, indexes: dict[str, str]
) -> None:
    key = await ask(desk, indexes["ann"])
    done = await queue.change(desk, batches, Chosen([key]), {"disable": True}, ANN)
    clock.move(hours=2)
    newer = await ask(desk, indexes["ann"], hours=0.5)
    await batches.undo(done.id, BOB)
    assert (await status_of(desk, key))[0] == "done"
    assert (await status_of(desk, newer))[0] == "pending"


async def test_doing_elsewhere_what_a_row_suggests_closes_it(desk: Desk, indexes: dict[str, str]) -> None:
    key, other = await ask(desk, indexes["ann"], CLOSED), await ask(desk, indexes["ann"], REFUSED)
    await disable.disable(desk, indexes["ann"], BOB)
    assert [(await status_of(desk, each))[0] for each in (key, other)] == ["pending", "pending"]
    await trash.delete(desk, indexes["ann"], BOB, version=None)
    assert await status_of(desk, key) == ("done", "did", "bob")


async def test_an_account_in_the_trash_asks_for_nothing(desk: Desk, indexes: dict[str, str]) -> None:
    await ask(desk, indexes["ann"])
    await trash.delete(desk, indexes["ann"], BOB, version=None)
    page = await desk.read(lambda connection: reading.page(connection, QueueSearch()))
    assert page.total == 0
    assert desk.directory.asking == {}


async def test_what_was_tried_in_vain_says_so_and_still_asks(
    desk: Desk, batches: Batches, indexes: dict[str, str]
) -> None:
    key, other = await ask(desk, indexes["ann"]), await ask(desk, indexes["ann"], UNCLEAR)
    await desk.write(lambda c: tried_in_vain(desk, c, indexes["ann"], Action.REAUTH, ANN))
    assert (await status_of(desk, other))[0] == "pending"
    assert await status_of(desk, key) == ("failed", "did_fail", "ann")
    await settle_all(desk, [indexes["ann"]])
    assert (await status_of(desk, key))[0] == "failed"
    await queue.change(desk, batches, Chosen([key]), {"reopen": True}, BOB)
    assert (await status_of(desk, key))[0] == "pending"


async def test_a_search_finds_exactly_what_it_counts(desk: Desk, indexes: dict[str, str]) -> None:
    for who, hits in (("ann", 3), ("bob", 9), ("mia", 5)):
        await ask(desk, indexes[who], hits=hits)
    await ask(desk, indexes["bob"], UNCLEAR)
    search = QueueSearch(OPEN, "BOB", sort=Sort.HITS)
    page, facets = await desk.read(lambda c: (reading.page(c, search), reading.facets(c, search)))
    assert [row.candidate.hits for row in page.items] == [9, 1]
    assert (page.total, facets["action"], facets["status"]) == (2, {"reauth": 1, "review": 1}, {"pending": 2})
    by_hits = await desk.read(lambda c: reading.tops(c, QueueSearch(), 2))
    assert [(row.candidate.action, row.candidate.hits) for row in by_hits] == [
        ("reauth", 9),
        ("reauth", 5),
        ("review", 1),
    ]
    assert len(await desk.read(lambda c: reading.keys_of(c, QueueSearch(action=Action.REAUTH), 100))) == 3


async def test_a_person_may_close_an_incident(desk: Desk) -> None:
    opened = await break_down(desk, Cause.PROVIDER)
    closed = await queue.close_incident(desk, opened.key, BOB)
    assert (closed.is_open, closed.closed_by) == (False, "bob")
    assert await queue.close_incident(desk, opened.key, ANN) == closed
    assert await desk.read(lambda c: reading.count_incidents(c, is_open=True)) == 0
    with pytest.raises(DeckError, match="incident_not_found"):
        await queue.close_incident(desk, 404, BOB)

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
from authdeck.operations.batch_runner import BatchRunner
from authdeck.operations.batches import Batches
from authdeck.operations.desk import Desk
from authdeck.operations.queue import Chosen
from authdeck.operations.reconcile import settle_all
from authdeck.storage.reading import queue as reading
from authdeck.storage.reading.queue import QueueSearch, Sort
from authdeck.storage.writing import queue as writing
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


@pytest_asyncio.fixture
async def batches(desk: Desk) -> AsyncIterator[Batches]:
    async def does_not_rotate(_auth_index: str) -> None:
        raise DeckError("refresh_not_possible", status=503)

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


async def test_it_works(desk: Desk, indexes: dict[str, str]) -> None:
    key = await ask(desk, indexes["ann"])
    assert asking(desk, indexes["ann"]) == ["token_revoked"]
    assert await queue.resolve(desk, Chosen([key]), BOB) == 1
    assert await status_of(desk, key) == ("resolved", "person", "bob")
    assert asking(desk, indexes["ann"]) == []
    await settle_all(desk, [indexes["ann"]])
    assert asking(desk, indexes["ann"]) == []


async def test_what_rests_asks_again_at_its_moment(desk: Desk, clock: SetClock, indexes: dict[str, str]) -> None:
    key = await ask(desk, indexes["ann"])
    await queue.ignore(desk, Chosen([key]), BOB, clock.now() + timedelta(hours=4))
    assert (await status_of(desk, key))[0] == "ignored"
    assert desk.directory.asking == {}
    clock.move(hours=4)
    await settle_all(desk, [indexes["ann"]])
    assert await status_of(desk, key) == ("pending", None, None)
    assert desk.directory.asking == {Action.REAUTH: 1}


async def test_a_moment_that_is_past_is_refused(desk: Desk, clock: SetClock, indexes: dict[str, str]) -> None:
    key = await ask(desk, indexes["ann"])
    with pytest.raises(DeckError, match="ignored_until_past"):
        await queue.ignore(desk, Chosen([key]), BOB, clock.now())


async def test_no_row_is_an_error_that_says_so(desk: Desk) -> None:
    with pytest.raises(DeckError, match="queue_selection_empty"):
        await queue.resolve(desk, Chosen([404]), BOB)


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


async def test_what_was_tried_in_vain_says_so_and_still_asks(desk: Desk, indexes: dict[str, str]) -> None:
    key = await ask(desk, indexes["ann"])
    entry = desk.directory.get(indexes["ann"])
    assert entry is not None
    await desk.write(lambda c: writing.did_fail(c, [entry.account.key], batch="b" * 32, by="ann", at=desk.now()))
    assert await status_of(desk, key) == ("failed", "did_fail", "ann")
    await settle_all(desk, [indexes["ann"]])
    assert (await status_of(desk, key))[0] == "failed"
    assert await queue.ask_again(desk, Chosen([key]), BOB) == 1
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

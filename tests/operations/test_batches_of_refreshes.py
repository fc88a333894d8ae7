"""Refreshing many: written down before each call, one account of a provider after the other, stopped in time."""

import asyncio
import json

import pytest

from authdeck.errors import Conflict, DeckError
from authdeck.operations import edit_accounts
from authdeck.operations.desk import Desk
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts
from authdeck.storage.reading import batches as reading
from authdeck.storage.reading.batches import StoredBatch, packed
from authdeck.storage.writing import batches as writing
from authdeck.storage.writing.batches import NewBatch
from fakes.auth_files import take_in
from fakes.crowd import Bulk, Held, crowd
from fakes.people import ANN, BOB


class Provider:
    """What the refresher meets: ``refusals`` by account. It notes who was asked, and how many at once."""

    def __init__(self, refusals: dict[str, str] | None = None) -> None:
        self.refusals = refusals or {}
        self.asked: list[str] = []
        self.under_way = self.most = 0

    async def refresh(self, auth_index: str) -> None:
        self.asked.append(auth_index)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        if auth_index in self.refusals:
            raise DeckError("refresh_refused", status=503, reason=self.refusals[auth_index])


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHDECK_REFRESH__PACE", "0")


async def test_it_works(desk: Desk) -> None:
    indexes = await crowd(desk, 6)
    await edit_accounts.edit(desk, indexes[1], ANN, {"refresh_by": "other"}, version=None)
    provider = Provider({indexes[2]: "invalid_grant"})
    batch, items = await Bulk(desk, provider.refresh).done(indexes, refresh=True)
    assert (batch.status, dict(batch.counts)) == ("completed", {"done": 4, "skipped": 1, "failed": 1})
    assert [(item.reason or {}).get("code") for item in items[:4]] == [
        None,
        "refresh_is_elsewhere",
        "refresh_refused",
        None,
    ]
    assert (provider.asked, provider.most) == ([one for one in indexes if one != indexes[1]], 1)
    with pytest.raises(Conflict, match="batch_not_undoable"):
        await Bulk(desk).undo(batch)


async def test_it_stops_at_the_first_sign_of_a_revoked_family(desk: Desk) -> None:
    indexes = await crowd(desk, 9)
    document = {"type": "kimi", "access_token": "at_FAKE", "refresh_token": "rt_FAKE", "email": "k@example.com"}
    (kimi,) = (await take_in(desk, ("kimi.json", json.dumps(document).encode()))).items
    provider = Provider({indexes[2]: "refresh_token_reused"})
    batch, items = await Bulk(desk, provider.refresh).done([*indexes, str(kimi.auth_index)], refresh=True)
    assert provider.asked == [*indexes[:3], kimi.auth_index]
    assert dict(batch.counts) == {"done": 3, "failed": 1, "skipped": 6}
    assert {(item.reason or {}).get("code") for item in items[3:9]} == {"batch_provider_stopped"}


async def test_a_preview_asks_nobody(desk: Desk) -> None:
    indexes = await crowd(desk, 3)
    provider = Provider()
    batch, items = await Bulk(desk, provider.refresh).done(indexes, preview=True, refresh=True)
    assert (batch.status, {item.outcome for item in items}, provider.asked) == ("previewed", {"done"}, [])


async def test_a_call_that_a_crash_cut_off_is_not_made_again(desk: Desk) -> None:
    indexes = await crowd(desk, 6)
    ours = Bulk(desk, Provider().refresh)
    preview = await ours.change(indexes, preview=True, refresh=True)
    held = Held()
    dying = Bulk(desk, held)
    applied = asyncio.ensure_future(dying.batches.apply(preview.id, ANN))  # noqa: TID251 - it is cut off below
    await held.reached.wait()
    (batch_id,) = dying.runner._tasks
    applied.cancel()
    await dying.cut_off(batch_id)
    await asyncio.gather(applied, return_exceptions=True)
    provider = Provider()
    resumed = Bulk(desk, provider.refresh)
    await resumed.runner.carry_on(batch_id)
    batch = await desk.read(lambda c: reading.one(c, batch_id))
    assert (batch.status, provider.asked) == ("completed", indexes[1:])
    assert dict(batch.counts) == {"failed": 1, "done": 5}


async def test_what_was_refused_before_a_crash_counts_after_it(desk: Desk) -> None:
    indexes = await crowd(desk, 5)
    reached, never = asyncio.Event(), asyncio.Event()

    async def refusing_then_hanging(auth_index: str) -> None:
        if auth_index != indexes[0]:
            reached.set()
            await never.wait()
        raise DeckError("refresh_refused", status=503, reason="invalid_grant")

    dying = Bulk(desk, refusing_then_hanging)
    preview = await dying.change(indexes, preview=True, refresh=True)
    applied = asyncio.ensure_future(dying.batches.apply(preview.id, ANN))  # noqa: TID251 - it is cut off below
    await reached.wait()
    (batch_id,) = dying.runner._tasks
    task = dying.runner._tasks[batch_id]
    task.cancel()
    applied.cancel()
    await asyncio.gather(task, applied, return_exceptions=True)
    provider = Provider(dict.fromkeys(indexes, "invalid_grant"))
    await Bulk(desk, provider.refresh).runner.carry_on(batch_id)
    batch = await desk.read(lambda c: reading.one(c, batch_id))
    assert (batch.status, provider.asked) == ("completed", [indexes[2]])
    assert dict(batch.counts) == {"failed": 3, "skipped": 2}


async def begun(desk: Desk, held: Held, indexes: list[str]) -> tuple[Bulk, asyncio.Future[StoredBatch], str]:
    """A batch whose first calls are under way, the call that waits for it, and its id."""
    ours = Bulk(desk, held)
    waiting = asyncio.ensure_future(ours.change(indexes, refresh=True))  # noqa: TID251 - ends with the batch
    await held.reached.wait()
    (batch_id,) = ours.runner._tasks
    return ours, waiting, batch_id


async def test_cancelled_it_asks_for_no_further_one_and_says_what_became_of_those_under_way(desk: Desk) -> None:
    indexes, held = await crowd(desk, 6), Held()
    ours, waiting, batch_id = await begun(desk, held, indexes)
    assert (await ours.batches.cancel(batch_id, BOB)).status == "cancelled"
    held.may_answer.set()
    batch = await waiting
    assert (batch.status, dict(batch.counts), batch.left) == ("cancelled", {"done": 1}, 5)
    assert held.asked == indexes[:1]


async def test_cancelled_and_then_dead_its_last_calls_are_settled_at_the_next_start(desk: Desk) -> None:
    indexes, held = await crowd(desk, 6), Held()
    ours, waiting, batch_id = await begun(desk, held, indexes)
    await ours.batches.cancel(batch_id, BOB)
    waiting.cancel()
    await ours.cut_off(batch_id)
    await asyncio.gather(waiting, return_exceptions=True)
    assert dict((await desk.read(lambda c: reading.one(c, batch_id))).counts) == {"begun": 1}
    provider = Provider()
    resumed = Bulk(desk, provider.refresh)
    await resumed.started()
    batch = await desk.read(lambda c: reading.one(c, batch_id))
    assert (batch.status, dict(batch.counts), batch.left) == ("cancelled", {"failed": 1}, 5)
    assert {(item.outcome, (item.reason or {})["code"]) for item in await resumed.items(batch)} == {
        ("failed", "batch_interrupted")
    }
    assert provider.asked == []
    assert await desk.read(reading.unsettled) == []


async def test_a_failure_of_our_own_leaves_no_row_begun(desk: Desk) -> None:
    indexes, asked = await crowd(desk, 6), []

    async def broken_once(auth_index: str) -> None:
        asked.append(auth_index)
        if len(asked) == 1:
            raise RuntimeError

    batch = await Bulk(desk, broken_once).change(indexes, refresh=True)
    assert (batch.status, dict(batch.counts)) == ("completed", {"failed": 1, "done": 5})
    assert asked == indexes


async def test_a_revoked_family_is_remembered_however_many_rows_failed_before(desk: Desk) -> None:
    """More rows than one look holds, and the process that learnt of it is gone."""
    indexes, before = await crowd(desk, 2), 1_100
    provider, id_ = Provider(), "f" * 32
    rows = packed([indexes[0]] * before + indexes)
    new = NewBatch(id_, "change", "ann", {}, {"refresh": True}, desk.now(), accounts=rows, total=before + 2)
    known = await desk.read(lambda c: accounts.by_index(c, indexes[0]).key)
    nothing = {"account": known, "subject": "x", "before": None, "after": None, "sealed": None, "outcome": "failed"}
    reasons = [{"code": "refresh_failed", "params": {"provider": "codex", "reason": "timeout"}}] * (before - 1)
    reasons.append({"code": "refresh_refused", "params": {"provider": "codex", "reason": "refresh_token_reused"}})

    def so_far(connection: WriteConnection) -> None:
        writing.add(connection, new)
        items = [{"row": row, "reason": reason, **nothing} for row, reason in enumerate(reasons)]
        writing.add_items(connection, id_, items, cursor=before)

    await desk.write(so_far)
    await Bulk(desk, provider.refresh).started()
    batch = await desk.read(lambda c: reading.one(c, id_))
    assert (batch.status, dict(batch.counts)) == ("completed", {"failed": before, "skipped": 2})
    assert provider.asked == []


async def test_a_row_that_was_begun_is_settled_once(desk: Desk) -> None:
    indexes = await crowd(desk, 1)
    batch = await Bulk(desk, Provider().refresh).change(indexes, refresh=True)

    def again(connection: WriteConnection) -> None:
        writing.settle_items(connection, batch.id, [])

    await desk.write(again)
    assert dict((await Bulk(desk).stored(batch)).counts) == {"done": 1}

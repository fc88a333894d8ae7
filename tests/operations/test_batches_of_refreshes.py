"""Refreshing many: written down before each call, one account of a provider after the other, stopped in time."""

import asyncio
import json

import pytest

from authdeck.errors import Conflict, DeckError
from authdeck.operations import edit_accounts
from authdeck.operations.desk import Desk
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import batches as reading
from authdeck.storage.writing import batches as writing
from fakes.auth_files import take_in
from fakes.crowd import Bulk, crowd
from fakes.people import ANN


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
    reached, never = asyncio.Event(), asyncio.Event()

    async def hanging(_auth_index: str) -> None:
        reached.set()
        await never.wait()

    dying = Bulk(desk, hanging)
    applied = asyncio.ensure_future(dying.batches.apply(preview.id, ANN))  # noqa: TID251 - it is cut off below
    await reached.wait()
    (batch_id,) = dying.runner._tasks
    task = dying.runner._tasks[batch_id]
    task.cancel()
    applied.cancel()
    await asyncio.gather(task, applied, return_exceptions=True)
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


async def test_a_row_that_was_begun_is_settled_once(desk: Desk) -> None:
    indexes = await crowd(desk, 1)
    batch = await Bulk(desk, Provider().refresh).change(indexes, refresh=True)

    def again(connection: WriteConnection) -> None:
        writing.settle_items(connection, batch.id, [])

    await desk.write(again)
    assert dict((await Bulk(desk).stored(batch)).counts) == {"done": 1}

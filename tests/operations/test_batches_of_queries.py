"""Asking many for their limits is a change of many accounts: with progress, a stop, and a way on after a crash."""

import asyncio

import pytest

from authdeck.errors import Conflict
from authdeck.operations.desk import Desk
from authdeck.quota_answer import Outcome, QuotaAnswer
from authdeck.storage.reading.batches import StoredBatch
from fakes.auth_files import take_in
from fakes.crowd import Bulk, Held, crowd
from fakes.people import BOB

KEY = b'{"type": "gemini", "api_key": "key_FAKE_1"}'


class Provider:
    """Who is asked, and with what answers: the outcome and its code by account."""

    def __init__(self, desk: Desk, answers: dict[str, tuple[Outcome, str, str]] | None = None) -> None:
        self.desk = desk
        self.answers = answers or {}
        self.asked: list[tuple[str, bool]] = []
        self.under_way = self.most = 0

    async def query(self, auth_index: str, *, refresh: bool) -> QuotaAnswer:
        self.asked.append((auth_index, refresh))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        outcome, code, reason = self.answers.get(auth_index, (Outcome.TOLD, "", ""))
        return QuotaAnswer(auth_index, outcome, self.desk.now(), code=code, params={"reason": reason})


async def test_it_works(desk: Desk) -> None:
    indexes = await crowd(desk, 40)
    (key,) = (await take_in(desk, ("key.json", KEY))).items
    provider = Provider(
        desk,
        {indexes[1]: (Outcome.REFUSED, "token_revoked", ""), indexes[2]: (Outcome.SKIPPED, "quota_token_expired", "")},
    )
    asking = Bulk(desk, query=provider.query)
    batch = await asking.ended(await asking.change([*indexes, str(key.auth_index)], query_quota=True))
    assert (batch.status, dict(batch.counts)) == ("completed", {"done": 38, "skipped": 2, "failed": 1})
    reasons = {item.auth_index: (item.reason or {}).get("code") for item in await asking.items(batch)}
    assert (reasons[indexes[1]], reasons[key.auth_index]) == ("token_revoked", "quota_not_offered")
    assert {index for index, _ in provider.asked} == set(indexes)
    assert not any(refresh for _, refresh in provider.asked)
    assert 1 < provider.most <= 16
    with pytest.raises(Conflict, match="batch_not_undoable"):
        await asking.undo(batch)


async def test_with_refreshing_one_comes_after_the_other_and_a_family_that_ends_is_left_alone(desk: Desk) -> None:
    indexes = await crowd(desk, 4)
    provider = Provider(desk, {indexes[1]: (Outcome.SKIPPED, "refresh_refused", "refresh_token_reused")})
    asking = Bulk(desk, query=provider.query)
    await asking.ended(await asking.change(indexes, query_quota={"refresh": True}))
    assert provider.most == 1
    assert [refresh for _, refresh in provider.asked] == [True, True, False, False]


async def begun(desk: Desk, indexes: list[str], **how: bool) -> tuple[Bulk, Held, StoredBatch]:
    """With its first 16 under way: that many are asked together."""
    held = Held(QuotaAnswer("", Outcome.TOLD, desk.now()))
    asking = Bulk(desk, query=held)
    batch = await asking.change(indexes, query_quota=how or True)
    await held.reached.wait()
    return asking, held, batch


async def test_cancelled_it_asks_no_further_one(desk: Desk) -> None:
    indexes = await crowd(desk, 40)
    asking, held, batch = await begun(desk, indexes)
    assert (await asking.batches.cancel(batch.id, BOB)).status == "cancelled"
    held.may_answer.set()
    found = await asking.ended(batch)
    assert (found.status, dict(found.counts), found.left) == ("cancelled", {"done": 16}, 24)
    assert held.asked == indexes[:16]


async def test_after_a_crash_it_goes_on_behind_those_that_were_asked(desk: Desk) -> None:
    indexes = await crowd(desk, 40)
    dying, _, batch = await begun(desk, indexes)
    await dying.cut_off(batch.id)
    provider = Provider(desk)
    resumed = Bulk(desk, query=provider.query)
    await resumed.started()
    found = await resumed.stored(batch)
    assert (found.status, dict(found.counts)) == ("completed", {"failed": 16, "done": 24})
    assert {(item.reason or {}).get("code") for item in await resumed.items(batch)} == {"batch_interrupted", None}
    assert {index for index, _ in provider.asked} == set(indexes[16:])


async def test_cancelled_and_then_dead_its_last_questions_are_settled_at_the_next_start(desk: Desk) -> None:
    dying, _, batch = await begun(desk, await crowd(desk, 20))
    await dying.batches.cancel(batch.id, BOB)
    await dying.cut_off(batch.id)
    provider = Provider(desk)
    resumed = Bulk(desk, query=provider.query)
    await resumed.started()
    found = await resumed.stored(batch)
    assert (found.status, dict(found.counts), found.left) == ("cancelled", {"failed": 16}, 4)
    assert provider.asked == []


async def test_after_a_crash_a_family_that_ended_is_still_left_alone(desk: Desk) -> None:
    """The second says so; the process dies with the next 16 under way, and another asks the rest."""
    indexes, held = await crowd(desk, 40), Held()
    first = Provider(desk, {indexes[1]: (Outcome.SKIPPED, "refresh_refused", "refresh_token_reused")})

    async def dying_later(auth_index: str, *, refresh: bool) -> QuotaAnswer:
        if auth_index in indexes[:16]:
            return await first.query(auth_index, refresh=refresh)
        return await held(auth_index)

    dying = Bulk(desk, query=dying_later)
    batch = await dying.change(indexes, query_quota={"refresh": True})
    await held.reached.wait()
    await dying.cut_off(batch.id)
    later = Provider(desk)
    await Bulk(desk, query=later.query).started()
    assert dict((await dying.stored(batch)).counts) == {"done": 23, "skipped": 1, "failed": 16}
    assert later.asked == [(index, False) for index in indexes[18:]]


async def test_a_preview_asks_nobody(desk: Desk) -> None:
    indexes = await crowd(desk, 3)
    provider = Provider(desk)
    asking = Bulk(desk, query=provider.query)
    batch = await asking.ended(await asking.change(indexes, preview=True, query_quota=True))
    assert dict(batch.counts) == {"done": 3}
    assert provider.asked == []

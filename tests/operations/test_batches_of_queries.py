"""Asking many for their limits is a change of many accounts: with progress, a stop, and a way on after a crash."""

import asyncio

import pytest

from authdeck.errors import Conflict
from authdeck.operations.desk import Desk
from authdeck.quota_answer import Outcome, QuotaAnswer
from fakes.auth_files import take_in
from fakes.crowd import Bulk, crowd

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


async def test_a_preview_asks_nobody(desk: Desk) -> None:
    indexes = await crowd(desk, 3)
    provider = Provider(desk)
    asking = Bulk(desk, query=provider.query)
    batch = await asking.ended(await asking.change(indexes, preview=True, query_quota=True))
    assert dict(batch.counts) == {"done": 3}
    assert provider.asked == []

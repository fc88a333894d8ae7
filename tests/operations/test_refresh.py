"""No token is lost: refreshing against a provider that rotates, refuses, breaks off, and against a second process."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from authdeck.account import RefreshBy
from authdeck.errors import DeckError
from authdeck.operations.lend import Lender
from authdeck.providers import PROVIDERS
from authdeck.storage import opening
from authdeck.storage.reading import revisions
from authdeck.storage.writing import refreshing as writing
from fakes.clock import SetClock
from fakes.shops import Shop, new_vault, open_shop, simulated


@pytest_asyncio.fixture
async def shop(clock: SetClock, tmp_path: Path) -> AsyncIterator[Shop]:
    database = opening.control(f"sqlite:///{tmp_path / 'authdeck.db'}", clock)
    with simulated(clock) as simulator:
        ann = simulator.account("codex", "ann@example.com")
        async with open_shop(simulator, clock, tmp_path, database, new_vault(), ann) as made:
            made.index = await made.take_in()
            yield made
    database.close()


async def test_a_fresh_token_is_used_as_it_is(shop: Shop) -> None:
    assert (await shop.usable()).revision == 1
    assert shop.calls() == 0


async def test_an_expired_token_is_refreshed_and_committed_before_it_is_used(shop: Shop) -> None:
    old = await shop.expired()
    new = await shop.usable()
    assert new.revision == 2
    assert new.bearer != old.bearer
    stored = await shop.desk.read(lambda connection: revisions.of_account(connection, shop.index))
    assert [(each.number, each.parent, each.why, each.generation) for each in stored] == [
        (2, 1, "refreshed", 1), (1, None, "imported", 1),
    ]  # fmt: skip
    assert (await Lender(shop.desk).credential(shop.index)).bearer == new.bearer
    assert await shop.journal() == [("ok", 2)]


async def test_the_journal_is_committed_before_the_call(shop: Shop) -> None:
    await shop.expired()
    shop.simulator.fail(path="/oauth/token", stall_after_events=0)
    waiting = asyncio.ensure_future(shop.usable())  # noqa: TID251 - the test awaits it
    await asyncio.to_thread(shop.simulator.wait_until, lambda: shop.calls() == 1)
    assert await shop.journal() == [(None, None)]
    shop.simulator.release()
    await waiting


async def test_many_who_wait_share_one_call(shop: Shop) -> None:
    await shop.expired()
    found = await asyncio.gather(*(shop.usable() for _ in range(20)))
    assert {credential.revision for credential in found} == {2}
    assert shop.calls() == 1


async def test_it_goes_on_when_whoever_waited_leaves(shop: Shop) -> None:
    await shop.expired()
    shop.simulator.fail(path="/oauth/token", stall_after_events=0)
    waiting = asyncio.ensure_future(shop.usable())  # noqa: TID251 - the test cancels it
    await asyncio.to_thread(shop.simulator.wait_until, lambda: shop.calls() == 1)
    waiting.cancel()
    shop.simulator.release()
    await shop.refresher.close()
    assert (await shop.credential()).revision == 2


async def test_a_due_token_is_refreshed_while_it_is_used(shop: Shop) -> None:
    credential = await shop.credential()
    assert credential.expires_at is not None
    left = min(PROVIDERS[credential.provider].LEAD.total_seconds(), 60 * 60 * 24) / 2 + 61
    shop.clock.move(seconds=(credential.expires_at - shop.clock.now()).total_seconds() - min(left, 120))
    assert (await shop.usable()).revision == 1
    await shop.refresher.close()
    assert (await shop.credential()).revision == 2


async def test_a_refusal_is_a_hold_that_new_tokens_end(shop: Shop) -> None:
    await shop.expired()
    shop.simulator.revoke(shop.ann)
    with pytest.raises(DeckError) as refused:
        await shop.usable()
    assert refused.value.code == "refresh_refused"
    assert shop.holds() == ["refresh_refused"]
    assert await shop.journal() == [("refused", None)]


async def test_a_failure_is_not_a_refusal_and_is_not_repeated_at_once(shop: Shop) -> None:
    await shop.expired()
    shop.simulator.fail(path="/oauth/token", status=503)
    for _ in range(2):
        with pytest.raises(DeckError) as failed:
            await shop.usable()
        assert failed.value.code == "refresh_failed"
    assert shop.calls() == 1
    assert shop.holds() == []
    shop.clock.move(seconds=10)
    assert (await shop.usable()).revision == 2


async def test_a_lost_answer_is_unknown_and_tried_once_more(shop: Shop) -> None:
    await shop.expired()
    shop.simulator.fail(path="/oauth/token", cut_after_events=0)
    with pytest.raises(DeckError) as lost:
        await shop.usable()
    assert lost.value.code == "refresh_unknown"
    assert await shop.journal() == [("unknown", None)]
    assert shop.holds() == []
    shop.clock.move(seconds=60)
    with pytest.raises(DeckError) as refused:
        await shop.usable()  # the provider had rotated the token: the old one is spent
    assert refused.value.code == "refresh_answer_lost"
    assert shop.holds() == ["refresh_answer_lost"]
    assert [outcome for outcome, _ in await shop.journal()] == ["unknown", "refused"]


async def test_a_second_lost_answer_waits_for_a_person(shop: Shop) -> None:
    await shop.expired()
    shop.simulator.fail(path="/oauth/token", cut_after_events=0, times=2)
    for _ in range(3):
        with pytest.raises(DeckError) as lost:
            await shop.usable()
        assert lost.value.code == "refresh_unknown"
        shop.clock.move(minutes=10)
    assert shop.calls() == 2
    assert shop.holds() == ["refresh_unknown"]


async def test_a_newer_revision_is_taken_over_instead_of_refreshing(shop: Shop) -> None:
    old = await shop.expired()
    shop.simulator.sign_in(shop.ann)
    await shop.take_in()
    new = await shop.refresher.renewed(old)
    assert new is not None
    assert new.revision == 2
    assert shop.calls() == 0


async def test_tokens_that_come_too_late_are_kept_beside_the_current_ones(shop: Shop) -> None:
    await shop.expired()
    shop.simulator.fail(path="/oauth/token", stall_after_events=0)
    waiting = asyncio.ensure_future(shop.usable())  # noqa: TID251 - the test awaits it
    await asyncio.to_thread(shop.simulator.wait_until, lambda: shop.calls() == 1)
    shop.simulator.sign_in(shop.ann)
    await shop.take_in()
    shop.simulator.release()
    assert (await waiting).revision == 2
    stored = await shop.desk.read(lambda connection: revisions.of_account(connection, shop.index))
    assert [each.number for each in stored] == [3, 2, 1]
    assert shop.account.revision == 2


async def test_a_lost_fence_keeps_the_tokens_beside(shop: Shop) -> None:
    await shop.expired()
    shop.simulator.fail(path="/oauth/token", stall_after_events=0)
    waiting = asyncio.ensure_future(shop.usable())  # noqa: TID251 - the test awaits it
    await asyncio.to_thread(shop.simulator.wait_until, lambda: shop.calls() == 1)
    name = f"refresh:{shop.index}"
    await shop.desk.write(lambda connection: writing.release_lease(connection, name, shop.desk.boot, 1))
    assert await shop.desk.write(lambda connection: writing.take_lease(connection, name, "eve" * 10, 90)) == 2
    shop.simulator.release()
    await waiting
    assert shop.account.revision == 1
    assert await shop.journal() == [("ok", 2)]


async def test_another_process_that_refreshes_is_left_alone(shop: Shop) -> None:
    await shop.expired()
    name = f"refresh:{shop.index}"
    await shop.desk.write(lambda connection: writing.take_lease(connection, name, "bob" * 10, 90))
    with pytest.raises(DeckError) as running:
        await shop.refresher.usable(await shop.credential(), 0.3)
    assert running.value.code == "refresh_running"
    assert shop.calls() == 0


async def test_calls_of_a_run_that_ended_are_unknown(shop: Shop) -> None:
    await shop.desk.write(
        lambda connection: writing.begin_call(
            connection, shop.account.key, from_revision=1, fence=1, boot="old" * 10, at=shop.clock.now()
        )
    )
    assert await shop.refresher.give_up_others() == 1
    assert await shop.journal() == [("unknown", None)]


async def test_a_login_that_another_program_refreshes_is_never_refreshed(shop: Shop) -> None:
    entry = shop.desk.directory.get(shop.index)
    assert entry is not None
    shop.desk.directory.apply(replace(entry, account=replace(entry.account, refresh_by=RefreshBy.OTHER)))
    old = await shop.expired()
    with pytest.raises(DeckError) as elsewhere:
        await shop.usable()
    assert elsewhere.value.code == "refresh_is_elsewhere"
    assert await shop.refresher.renewed(old) is None
    assert shop.calls() == 0


async def test_a_service_accounts_token_lives_in_memory(shop: Shop) -> None:
    shop.ann = shop.simulator.account("vertex", "robot@example.com")
    shop.index = await shop.take_in()
    first = await shop.usable()
    assert first.bearer is not None
    assert (await shop.usable()).bearer == first.bearer
    assert len(shop.simulator.seen("/google/token")) == 1
    shop.clock.move(hours=2)
    assert (await shop.usable()).bearer != first.bearer
    assert shop.account.revision == 1

"""No token is lost: refreshing against a provider that rotates, refuses, breaks off, and against a second process."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from authdeck.account import RefreshBy
from authdeck.errors import DeckError
from authdeck.exchange import Refreshed, RefreshOutcome
from authdeck.operations import disable, token_calls
from authdeck.operations.lend import Lender
from authdeck.operations.refresh import Refresher
from authdeck.operations.token_calls import Call, Cause
from authdeck.providers import PROVIDERS
from authdeck.storage import opening
from authdeck.storage.database import Database
from authdeck.storage.reading import revisions
from authdeck.storage.writing import refreshing as writing
from fakes.clock import SetClock
from fakes.laid import laid
from fakes.people import ANN
from fakes.shops import Shop, new_vault, open_shop, simulated


class StubbornDatabase(Database):
    """A database that refuses the next writes, as a full disk would."""

    refusals = 0

    def write_now(self, work):
        if self.refusals:
            self.refusals -= 1
            raise DeckError("storage_full", status=503)
        return super().write_now(work)


@pytest_asyncio.fixture
async def shop(clock: SetClock, tmp_path: Path) -> AsyncIterator[Shop]:
    opening.control(laid(url := f"sqlite:///{tmp_path / 'authdeck.db'}"), clock).close()
    database = StubbornDatabase(url)
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


async def test_tokens_that_came_back_are_stored_however_often_the_disk_is_full(shop: Shop) -> None:
    await shop.expired()
    shop.simulator.fail(path="/oauth/token", stall_after_events=0)
    waiting = asyncio.ensure_future(shop.usable())  # noqa: TID251 - the test awaits it
    await asyncio.to_thread(shop.simulator.wait_until, lambda: shop.calls() == 1)
    assert isinstance(shop.desk.database, StubbornDatabase)
    shop.desk.database.refusals = 3
    shop.simulator.release()
    assert (await waiting).revision == 2
    assert await shop.journal() == [("ok", 2)]


async def test_tokens_whose_commit_was_not_confirmed_are_stored_once(shop: Shop) -> None:
    await shop.expired()
    opened = await shop.lender.opened(shop.index)
    call = await token_calls.begin(shop.desk, opened, Cause.ENDS)
    assert isinstance(call, Call)
    read = Refreshed(RefreshOutcome.OK, changes={"access_token": "at_FAKE_2", "refresh_token": "rt_FAKE_2"})
    for _ in range(2):
        assert await token_calls.finish(shop.desk, call, read) is None
    assert (await shop.credential()).revision == 2
    assert len(await shop.desk.read(lambda connection: revisions.of_account(connection, shop.index))) == 2


async def test_after_a_lost_answer_the_old_token_serves_as_long_as_it_lives(shop: Shop) -> None:
    credential = await shop.credential()
    assert credential.expires_at is not None
    shop.clock.move(seconds=(credential.expires_at - shop.clock.now()).total_seconds() - 120)
    shop.simulator.fail(path="/oauth/token", cut_after_events=0)
    for _ in range(3):
        assert (await shop.usable()).revision == 1
        await settled()
        shop.clock.move(seconds=10)
    assert (shop.calls(), shop.holds()) == (1, [])


async def test_a_rejected_token_is_dead_whatever_its_date(shop: Shop) -> None:
    """The second try after a lost answer does not wait for a date that the provider no longer honours."""
    credential = await shop.credential()
    shop.simulator.fail(path="/oauth/token", cut_after_events=0)
    assert await shop.refresher.renewed(credential) is None
    shop.clock.move(seconds=60)
    assert await shop.refresher.renewed(credential) is None
    assert (shop.calls(), shop.holds()) == (2, ["refresh_answer_lost"])


async def test_where_lost_answers_are_never_tried_again_the_old_token_still_serves(
    shop: Shop,
) -> None:
    refresh = shop.desk.settings.refresh.model_copy(update={"retry_unknown": "never"})
    desk = replace(shop.desk, settings=shop.desk.settings.model_copy(update={"refresh": refresh}))
    refresher = Refresher(desk, shop.lender)
    credential = await shop.credential()
    assert credential.expires_at is not None
    shop.clock.move(seconds=(credential.expires_at - shop.clock.now()).total_seconds() - 120)
    shop.simulator.fail(path="/oauth/token", cut_after_events=0)
    assert (await refresher.usable(credential)).revision == 1
    await refresher.close()
    assert shop.holds() == []
    await shop.expired()
    shop.clock.move(seconds=60)
    with pytest.raises(DeckError):
        await Refresher(desk, shop.lender).usable(credential)
    assert (shop.calls(), shop.holds()) == (1, ["refresh_unknown"])


async def test_what_is_in_use_is_kept_warm_and_nothing_else(shop: Shop) -> None:
    credential = await shop.credential()
    assert credential.expires_at is not None
    shop.clock.move(seconds=(credential.expires_at - shop.clock.now()).total_seconds() - 120)
    assert await shop.refresher.keep_warm() == 0  # nobody ever used it
    used(shop, days=8)
    assert await shop.refresher.keep_warm() == 0
    used(shop, days=1)
    await disable.disable(shop.desk, shop.index, ANN, reason="holiday")
    used(shop, days=1)
    assert await shop.refresher.keep_warm() == 0
    await disable.enable(shop.desk, shop.index, ANN)
    used(shop, days=1)
    assert await shop.refresher.keep_warm() == 1
    assert (await shop.credential()).revision == 2
    used(shop, days=1)
    assert await shop.refresher.keep_warm() == 0


async def test_patience_ends_the_wait_and_not_the_refresh(shop: Shop) -> None:
    await shop.expired()
    shop.simulator.fail(path="/oauth/token", stall_after_events=0)
    with pytest.raises(DeckError) as running:
        await shop.refresher.usable(await shop.credential(), 0)
    assert running.value.code == "refresh_running"
    shop.simulator.release()
    await shop.refresher.close()
    assert (await shop.credential()).revision == 2


async def test_a_service_account_that_is_refused_says_so_and_one_that_fails_may_be_passed_over(shop: Shop) -> None:
    shop.ann = shop.simulator.account("vertex", "robot@example.com")
    shop.index = await shop.take_in()
    shop.simulator.fail(path="/google/token", cut_after_events=0)
    with pytest.raises(DeckError) as failed:
        await shop.usable()
    assert (failed.value.code, shop.holds()) == ("refresh_failed", [])
    shop.simulator.fail(path="/google/token", status=400, body=b'{"error": "invalid_grant"}')
    with pytest.raises(DeckError) as refused:
        await shop.usable()
    assert (refused.value.code, shop.holds()) == ("refresh_refused", ["refresh_refused"])


async def settled() -> None:
    """Until the refreshes under way have ended, however they end."""
    while running := [task for task in asyncio.all_tasks() if task.get_name().startswith("refresh ")]:
        await asyncio.wait(running)
        await asyncio.sleep(0)


def used(shop: Shop, *, days: int) -> None:
    entry = shop.desk.directory.get(shop.index)
    assert entry is not None
    at = shop.clock.now() - timedelta(days=days)
    shop.desk.directory.apply(replace(entry, account=replace(entry.account, last_request_at=at)))

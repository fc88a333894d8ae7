"""No token is lost: refreshing against a provider that rotates, refuses, breaks off, and against a second process."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio

from authdeck import settings
from authdeck.account import RefreshBy
from authdeck.credential import Credential
from authdeck.directory import Directory
from authdeck.errors import DeckError
from authdeck.operations.changes import ChangeFeed
from authdeck.operations.desk import Desk
from authdeck.operations.entries import Mirror
from authdeck.operations.import_files import Choices, Source, import_files
from authdeck.operations.lend import Lender
from authdeck.operations.refresh import Refresher
from authdeck.pool import Pool
from authdeck.providers import PROVIDERS
from authdeck.simulator import Account, Simulator
from authdeck.storage import opening
from authdeck.storage.reading import refreshing, revisions
from authdeck.storage.writing import refreshing as writing
from authdeck.upstream.calls import Calls
from authdeck.upstream.origins import Origins
from authdeck.upstream.sessions import Sessions
from authdeck.vault.keys import MasterKey
from authdeck.vault.vault import Vault
from fakes.clock import SetClock
from fakes.people import ANN


@dataclass
class Shop:
    desk: Desk
    lender: Lender
    refresher: Refresher
    simulator: Simulator
    clock: SetClock
    ann: Account
    index: str = ""

    async def credential(self) -> Credential:
        return await self.lender.credential(self.index)

    async def usable(self) -> Credential:
        return await self.refresher.usable(await self.credential())

    async def journal(self) -> list[tuple[str | None, int | None]]:
        key = self.account.key
        found = await self.desk.read(lambda connection: refreshing.of_account(connection, key))
        return [(entry.outcome, entry.new_revision) for entry in reversed(found)]

    @property
    def account(self):
        entry = self.desk.directory.get(self.index)
        assert entry is not None
        return entry.account

    def holds(self) -> list[str]:
        entry = self.desk.directory.get(self.index)
        assert entry is not None
        return [hold.code for hold in entry.holds]

    def calls(self) -> int:
        return len(self.simulator.seen("/oauth/token", None))


@pytest_asyncio.fixture
async def shop(clock: SetClock, tmp_path: Path) -> AsyncIterator[Shop]:
    with Simulator(clock).running() as simulator, pytest.MonkeyPatch.context() as patch:
        for name, value in simulator.settings().items():
            patch.setenv(name, value)
        loaded = settings.load(home=tmp_path)
        database = opening.control(f"sqlite:///{tmp_path / 'authdeck.db'}", clock)
        sessions = Sessions(Origins(loaded.providers, own_host="127.0.0.1", own_port=1))
        vault = Vault.create(MasterKey.new()).vault
        desk = Desk(loaded, clock, "b" * 32, database, vault, ChangeFeed(), Directory(), Calls(sessions))
        await Mirror(desk, Pool(lambda account: PROVIDERS[account.provider].routes(account.kind))).load()
        lender = Lender(desk)
        ann = simulator.account("codex", "ann@example.com")
        made = Shop(desk, lender, Refresher(desk, lender), simulator, clock, ann)
        made.index = await take_in(made)
        yield made
        await made.refresher.close()
        await sessions.close()
        database.close()


async def take_in(shop: Shop, **choices: object) -> str:
    report = await import_files(
        shop.desk,
        [Source(*shop.simulator.auth_file(shop.ann))],
        ANN,
        choices=Choices(**choices),  # type: ignore[arg-type]
    )
    return report.items[0].auth_index or ""


async def expired(shop: Shop) -> Credential:
    credential = await shop.credential()
    assert credential.expires_at is not None
    shop.clock.move(seconds=(credential.expires_at - shop.clock.now()).total_seconds())
    return credential


async def test_a_fresh_token_is_used_as_it_is(shop: Shop) -> None:
    assert (await shop.usable()).revision == 1
    assert shop.calls() == 0


async def test_an_expired_token_is_refreshed_and_committed_before_it_is_used(shop: Shop) -> None:
    old = await expired(shop)
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
    await expired(shop)
    shop.simulator.fail(path="/oauth/token", stall_after_events=0)
    waiting = asyncio.ensure_future(shop.usable())  # noqa: TID251 - the test awaits it
    await asyncio.to_thread(shop.simulator.wait_until, lambda: shop.calls() == 1)
    assert await shop.journal() == [(None, None)]
    shop.simulator.release()
    await waiting


async def test_many_who_wait_share_one_call(shop: Shop) -> None:
    await expired(shop)
    found = await asyncio.gather(*(shop.usable() for _ in range(20)))
    assert {credential.revision for credential in found} == {2}
    assert shop.calls() == 1


async def test_it_goes_on_when_whoever_waited_leaves(shop: Shop) -> None:
    await expired(shop)
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
    await expired(shop)
    shop.simulator.revoke(shop.ann)
    with pytest.raises(DeckError) as refused:
        await shop.usable()
    assert refused.value.code == "refresh_refused"
    assert shop.holds() == ["refresh_refused"]
    assert await shop.journal() == [("refused", None)]


async def test_a_failure_is_not_a_refusal_and_is_not_repeated_at_once(shop: Shop) -> None:
    await expired(shop)
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
    await expired(shop)
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
    await expired(shop)
    shop.simulator.fail(path="/oauth/token", cut_after_events=0, times=2)
    for _ in range(3):
        with pytest.raises(DeckError) as lost:
            await shop.usable()
        assert lost.value.code == "refresh_unknown"
        shop.clock.move(minutes=10)
    assert shop.calls() == 2
    assert shop.holds() == ["refresh_unknown"]


async def test_a_newer_revision_is_taken_over_instead_of_refreshing(shop: Shop) -> None:
    old = await expired(shop)
    shop.simulator.sign_in(shop.ann)
    await take_in(shop)
    new = await shop.refresher.renewed(old)
    assert new is not None
    assert new.revision == 2
    assert shop.calls() == 0


async def test_tokens_that_come_too_late_are_kept_beside_the_current_ones(shop: Shop) -> None:
    await expired(shop)
    shop.simulator.fail(path="/oauth/token", stall_after_events=0)
    waiting = asyncio.ensure_future(shop.usable())  # noqa: TID251 - the test awaits it
    await asyncio.to_thread(shop.simulator.wait_until, lambda: shop.calls() == 1)
    shop.simulator.sign_in(shop.ann)
    await take_in(shop)
    shop.simulator.release()
    assert (await waiting).revision == 2
    stored = await shop.desk.read(lambda connection: revisions.of_account(connection, shop.index))
    assert [each.number for each in stored] == [3, 2, 1]
    assert shop.account.revision == 2


async def test_a_lost_fence_keeps_the_tokens_beside(shop: Shop) -> None:
    await expired(shop)
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
    await expired(shop)
    name = f"refresh:{shop.index}"
    await shop.desk.write(lambda connection: writing.take_lease(connection, name, "bob" * 10, 90))
    with pytest.raises(DeckError) as running:
        await shop.usable()
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
    old = await expired(shop)
    with pytest.raises(DeckError) as elsewhere:
        await shop.usable()
    assert elsewhere.value.code == "refresh_is_elsewhere"
    assert await shop.refresher.renewed(old) is None
    assert shop.calls() == 0


async def test_a_service_accounts_token_lives_in_memory(shop: Shop) -> None:
    shop.ann = shop.simulator.account("vertex", "robot@example.com")
    shop.index = await take_in(shop)
    first = await shop.usable()
    assert first.bearer is not None
    assert (await shop.usable()).bearer == first.bearer
    assert len(shop.simulator.seen("/google/token")) == 1
    shop.clock.move(hours=2)
    assert (await shop.usable()).bearer != first.bearer
    assert shop.account.revision == 1

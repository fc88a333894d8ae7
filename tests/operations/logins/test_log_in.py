"""Signing in at simulated providers that check client, redirect, PKCE, state and one-time codes."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from authdeck import tasks
from authdeck.account import Provider
from authdeck.candidate import Candidate
from authdeck.errors import Conflict, DeckError, NotFound
from authdeck.evidence import Action
from authdeck.hold import Hold, Owner
from authdeck.operations import trash
from authdeck.operations.desk import Desk
from authdeck.operations.import_files import Source, import_files
from authdeck.operations.log_in import Logins
from authdeck.operations.login_beginning import Beginner
from authdeck.operations.login_now import LoginNow
from authdeck.providers.signing_in import Way
from authdeck.settings import load
from authdeck.simulator import Account, Simulator
from authdeck.storage.reading import accounts, holds, revisions
from authdeck.storage.tables import candidates
from authdeck.storage.tables import logins as table
from authdeck.storage.writing import evidence as evidence_writes
from authdeck.storage.writing import holds as hold_writes
from fakes.people import ANN, BOB
from fakes.ports import FakePorts
from fakes.sign_ins import Pauses, came_back, until

HERE = Beginner(ANN, "session-of-ann")
THERE = Beginner(BOB, "session-of-bob")
BROWSERS = ("codex", "claude", "antigravity")
DEVICES = ("codex", "kimi", "xai")


async def signed_in(logins: Logins, simulator: Simulator, who: Account, **given: Any) -> LoginNow:
    simulator.approve(who)
    now = await logins.begin(who.provider, HERE, way=Way.BROWSER, **given)
    return await logins.call_back(now.id, await came_back(now.url), HERE)


async def ended(logins: Logins, login_id: str) -> LoginNow:
    async def last() -> LoginNow:
        return [now async for now in logins.follow(login_id, HERE)][-1]

    return await asyncio.wait_for(last(), 10)


async def stored(desk: Desk, auth_index: str):
    return await desk.read(lambda connection: accounts.by_index(connection, auth_index))


async def nothing_saved(desk: Desk) -> bool:
    return not list(desk.directory.entries())


async def imported(desk: Desk, simulator: Simulator, account: Account) -> str:
    name, content = simulator.auth_file(account)
    report = await import_files(desk, [Source(name, content)], ANN)
    assert report.items[0].auth_index is not None
    return report.items[0].auth_index


@pytest.mark.parametrize("provider", BROWSERS)
async def test_it_works_in_a_browser(desk, logins, simulator, ports, provider):
    ann = simulator.account(provider, "ann@example.com")
    simulator.approve(ann)
    now = await logins.begin(provider, HERE)
    assert now.status == "pending"
    assert ports.open_now == {now.port}
    assert await nothing_saved(desk)

    done = await logins.call_back(now.id, await came_back(now.url), HERE)

    account = await stored(desk, done.auth_index)
    assert (done.status, done.outcome, done.url) == ("done", "new", None)
    assert (account.provider, account.email) == (Provider(provider), "ann@example.com")
    assert account.identity_strength == "full"
    assert ports.open_now == set()


async def test_who_sees_that_it_is_done_finds_the_account(desk, logins, simulator, monkeypatch):
    """It is committed a moment before this process knows of the account."""
    simulator.approve(simulator.account("codex", "ann@example.com"))
    now = await logins.begin("codex", HERE)
    publish, committed, may_go_on = desk.feed.publish, asyncio.Event(), asyncio.Event()

    async def held(changes):
        changes = list(changes)
        await publish(change for change in changes if change.kind != "account")
        if found := [change for change in changes if change.kind == "account"]:
            committed.set()
            await may_go_on.wait()
            await publish(found)

    monkeypatch.setattr(desk.feed, "publish", held)
    finishing = tasks.start(logins.call_back(now.id, await came_back(now.url), HERE), name="the call back")
    await committed.wait()
    looking = [
        tasks.start(looked, name="a look")
        for looked in (ended(logins, now.id), logins.get(now.id, HERE), logins.mine(HERE))
    ]
    for _ in range(20):
        await desk.read(lambda connection: accounts.by_file_name(connection, []))
    assert await nothing_saved(desk)
    assert not any(task.done() for task in looking)
    may_go_on.set()
    done, again, [mine] = [await task for task in looking]
    assert done.auth_index == again.auth_index == mine.auth_index == (await finishing).auth_index
    assert desk.directory.get(done.auth_index) is not None


@pytest.mark.parametrize("provider", DEVICES)
async def test_it_works_on_a_device(desk, logins, simulator, pauses, provider):
    ann = simulator.account(provider, "ann@example.com")
    now = await logins.begin(provider, HERE, way=Way.DEVICE)
    assert now.user_code == "FAKE-CODE"
    assert await pauses.next() == 5
    pauses.go()
    assert await pauses.next() == 5
    simulator.approve(ann)
    pauses.go()

    done = await ended(logins, now.id)

    assert (done.status, done.outcome) == ("done", "new")
    assert (await stored(desk, done.auth_index)).provider is Provider(provider)


async def test_the_loopback_port_finishes_it(logins, simulator):
    ann = simulator.account("codex", "ann@example.com")
    simulator.approve(ann)
    now = await logins.begin("codex", HERE)

    await logins.arrived(urlsplit(await came_back(now.url))._replace(scheme="", netloc="").geturl())

    assert (await logins.get(now.id, HERE)).status == "done"


async def test_a_taken_port_is_said_and_pasting_works(logins, simulator, ports):
    ports.taken.add(1455)
    ann = simulator.account("codex", "ann@example.com")
    simulator.approve(ann)
    now = await logins.begin("codex", HERE)
    assert now.port_taken

    assert (await logins.call_back(now.id, await came_back(now.url), HERE)).status == "done"


async def test_the_code_and_state_of_claudes_page_are_enough(logins, simulator):
    simulator.approve(simulator.account("claude", "ann@example.com"))
    now = await logins.begin("claude", HERE)
    back = parse_qs(urlsplit(await came_back(now.url)).query)

    done = await logins.call_back(now.id, f"{back['code'][0]}#{back['state'][0]}", HERE)

    assert done.status == "done"


async def test_a_second_login_of_the_same_identity_updates_it(desk, logins, simulator):
    ann = simulator.account("codex", "ann@example.com")
    index = await imported(desk, simulator, ann)

    done = await signed_in(logins, simulator, ann)

    account = await stored(desk, index)
    current = await desk.read(lambda connection: revisions.current(connection, index))
    assert (done.outcome, done.auth_index, account.generation) == ("updated", index, 2)
    assert current.number == 2


async def test_it_ends_the_credential_hold_and_the_queue_row_but_no_persons_hold(desk, logins, simulator):
    ann = simulator.account("codex", "ann@example.com")
    index = await imported(desk, simulator, ann)
    account, now = await stored(desk, index), desk.now()

    def trouble(connection):
        hold_writes.place(connection, account.key, Hold(Owner.CREDENTIAL, "token_revoked", now))
        hold_writes.place(connection, account.key, Hold(Owner.OPERATOR, "disabled", now))
        row = Candidate("token_revoked", Action.REAUTH, now, now)
        evidence_writes.store_candidate(connection, account.key, row, by="authdeck")

    await desk.write(trouble)

    done = await signed_in(logins, simulator, ann, expected=index)

    held = await desk.read(lambda connection: holds.open_holds(connection, [account.key]))
    row = await desk.read(lambda connection: connection.execute(candidates.select()).one())
    assert done.auth_index == index
    assert [hold.owner for hold in held[account.key]] == [Owner.OPERATOR]
    assert (row.status, row.resolved_by) == ("done", f"login:{done.id}")


async def test_another_identity_is_shown_and_never_saved_over_the_expected_one(desk, logins, simulator):
    ann, eve = (simulator.account("codex", f"{name}@example.com") for name in ("ann", "eve"))
    index = await imported(desk, simulator, ann)

    now = await signed_in(logins, simulator, eve, expected=index)

    assert (now.status, now.reason, now.choices) == ("choosing", "another_identity", ("new",))
    assert now.labels["email"] == "eve@example.com"
    assert [entry.account.auth_index for entry in desk.directory.entries()] == [index]
    with pytest.raises(DeckError, match="choice_unknown"):
        await logins.choose(now.id, "expected", HERE)

    done = await logins.choose(now.id, "new", HERE)

    assert (done.status, done.outcome) == ("done", "new")
    assert done.auth_index != index
    assert (await stored(desk, index)).generation == 1


async def test_where_nobody_can_tell_a_person_says_that_it_is_the_expected_one(desk, logins, simulator, pauses):
    ann = simulator.account("kimi", "ann@example.com")
    index = await imported(desk, simulator, ann)
    simulator.approve(ann)
    now = await logins.begin("kimi", HERE, expected=index)
    await pauses.next()
    pauses.go()
    now = await until(logins, now.id, HERE, "choosing")
    assert (now.reason, now.choices) == ("identity_unproven", ("expected", "new"))

    done = await logins.choose(now.id, "expected", HERE)

    assert (done.outcome, done.auth_index) == ("updated", index)


async def test_an_account_that_shares_half_of_the_identity_is_a_near_match(desk, logins, simulator):
    content = b'{"type": "codex", "access_token": "at_FAKE", "account_id": "org-1"}'
    report = await import_files(desk, [Source("partial.json", content)], ANN)

    now = await signed_in(logins, simulator, simulator.account("codex", "ann@example.com", organization="org-1"))

    assert (now.reason, now.choices) == ("near_match", (f"update:{report.items[0].auth_index}", "new"))


async def test_an_account_in_the_trash_comes_back_by_choice(desk, logins, simulator):
    ann = simulator.account("codex", "ann@example.com")
    index = await imported(desk, simulator, ann)
    await trash.delete(desk, index, ANN, version=None)

    now = await signed_in(logins, simulator, ann)
    assert (now.status, now.reason) == ("choosing", "in_trash")

    assert (await logins.choose(now.id, "restore", HERE)).auth_index == index


async def test_a_call_back_counts_once(logins, simulator):
    simulator.approve(simulator.account("codex", "ann@example.com"))
    now = await logins.begin("codex", HERE)
    url = await came_back(now.url)

    answers = await asyncio.gather(*(logins.call_back(now.id, url, HERE) for _ in range(4)), return_exceptions=True)

    assert sum(isinstance(answer, LoginNow) for answer in answers) == 1
    assert sum(isinstance(answer, Conflict) for answer in answers) == 3
    assert len(simulator.seen("/oauth/token")) == 1


async def test_two_operators_at_once_do_not_see_each_other(logins, simulator):
    simulator.approve(simulator.account("codex", "ann@example.com"))
    anns, bobs = await logins.begin("codex", HERE), await logins.begin("codex", THERE)
    url = await came_back(anns.url)

    for call in (logins.get, logins.cancel):
        with pytest.raises(NotFound):
            await call(anns.id, THERE)
    with pytest.raises(Conflict, match="call_back_state_unknown"):
        await logins.call_back(bobs.id, url, THERE)

    assert (await logins.call_back(anns.id, url, HERE)).status == "done"
    assert (await logins.get(bobs.id, THERE)).status == "pending"
    assert [now.id for now in await logins.mine(THERE)] == [bobs.id]


async def test_an_address_of_my_other_login_is_told_apart(logins, simulator):
    simulator.approve(simulator.account("codex", "ann@example.com"))
    one, other = await logins.begin("codex", HERE), await logins.begin("codex", HERE)

    with pytest.raises(Conflict, match="call_back_of_another"):
        await logins.call_back(other.id, await came_back(one.url), HERE)


async def test_a_cancelled_login_saves_nothing(desk, logins, simulator, ports):
    simulator.approve(simulator.account("codex", "ann@example.com"))
    now = await logins.begin("codex", HERE)
    url = await came_back(now.url)

    assert (await logins.cancel(now.id, HERE)).status == "cancelled"

    with pytest.raises(Conflict, match="login_not_pending"):
        await logins.call_back(now.id, url, HERE)
    assert await nothing_saved(desk)
    assert ports.open_now == set()


async def test_cancelled_while_it_is_exchanged_saves_nothing(desk, logins, simulator):
    simulator.approve(simulator.account("codex", "ann@example.com"))
    now = await logins.begin("codex", HERE)
    url = await came_back(now.url)
    simulator.fail(path="/oauth/token", stall_after_events=0)
    finishing = tasks.start(logins.call_back(now.id, url, HERE), name="finish")
    await asyncio.to_thread(simulator.wait_until, lambda: bool(simulator.seen("/oauth/token")))

    await logins.cancel(now.id, HERE)
    simulator.release()
    after = await finishing

    assert after.status == "cancelled"
    assert await nothing_saved(desk)


async def test_it_ends_after_ten_minutes(desk, logins, simulator, clock, ports):
    simulator.approve(simulator.account("codex", "ann@example.com"))
    now = await logins.begin("codex", HERE)
    url = await came_back(now.url)
    clock.move(minutes=10)

    with pytest.raises(Conflict, match="login_not_pending"):
        await logins.call_back(now.id, url, HERE)
    await logins.expire()

    assert (await logins.get(now.id, HERE)).status == "expired"
    assert await nothing_saved(desk)
    assert ports.open_now == set()


async def test_declined_in_the_browser(logins, simulator):
    simulator.world.denying.add("codex")
    now = await logins.begin("codex", HERE)

    after = await logins.call_back(now.id, await came_back(now.url), HERE)

    assert (after.status, after.error[0]) == ("failed", "login_denied")


async def test_a_sign_in_again_that_fails_shows_in_the_queue(desk, logins, simulator):
    index = await imported(desk, simulator, simulator.account("codex", "ann@example.com"))
    account, at = await stored(desk, index), desk.now()
    asks = Candidate("token_revoked", Action.REAUTH, at, at)
    await desk.write(lambda c: evidence_writes.store_candidate(c, account.key, asks, by="authdeck"))
    simulator.world.denying.add("codex")
    now = await logins.begin("codex", HERE, expected=index)

    await logins.call_back(now.id, await came_back(now.url), HERE)

    row = await desk.read(lambda connection: connection.execute(candidates.select()).one())
    assert (row.status, row.resolution, row.resolved_by) == ("failed", "did_fail", "ann")


@pytest.mark.parametrize("provider", DEVICES)
async def test_slow_down_lengthens_the_wait(logins, pauses, clock, provider):
    now = await logins.begin(provider, HERE, way=Way.DEVICE)
    for seconds in (5, 5):
        assert await pauses.next() == seconds
        clock.move(seconds=-5)  # as if it had asked too soon
        pauses.go()
    assert await pauses.next() == 10
    await logins.cancel(now.id, HERE)


@pytest.mark.parametrize("provider", DEVICES)
async def test_declined_on_the_device(logins, simulator, pauses, provider):
    simulator.world.denying.add(provider)
    now = await logins.begin(provider, HERE, way=Way.DEVICE)
    await pauses.next()
    pauses.go()

    after = await ended(logins, now.id)

    assert (after.status, after.error[0]) == ("failed", "login_denied")


@pytest.mark.parametrize("provider", DEVICES)
async def test_the_devices_code_ran_out(logins, simulator, pauses, provider):
    now = await logins.begin(provider, HERE, way=Way.DEVICE)
    await pauses.next()
    simulator.world.end_devices()
    pauses.go()

    assert (await ended(logins, now.id)).error[0] == "device_code_expired"


async def test_a_refused_code_is_a_failure_and_names_no_secret(desk, logins, simulator):
    simulator.approve(simulator.account("codex", "ann@example.com"))
    now = await logins.begin("codex", HERE)
    url = await came_back(now.url)
    simulator.world.forget_codes()

    after = await logins.call_back(now.id, url, HERE)

    assert (after.status, after.error[0]) == ("failed", "login_refused")
    assert await nothing_saved(desk)


async def test_a_restart_keeps_pending_logins_and_gives_up_half_exchanged_ones(desk, logins, simulator, pauses, clock):
    ann, bob = simulator.account("codex", "ann@example.com"), simulator.account("kimi", "bob@example.com")
    browser, device = await logins.begin("codex", HERE), await logins.begin("kimi", HERE)
    lost = await logins.begin("codex", HERE)
    await desk.write(
        lambda connection: connection.execute(
            table.update().where(table.c.id == lost.id).values(status="exchanging", state_hash=None)
        )
    )
    await pauses.next()
    await logins.close()

    after = Logins(desk, ports := FakePorts(), waits := Pauses(clock))
    await after.start()
    assert ports.open_now == {browser.port}
    simulator.approve(ann)
    assert (await after.call_back(browser.id, await came_back(browser.url), HERE)).status == "done"
    assert (await after.get(lost.id, HERE)).error[0] == "login_interrupted"
    simulator.approve(bob)
    await waits.next()
    waits.go()
    assert (await ended(after, device.id)).status == "done"
    await after.close()


async def test_settings_that_are_missing_are_named(desk, ports):
    bare = Desk(
        load({"AUTHDECK_HOME": str(desk.settings.home)}),
        desk.clock, desk.boot, desk.database, desk.vault, desk.feed, desk.directory, desk.calls,
    )  # fmt: skip

    with pytest.raises(DeckError, match="login_needs_settings") as refused:
        await Logins(bare, ports).begin("antigravity", HERE)

    assert refused.value.params["settings"] == [
        "AUTHDECK_PROVIDERS__ANTIGRAVITY__CLIENT_ID",
        "AUTHDECK_PROVIDERS__ANTIGRAVITY__CLIENT_SECRET",
    ]


@pytest.mark.parametrize("provider", ["vertex", "gemini", "openai_compatible", "eve", ""])
async def test_providers_without_a_login(logins, provider):
    with pytest.raises(NotFound, match="provider_without_login"):
        await logins.begin(provider, HERE)

"""What a person took away comes back whole for a day, and is gone for good afterwards."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import Table, func, select

from authdeck.access import Actor, Role
from authdeck.errors import Conflict, DeckError, NotFound
from authdeck.hold import Hold, Owner
from authdeck.notice import ChannelKind, Kind
from authdeck.operations import channels, client_keys, operators, putting_back, saved_views, upstreams
from authdeck.operations.channels import RuleWish
from authdeck.operations.client_keys import ClientKeys
from authdeck.operations.desk import Desk
from authdeck.operations.release_hold import put_hold_back, release_hold
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts, audit, notices
from authdeck.storage.reading.evidence import marks
from authdeck.storage.reading.sealed import rows_of_terms
from authdeck.storage.reading.upstreams import approved
from authdeck.storage.tables import deliveries, notification_channels, notification_rules
from authdeck.storage.tables import saved_views as views_table
from authdeck.storage.writing import holds
from fakes.auth_files import codex, take_in
from fakes.clock import SetClock
from fakes.people import ANN, BOB

DAY = putting_back.KEPT.total_seconds()
HOOK = "https://hooks.example.com/FAKE"


async def rows(desk: Desk, table: Table) -> int:
    counted = select(func.count()).select_from(table)
    return int(await desk.read(lambda connection: connection.execute(counted).scalar_one()))


async def last_act(desk: Desk) -> tuple[str, str]:
    entry = await desk.read(lambda connection: audit.last_of(connection, desk.boot))
    assert entry is not None
    return entry.actor, entry.what


async def a_channel(desk: Desk, name: str = "On call") -> str:
    return (await channels.add_channel(desk, name, ChannelKind.WEBHOOK, HOOK, ANN)).channel.id


async def a_rule(desk: Desk, channel: str, name: str = "nights") -> str:
    return (await channels.add_rule(desk, RuleWish(name, channel, {Kind.STATE_CHANGED}), BOB)).id


async def names(desk: Desk) -> tuple[list[str], list[str]]:
    found, rules = await desk.read(notices.channels), await desk.read(notices.rules)
    return [channel.name for channel in found], [rule.name for rule in rules]


async def test_a_revoked_key_works_again(desk: Desk) -> None:
    keys = ClientKeys(desk)
    await keys.start()
    made = await client_keys.create(desk, "laptop", ANN)
    await client_keys.revoke(desk, made.id, BOB)
    assert keys.find(made.key.open()) is None
    assert (await client_keys.restore(desk, made.id, BOB)).revoked_at is None
    assert keys.find(made.key.open()) is not None
    assert await last_act(desk) == ("bob", "client_key:key:restored")
    assert (await client_keys.restore(desk, made.id, ANN)).revoked_at is None
    assert await last_act(desk) == ("bob", "client_key:key:restored")


async def test_an_ended_key_stays_ended(desk: Desk, clock: SetClock) -> None:
    keys = ClientKeys(desk)
    await keys.start()
    made = await client_keys.create(desk, "laptop", ANN, expires_at=desk.now() + timedelta(hours=1))
    await client_keys.revoke(desk, made.id, BOB)
    clock.move(hours=2)
    await client_keys.restore(desk, made.id, BOB)
    assert keys.find(made.key.open()) is None


async def test_a_channel_comes_back_with_its_rules_its_log_and_its_secret(desk: Desk, clock: SetClock) -> None:
    one = await a_channel(desk)
    await a_rule(desk, one)
    other = await a_channel(desk, "Desk")
    gone_before = await a_rule(desk, one, "days")
    await channels.remove_rule(desk, gone_before, BOB)
    clock.move(seconds=1)
    await desk.write(lambda connection: connection.execute(deliveries.insert().values(_waiting(desk, one))))
    before = await desk.read(lambda connection: notices.channel(connection, one))

    await channels.remove_channel(desk, one, ANN)
    assert await names(desk) == (["Desk"], [])
    assert await desk.read(lambda c: notices.log(c, limit=9)) == []
    assert not await desk.read(lambda c: notices.has_work(c, desk.now()))

    await channels.put_channel_back(desk, one, ANN)
    assert await names(desk) == (["Desk", "On call"], ["nights"])
    after = await desk.read(lambda connection: notices.channel(connection, one))
    assert after == before
    assert channels.opened(desk, after).url.open() == HOOK
    (kept,) = await desk.read(lambda c: notices.log(c, limit=9))
    assert (kept.status, kept.next_at, kept.error) == ("failed", None, {"code": "channel_removed", "params": {}})
    assert await last_act(desk) == ("ann", "notification:channel:restored")
    assert (await channels.put_channel_back(desk, other, ANN)).name == "Desk"


async def test_a_rule_comes_back(desk: Desk) -> None:
    rule = await a_rule(desk, await a_channel(desk))
    before = await desk.read(lambda connection: notices.rule(connection, rule))
    await channels.remove_rule(desk, rule, BOB)
    assert await channels.put_rule_back(desk, rule, BOB) == before
    assert await desk.read(lambda connection: notices.rule(connection, rule)) == before
    assert await last_act(desk) == ("bob", "notification:rule:restored")


async def test_a_name_that_was_given_again_is_not_taken_away(desk: Desk) -> None:
    one = await a_channel(desk)
    rule = await a_rule(desk, one)
    await channels.remove_channel(desk, one, ANN)
    second = await a_channel(desk)
    with pytest.raises(Conflict, match="notification_name_taken"):
        await channels.put_channel_back(desk, one, ANN)
    await channels.remove_channel(desk, second, ANN)
    third = await a_channel(desk, "Third")
    await a_rule(desk, third)
    with pytest.raises(Conflict, match="notification_name_taken"):
        await channels.put_channel_back(desk, one, ANN)
    assert await names(desk) == (["Third"], ["nights"])
    with pytest.raises(NotFound, match="channel_not_found"):
        await channels.put_rule_back(desk, rule, BOB)


async def test_a_view_comes_back_to_whom_it_belongs(desk: Desk) -> None:
    for name, role in (("bob", Role.OPERATOR), ("vera", Role.VIEWER)):
        await operators.create(desk, name, role, ANN)
    bob, vera = Actor("bob", Role.OPERATOR), Actor("vera", Role.VIEWER)
    page = saved_views.ACCOUNTS
    view = await saved_views.save(desk, page, bob, name="Team", query="prefix=team", shared=True)
    await saved_views.remove(desk, view.key, bob)
    assert await saved_views.visible(desk, page, bob) == []
    with pytest.raises(NotFound):
        await saved_views.put_back(desk, view.key, vera)
    assert await saved_views.put_back(desk, view.key, bob) == view
    assert await saved_views.visible(desk, page, vera) == [view]
    assert await last_act(desk) == ("bob", "view:view:restored")

    await saved_views.remove(desk, view.key, bob)
    await saved_views.save(desk, page, bob, name="Team", query="prefix=other", shared=False)
    with pytest.raises(Conflict, match="view_name_taken"):
        await saved_views.put_back(desk, view.key, bob)


async def held(desk: Desk, owner: Owner = Owner.CREDENTIAL, code: str = "needs_new_login") -> str:
    (row,) = (await take_in(desk, ("ann.json", codex()))).items
    index = str(row.auth_index)

    def work(connection: WriteConnection) -> None:
        hold = Hold(owner, code, desk.now(), actor="authdeck", note="seen", detail={"host": "x"}, scope="gpt-5")
        holds.place(connection, accounts.by_index(connection, index).key, hold)

    await desk.write(work)
    return index


async def open_holds(desk: Desk, index: str) -> tuple[Hold, ...]:
    entry = await desk.read(lambda connection: accounts.entry(connection, index))
    assert entry is not None
    return entry.holds


async def test_a_released_hold_stands_as_it_did(desk: Desk) -> None:
    index = await held(desk)
    before = await open_holds(desk, index)
    await release_hold(desk, index, Owner.CREDENTIAL, "needs_new_login", BOB)
    assert await open_holds(desk, index) == ()
    await put_hold_back(desk, index, Owner.CREDENTIAL, "needs_new_login", BOB)
    assert await open_holds(desk, index) == before
    assert await last_act(desk) == ("bob", "account:hold:put_back")
    await put_hold_back(desk, index, Owner.CREDENTIAL, "needs_new_login", BOB)
    assert await open_holds(desk, index) == before
    with pytest.raises(NotFound, match="hold_not_found"):
        await put_hold_back(desk, index, Owner.CREDENTIAL, "never_placed", BOB)


async def test_the_watermark_is_as_before_the_release(desk: Desk, clock: SetClock) -> None:
    index = await held(desk)
    key = (Owner.CREDENTIAL, "needs_new_login")

    async def mark() -> object:
        account = await desk.read(lambda connection: accounts.by_index(connection, index))
        found = await desk.read(lambda connection: marks(connection, [account.key]))
        return found.get(account.key, {}).get(key)

    await release_hold(desk, index, *key, BOB)
    await put_hold_back(desk, index, *key, BOB)
    assert await mark() is None
    await release_hold(desk, index, *key, BOB)
    first = await mark()
    await put_hold_back(desk, index, *key, BOB)
    await desk.write(lambda c: holds.raise_watermark(c, accounts.by_index(c, index).key, *key, by="bob", at=desk.now()))
    clock.move(minutes=5)
    await release_hold(desk, index, *key, BOB)
    assert await mark() == desk.now()
    await put_hold_back(desk, index, *key, BOB)
    assert await mark() == first


async def test_what_automation_released_is_not_a_persons_to_undo(desk: Desk) -> None:
    index = await held(desk)

    def work(connection: WriteConnection) -> None:
        account = accounts.by_index(connection, index)
        holds.release(connection, account.key, Owner.CREDENTIAL, by="authdeck", at=desk.now(), code="needs_new_login")

    await desk.write(work)
    with pytest.raises(Conflict, match="hold_not_released"):
        await put_hold_back(desk, index, Owner.CREDENTIAL, "needs_new_login", BOB)


KEY = {"type": "openai_compatible", "base_url": "http://127.0.0.1:9999/v1", "api_key": "sk-FAKE-1", "models": ["m-1"]}


async def test_an_approval_taken_back_holds_its_accounts_until_the_next(desk: Desk) -> None:
    await take_in(desk, ("key.json", json.dumps(KEY).encode()), actor=ANN)
    (entry,) = desk.directory.entries()
    origin = "http://127.0.0.1:9999"
    assert entry.holds == ()
    former = await upstreams.withdraw(desk, origin, ANN)
    assert (former.private, former.plain_http) == (True, True)
    (entry,) = desk.directory.entries()
    assert [(hold.code, hold.detail["origin"]) for hold in entry.holds] == [("upstream_not_approved", origin)]
    await upstreams.approve(desk, origin, ANN, private=former.private)
    (entry,) = desk.directory.entries()
    assert entry.holds == ()
    (row,) = await desk.read(approved)
    assert (row.private, row.plain_http) == (True, True)


Undone = Callable[[Desk], Awaitable[Callable[[], Awaitable[object]]]]


async def _key(desk: Desk) -> Callable[[], Awaitable[object]]:
    made = await client_keys.create(desk, "laptop", ANN)
    await client_keys.revoke(desk, made.id, ANN)
    return lambda: client_keys.restore(desk, made.id, ANN)


async def _channel(desk: Desk) -> Callable[[], Awaitable[object]]:
    one = await a_channel(desk)
    await a_rule(desk, one)
    await channels.remove_channel(desk, one, ANN)
    return lambda: channels.put_channel_back(desk, one, ANN)


async def _rule(desk: Desk) -> Callable[[], Awaitable[object]]:
    rule = await a_rule(desk, await a_channel(desk))
    await channels.remove_rule(desk, rule, ANN)
    return lambda: channels.put_rule_back(desk, rule, ANN)


async def _view(desk: Desk) -> Callable[[], Awaitable[object]]:
    await operators.create(desk, "ann", Role.ADMIN, ANN)
    view = await saved_views.save(desk, saved_views.ACCOUNTS, ANN, name="Team", query="", shared=False)
    await saved_views.remove(desk, view.key, ANN)
    return lambda: saved_views.put_back(desk, view.key, ANN)


async def _hold(desk: Desk) -> Callable[[], Awaitable[object]]:
    index = await held(desk)
    await release_hold(desk, index, Owner.CREDENTIAL, "needs_new_login", ANN)
    return lambda: put_hold_back(desk, index, Owner.CREDENTIAL, "needs_new_login", ANN)


ALL = [_key, _channel, _rule, _view, _hold]


@pytest.mark.parametrize("take_away", ALL)
async def test_almost_a_day_is_in_time(desk: Desk, clock: SetClock, take_away: Undone) -> None:
    put_back = await take_away(desk)
    clock.move(seconds=DAY - 1)
    await putting_back.forget(desk)
    assert await put_back()


@pytest.mark.parametrize("take_away", ALL)
async def test_a_day_is_too_late(desk: Desk, clock: SetClock, take_away: Undone) -> None:
    put_back = await take_away(desk)
    clock.move(seconds=DAY)
    with pytest.raises(DeckError):
        await put_back()


async def test_what_is_forgotten_leaves_nothing_sealed_behind(desk: Desk, clock: SetClock) -> None:
    one = await a_channel(desk)
    await a_rule(desk, one)
    await desk.write(lambda connection: connection.execute(deliveries.insert().values(_waiting(desk, one))))
    sealed = sum((await desk.read(rows_of_terms)).values())
    await channels.remove_channel(desk, one, ANN)
    await (await _view(desk))()
    clock.move(seconds=DAY + 1)
    await putting_back.forget(desk)
    assert sum((await desk.read(rows_of_terms)).values()) == sealed - 1
    assert [await rows(desk, table) for table in (notification_channels, notification_rules, deliveries)] == [0, 0, 0]
    assert await rows(desk, views_table) == 1


def _waiting(desk: Desk, channel: str) -> dict[str, object]:
    now = desk.now()
    return {
        "id": "d" * 32, "channel": channel, "rule": None, "status": "waiting", "message": {"count": 1}, "count": 1,
        "attempts": 0, "next_at": now, "created_at": now,
    }  # fmt: skip

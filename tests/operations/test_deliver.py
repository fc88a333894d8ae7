"""Notifications from what happens to what arrives: over real HTTP, by the clock, on both databases."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from importlib.util import find_spec

import pytest
import pytest_asyncio

from authdeck.action import Cause
from authdeck.errors import DeckError
from authdeck.evidence import Source
from authdeck.hold import Hold, Owner
from authdeck.notice import WAITS, ChannelKind, Kind
from authdeck.operations import channels, queue, token_calls
from authdeck.operations.channels import NewChannel, RuleWish
from authdeck.operations.deliver import Deliverer
from authdeck.operations.desk import Desk
from authdeck.operations.lend import Lender
from authdeck.operations.reconcile import settle_all
from authdeck.operations.windows import Seen, take_in_windows
from authdeck.quota import QuotaWindow
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts
from authdeck.storage.reading import notices as reading
from authdeck.storage.reading.notices import Delivery
from authdeck.storage.tables import account_state
from authdeck.storage.writing import holds
from authdeck.storage.writing import notices as writing
from authdeck.upstream.calls import Calls
from authdeck.upstream.origins import Origins
from authdeck.upstream.sessions import Sessions
from authdeck.wording import notifying
from fakes.auth_files import codex, take_in
from fakes.clock import SetClock
from fakes.people import ANN, BOB
from fakes.questions import ask, break_down
from fakes.receiver import Receiver, receiving


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


async def deliverer_of(desk: Desk) -> AsyncIterator[Deliverer]:
    sessions = Sessions(Origins(None, own_host=desk.settings.host, own_port=desk.settings.port))
    made = Deliverer(desk, sessions.origins, Calls(sessions), notifying.told)
    await made.load()
    yield made
    await sessions.close()


@pytest_asyncio.fixture
async def deliverer(desk: Desk) -> AsyncIterator[Deliverer]:
    async for made in deliverer_of(desk):
        yield made


@pytest_asyncio.fixture
async def other(desk: Desk) -> AsyncIterator[Deliverer]:
    """Another process on the same database."""
    async for made in deliverer_of(replace(desk, boot="c" * 32)):
        yield made


@pytest_asyncio.fixture
async def channel(desk: Desk, other: Deliverer, receiver: Receiver) -> NewChannel:
    made = await channels.add_channel(desk, "On call", ChannelKind.WEBHOOK, receiver.url, ANN, private=True)
    await other.load()
    return made


async def rule(desk: Desk, channel: NewChannel, *kinds: Kind, **fields: object) -> str:
    wish = RuleWish(**{"name": "nights", "channel": channel.channel.id, "kinds": kinds, **fields})
    return (await channels.add_rule(desk, wish, BOB)).id


async def an_account(desk: Desk) -> str:
    (row,) = (await take_in(desk, ("ann.json", codex("ann@example.com", "acc-fake-ann", "user-fake-ann")))).items
    await settle_all(desk, [str(row.auth_index)])
    return str(row.auth_index)


async def log(desk: Desk) -> list[Delivery]:
    return await desk.read(lambda connection: reading.log(connection, limit=50))


def arrived(receiver: Receiver) -> list[dict]:
    return [json.loads(body) for _, body in receiver.got]


async def close_one(desk: Desk) -> None:
    opened = await break_down(desk, Cause.PROVIDER, "codex")
    await queue.close_incident(desk, opened.key, BOB)


async def test_it_works(desk: Desk, deliverer: Deliverer, channel: NewChannel, receiver: Receiver) -> None:
    await rule(desk, channel, Kind.INCIDENT_CLOSED)
    await close_one(desk)
    assert await deliverer.run() == 1
    (told,) = arrived(receiver)
    assert told["text"] == "Incident over: codex has an outage"
    assert told["events"][0]["cause"] == "provider"
    assert [(each.status, each.attempts) for each in await log(desk)] == [("delivered", 1)]
    assert await deliverer.run() == 0
    assert len(receiver.got) == 1


async def test_it_is_signed_and_says_no_secret(
    desk: Desk, deliverer: Deliverer, channel: NewChannel, receiver: Receiver
) -> None:
    auth_index = await an_account(desk)
    await rule(desk, channel, Kind.STATE_CHANGED)
    await ask(desk, auth_index)
    await desk.write(lambda c: _hold(desk, c, auth_index))
    await settle_all(desk, [auth_index])
    await deliverer.run()
    ((headers, body),) = receiver.got
    assert channel.secret is not None
    signed = headers["x-authdeck-timestamp"].encode() + b"." + body
    mine = hmac.new(channel.secret.open().encode(), signed, hashlib.sha256).hexdigest()
    assert headers["x-authdeck-signature"] == f"v1={mine}"
    told = json.loads(body)
    assert told["events"][0]["to"] == "disabled"
    assert "an•••@example.com" in told["text"] or "ann.json" in told["text"]
    stored = json.dumps([each.message for each in await log(desk)]) + repr(channel) + repr(await log(desk))
    for secret in ("FAKE_secret_path", channel.secret.open(), "rt_FAKE", "at_FAKE"):
        assert secret not in body.decode()
        assert secret not in stored


def _hold(desk: Desk, connection: WriteConnection, auth_index: str) -> None:
    account = accounts.by_index(connection, auth_index)
    holds.place(connection, account.key, Hold(Owner.OPERATOR, "disabled", desk.now(), actor="bob"))


async def test_without_a_rule_nothing_is_written(desk: Desk, channel: NewChannel) -> None:
    await close_one(desk)
    assert not await desk.read(lambda c: reading.has_work(c, desk.now()))
    paused = await rule(desk, channel, Kind.INCIDENT_CLOSED)
    await channels.pause_rule(desk, paused, BOB, paused=True)
    await close_one(desk)
    assert not await desk.read(lambda c: reading.has_work(c, desk.now()))


async def test_quota_is_told_of_when_it_crosses_the_mark(
    desk: Desk, clock: SetClock, deliverer: Deliverer, channel: NewChannel, receiver: Receiver
) -> None:
    auth_index = await an_account(desk)
    await rule(desk, channel, Kind.QUOTA_LOW, below=20)
    for used in (50.0, 85.0, 90.0):
        window = QuotaWindow("weekly", used, clock.now(), Source.HEADER)
        await desk.write(lambda c, window=window: _see(c, auth_index, window))
        clock.move(minutes=20)
    await deliverer.run()
    (told,) = arrived(receiver)
    assert [event["left"] for event in told["events"]] == [15.0]


def _see(connection: WriteConnection, auth_index: str, window: QuotaWindow) -> None:
    entry = accounts.entries(connection, [auth_index])[auth_index]
    take_in_windows(connection, [Seen(entry.account, entry.windows, [window])])


async def test_what_happens_within_a_minute_is_one_message(
    desk: Desk, clock: SetClock, deliverer: Deliverer, channel: NewChannel, receiver: Receiver
) -> None:
    await rule(desk, channel, Kind.INCIDENT_CLOSED)
    await close_one(desk)
    await deliverer.run()
    for _ in range(3):
        await close_one(desk)
    await deliverer.run()
    assert [told["count"] for told in arrived(receiver)] == [1]
    clock.move(seconds=61)
    await deliverer.run()
    assert [told["count"] for told in arrived(receiver)] == [1, 3]


async def test_a_refused_refresh_is_told_once(
    desk: Desk, deliverer: Deliverer, channel: NewChannel, receiver: Receiver
) -> None:
    await rule(desk, channel, Kind.REFRESH_REFUSED)
    opened = await Lender(desk).opened(await an_account(desk))
    for _ in range(2):
        await desk.write(lambda c: token_calls.refused(desk, c, opened, token_calls.REFUSED, {"reason": "revoked"}))
    await deliverer.run()
    (told,) = arrived(receiver)
    assert (told["count"], told["events"][0]["code"]) == (1, "refresh_refused")
    assert "ann@example.com" not in json.dumps(told)


async def test_a_digest_gathers_for_as_long_as_it_says(
    desk: Desk, clock: SetClock, deliverer: Deliverer, channel: NewChannel, receiver: Receiver
) -> None:
    await rule(desk, channel, Kind.INCIDENT_CLOSED, digest_minutes=60)
    for _ in range(3):
        await close_one(desk)
        await deliverer.run()
        clock.move(minutes=19)
    assert receiver.got == []
    clock.move(minutes=4)
    await deliverer.run()
    assert [told["count"] for told in arrived(receiver)] == [3]


async def test_nothing_goes_out_in_quiet_hours_and_all_of_it_afterwards(
    desk: Desk, clock: SetClock, deliverer: Deliverer, channel: NewChannel, receiver: Receiver
) -> None:
    """From 22:00 to 07:00 in Shanghai, which is 14:00 to 23:00 by the clock here."""
    night = {"quiet_from": 22 * 60, "quiet_until": 7 * 60, "zone": "Asia/Shanghai"}
    await rule(desk, channel, Kind.INCIDENT_CLOSED, **night)
    until = clock.now().replace(hour=14, minute=0, second=0, microsecond=0)
    clock.move(seconds=(until - clock.now()).total_seconds())
    for _ in range(3):
        await close_one(desk)
        await deliverer.run()
        clock.move(hours=2, minutes=59)
    assert receiver.got == []
    clock.move(minutes=4)
    await deliverer.run()
    assert [told["count"] for told in arrived(receiver)] == [3]


async def test_what_waits_is_told_though_its_rule_was_changed_meanwhile(
    desk: Desk, deliverer: Deliverer, channel: NewChannel, receiver: Receiver
) -> None:
    made = await rule(desk, channel, Kind.INCIDENT_CLOSED)
    await close_one(desk)
    await channels.change_rule(desk, made, {"name": "days", "kinds": [Kind.STATE_CHANGED]}, ANN)
    await close_one(desk)
    await deliverer.run()
    assert [(told["rule"], told["count"]) for told in arrived(receiver)] == [("days", 1)]


async def test_a_refusal_is_tried_again_ever_later_and_given_up(
    desk: Desk, clock: SetClock, deliverer: Deliverer, channel: NewChannel, receiver: Receiver
) -> None:
    await rule(desk, channel, Kind.INCIDENT_CLOSED)
    await close_one(desk)
    receiver.status = 503
    for wait in WAITS:
        await deliverer.run()
        await deliverer.run()
        clock.move(seconds=wait.total_seconds() - 1)
        await deliverer.run()
        clock.move(seconds=1)
    await deliverer.run()
    (delivery,) = await log(desk)
    assert (delivery.status, delivery.attempts, len(receiver.got)) == ("failed", 6, 6)
    assert delivery.error == {"code": "notification_refused", "params": {"upstream_status": 503}}
    assert len(set(receiver.ids)) == 1
    receiver.status = 200
    assert (await deliverer.try_again(delivery.id)).status == "delivered"


async def test_a_refusal_for_good_is_not_repeated(
    clock: SetClock, deliverer: Deliverer, channel: NewChannel, receiver: Receiver
) -> None:
    receiver.status = 410
    assert (await deliverer.test(channel.channel.id)).status == "failed"
    clock.move(days=1)
    await deliverer.run()
    assert len(receiver.got) == 1


async def test_two_processes_never_send_one_twice(
    desk: Desk, deliverer: Deliverer, other: Deliverer, channel: NewChannel, receiver: Receiver
) -> None:
    for number in range(12):
        await rule(desk, channel, Kind.INCIDENT_CLOSED, name=f"rule {number}")
    await close_one(desk)
    while await desk.read(lambda c: reading.has_work(c, desk.now())):
        await asyncio.gather(deliverer.run(), other.run(), deliverer.run(), other.run())
    assert len(receiver.got) == 12
    assert len(set(receiver.ids)) == 12


async def test_one_whose_process_died_is_sent_later_under_its_id(
    desk: Desk, clock: SetClock, deliverer: Deliverer, channel: NewChannel, receiver: Receiver
) -> None:
    await rule(desk, channel, Kind.INCIDENT_CLOSED)
    await close_one(desk)
    receiver.status = 503
    await deliverer.run()
    receiver.status = 200
    (claimed,) = await log(desk)
    clock.move(seconds=31)
    (due,) = await desk.read(lambda c: reading.due(c, desk.now(), 8))
    assert await desk.write(lambda c: writing.claim(c, due, desk.now() + timedelta(minutes=2), desk.now()))
    assert await deliverer.run() == 0
    clock.move(minutes=2)
    assert await deliverer.run() == 1
    assert set(receiver.ids) == {claimed.id}


@pytest.mark.parametrize(
    ("url", "private", "code"),
    [
        ("http://hooks.example.com/x", False, "webhook_needs_https"),
        ("ftp://hooks.example.com/x", False, "url_invalid"),
        ("https://user:pw@hooks.example.com/x", False, "url_invalid"),
        ("https://127.0.0.1/x", False, "upstream_address_refused"),
        ("https://169.254.169.254/x", True, "upstream_address_refused"),
        ("http://127.0.0.1:8417/api/v1", True, "upstream_address_refused"),
    ],
)
async def test_a_channel_leads_nowhere_it_should_not(desk: Desk, url: str, private: bool, code: str) -> None:
    with pytest.raises(DeckError, match=code):
        await channels.add_channel(desk, "bad", ChannelKind.WEBHOOK, url, ANN, private=private)


@pytest.mark.usefixtures("channel")
async def test_a_channels_origin_is_no_upstream(desk: Desk, receiver: Receiver) -> None:
    origins = Origins(desk.settings.providers, own_host=desk.settings.host, own_port=desk.settings.port)
    assert not origins.is_allowed(receiver.url)


async def test_a_removed_channel_takes_its_rules_and_log_along(
    desk: Desk, deliverer: Deliverer, channel: NewChannel
) -> None:
    await rule(desk, channel, Kind.INCIDENT_CLOSED)
    await deliverer.test(channel.channel.id)
    await close_one(desk)
    await channels.remove_channel(desk, channel.channel.id, ANN)
    assert await desk.read(reading.rules) == []
    assert await log(desk) == []
    assert await deliverer.run() == 0


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"kinds": ()}, "kinds"),
        ({"kinds": (Kind.QUOTA_LOW,)}, "below"),
        ({"below": 20}, "below"),
        ({"digest_minutes": 1441}, "digest_minutes"),
        ({"quiet_from": 60}, "quiet"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"providers": ("nobody",)}, "providers"),
    ],
)
async def test_a_rule_that_makes_no_sense_is_refused(
    desk: Desk, channel: NewChannel, fields: dict[str, object], problem: str
) -> None:
    with pytest.raises(DeckError, match="notification_rule_invalid") as refused:
        await rule(desk, channel, **{"kinds": (Kind.STATE_CHANGED,), **fields})
    assert refused.value.params["field"] == problem


@pytest.mark.filterwarnings("ignore:.*imghdr.*:DeprecationWarning")
@pytest.mark.skipif(find_spec("apprise") is None, reason="Apprise is an extra")
async def test_apprise_takes_messages_too(desk: Desk, deliverer: Deliverer, receiver: Receiver) -> None:
    url = receiver.url.replace("http://", "json://")
    made = await channels.add_channel(desk, "Many", ChannelKind.APPRISE, url, ANN)
    assert (made.secret, made.channel.display) == (None, "json://")
    assert (await deliverer.test(made.channel.id)).status == "delivered"
    assert json.loads(receiver.got[0][1])["title"] == "authdeck: a test"
    with pytest.raises(DeckError, match="apprise_url_invalid"):
        await channels.add_channel(desk, "None", ChannelKind.APPRISE, "nosuch://x", ANN)


async def test_a_new_accounts_first_state_is_a_change_and_a_rebuilt_old_one_is_none(
    desk: Desk, clock: SetClock, deliverer: Deliverer, channel: NewChannel, receiver: Receiver
) -> None:
    await rule(desk, channel, Kind.STATE_CHANGED)
    (row,) = (await take_in(desk, ("bob.json", codex("bob@example.com", "acc-fake-bob", "user-fake-bob")))).items
    auth_index = str(row.auth_index)
    await desk.write(lambda c: _hold(desk, c, auth_index))
    await settle_all(desk, [auth_index])
    await deliverer.run()
    ((_, body),) = receiver.got
    assert [(event["from"], event["to"]) for event in json.loads(body)["events"]] == [("unknown", "disabled")]
    clock.move(minutes=11)
    await desk.write(lambda c: c.execute(account_state.delete()))
    await settle_all(desk, [auth_index])
    assert await deliverer.run() == 0

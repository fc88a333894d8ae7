"""What the gateway sees on its way becomes known of the accounts: holds, windows, evidence."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

from authdeck.entry import Entry
from authdeck.operations.reconcile import settle_all
from authdeck.seen_headers import each
from authdeck.storage.reading import queue as reading
from authdeck.storage.reading import seen_headers
from gateway.conftest import House
from gateway.test_failures import asked


def entry(house: House, auth_index: str) -> Entry:
    found = house.desk.directory.get(auth_index)
    assert found is not None
    return found


async def until(house: House, auth_index: str, holds: Any) -> Entry:
    """The entry, once ``holds`` of it is true; each change wakes the question."""
    changed = asyncio.Event()

    async def note(_index: str) -> None:
        changed.set()

    house.desk.feed.subscribe("account", note)
    while not holds(entry(house, auth_index)):
        changed.clear()
        async with asyncio.timeout(10):
            await changed.wait()
    return entry(house, auth_index)


async def test_a_limit_becomes_a_hold_that_outlives_the_process(house: House) -> None:
    ann, bob = (house.simulator.account("codex", f"{name}@example.com") for name in ("ann", "bob"))
    index, _ = await house.take_in(ann, bob)
    await house.acknowledge()
    house.simulator.use_up(ann, for_=timedelta(hours=2))
    for _ in range(2):
        assert (await asked(house))[0] == 200
    found = await until(house, index, lambda each: each.holds)
    (hold,) = found.holds
    assert (hold.owner, hold.code, hold.detail["signal"]) == ("cooldown", "usage_limit_reached", "quota")
    assert hold.evidence is not None
    assert hold.until is not None
    assert hold.until - house.desk.now() > timedelta(hours=1, minutes=59)
    house.pool.unblock(index, "gpt-5.5")  # as after a restart: short pauses are forgotten, holds are not
    assert (await asked(house))[0] == 200
    assert len(house.simulator.seen("/responses", ann)) == 1


async def test_answers_tell_of_quota_windows_in_passing(house: House) -> None:
    [index] = await house.take_in(house.simulator.account("codex", "ann@example.com"))
    await house.acknowledge()
    assert (await asked(house))[0] == 200
    await house.observer.flush()
    found = entry(house, index)
    assert {window.window for window in found.windows} == {"five_hour", "weekly"}
    assert {window.source for window in found.windows} == {"header"}


async def test_headers_of_answers_are_kept_with_the_request_they_answered(house: House) -> None:
    """Those of a served answer and of a refusal, each leading to its row in Monitoring."""
    ann = house.simulator.account("codex", "ann@example.com")
    [index] = await house.take_in(ann)
    await house.acknowledge()
    assert (await asked(house))[0] == 200
    house.simulator.use_up(ann, for_=timedelta(hours=2))
    assert (await asked(house))[0] == 429
    await house.observer.flush()
    key = entry(house, index).account.key
    found = each(await house.desk.read(partial(seen_headers.of_account, account_key=key)))
    served, refused = (event.id.hex() for event in house.seen)
    assert found["x-codex-credits-has-credits"].request_id == served
    met = found["x-codex-rate-limit-reached-type"]
    assert (met.value, met.request_id) == ("primary", refused)


async def test_a_revoked_sign_in_is_kept_away_with_its_evidence(house: House) -> None:
    ann = house.simulator.account("codex", "ann@example.com")
    [index] = await house.take_in(ann)
    await house.acknowledge()
    house.simulator.revoke(ann)
    assert (await asked(house))[0] == 503
    await house.observer.flush()
    await settle_all(house.desk, [index])
    found = entry(house, index)
    assert "refresh_refused" in {hold.code for hold in found.holds}
    assert all(hold.evidence is not None for hold in found.holds)
    assert "refresh_refused" in {row.reason_code for row in found.candidates}


async def test_many_revoked_sign_ins_are_one_incident_and_nobody_is_asked_twice(house: House) -> None:
    """Every tenth account at most is held in an hour; the others are passed over, and their tokens not sent again."""
    people = [house.simulator.account("codex", f"p{number}@example.com") for number in range(12)]
    indexes = await house.take_in(*people)
    await house.acknowledge()
    for person in people:
        house.simulator.revoke(person)
    for _ in range(8):
        assert (await asked(house))[0] == 503
    await house.observer.flush()
    entries = [entry(house, index) for index in indexes]
    held = [each for each in entries if "refresh_refused" in {hold.code for hold in each.holds}]
    assert len(held) == 1
    assert all("refresh_refused" in {row.reason_code for row in each.candidates} for each in entries)
    found = await house.desk.read(lambda connection: reading.all_incidents(connection, limit=9))
    mine = [each for each in found if each.subject == "codex:refresh_refused"]
    assert [(each.cause, each.count) for each in mine] == [("automation_bounds", len(people) - 1)]
    assert len(house.simulator.seen("/oauth/token", None)) == len(people)


async def test_a_token_called_expired_right_after_its_refresh_takes_no_account_away(house: House) -> None:
    """Clocks differ, and providers take a moment: an account that was just renewed is not done for."""
    ann = house.simulator.account("codex", "ann@example.com")
    [index] = await house.take_in(ann)
    await house.acknowledge()
    house.simulator.fail(path="/responses", status=401, kind="token_expired", times=2)
    assert (await asked(house))[0] == 503
    await house.observer.flush()
    await settle_all(house.desk, [index])
    assert [seen.status for seen in house.simulator.seen("/oauth/token", ann)] == [200]
    found = entry(house, index)
    assert (found.holds, found.candidates) == ((), ())
    house.pool.unblock(index, "gpt-5.5")  # the pause of this process is over
    assert (await asked(house))[0] == 200


async def test_the_clients_own_fault_leaves_no_trace(house: House) -> None:
    [index] = await house.take_in(house.simulator.account("codex", "ann@example.com"))
    await house.acknowledge()
    house.simulator.fail(status=400)
    assert (await asked(house))[0] == 400
    await house.observer.flush()
    assert entry(house, index).holds == ()

"""A token that is not accepted: one refresh, one more try on the same account, then the next."""

from datetime import timedelta

import pytest

from authdeck.event import FailureKind
from gateway.conftest import House
from gateway.test_failures import asked


async def test_a_refreshed_token_that_is_refused_too_leads_to_the_next_account(house: House) -> None:
    ann, bob = (house.simulator.account("codex", f"{name}@example.com") for name in ("ann", "bob"))
    [first] = await house.take_in(ann, priority=5)
    [second] = await house.take_in(bob)
    await house.acknowledge()
    house.simulator.fail(account=ann, path="/responses", status=401, kind="token_expired", times=None)
    status, headers, _ = await asked(house)
    assert (status, headers["x-authdeck-account"]) == (200, second)
    assert [(seen.account, seen.status) for seen in house.simulator.seen()] == [
        (ann, 401), (ann, 200), (ann, 401), (bob, 200),
    ]  # fmt: skip
    assert [seen.account for seen in house.simulator.seen("/oauth/token")] == [ann]
    [event] = await house.events()
    assert [(attempt.auth_index, attempt.status, attempt.kind) for attempt in event.attempts] == [
        (first, 401, FailureKind.AUTH.value), (second, 200, None),
    ]  # fmt: skip
    assert (event.status, event.failure) == (200, None)


async def test_a_key_is_not_refreshed(house: House) -> None:
    await house.take_in(house.simulator.account("codex", "ann@example.com", kind="api_key"), priority=5)
    [second] = await house.take_in(house.simulator.account("codex", "bob@example.com", kind="api_key"))
    house.simulator.fail(path="/responses", status=401)
    status, headers, _ = await asked(house)
    assert (status, headers["x-authdeck-account"]) == (200, second)
    assert house.simulator.seen("/oauth/token") == []
    assert len(house.simulator.seen("/responses")) == 2


@pytest.mark.parametrize("house", [{"AUTHDECK_GATEWAY__MAX_ATTEMPTS": "1"}], indirect=True)
async def test_the_second_try_on_an_account_is_no_second_account(house: House) -> None:
    gone = timedelta(hours=1)
    ann = house.simulator.account("codex", "ann@example.com", expires_in=gone)
    await house.take_in(ann)
    await house.acknowledge()
    house.simulator.expire(ann)
    assert (await asked(house))[0] == 200
    [event] = await house.events()
    assert [attempt.status for attempt in event.attempts] == [200]

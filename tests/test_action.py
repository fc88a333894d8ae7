"""Bounds of automation, and failures that are nobody's own."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from authdeck.action import Bounds, Cause, Incident, Sighting, Watch, is_bounded
from authdeck.event import FailureKind
from authdeck.evidence import Confidence, Evidence, Signal, Source

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def failure(who: str, signal: Signal = Signal.TRANSIENT, seconds: float = 0, **fields: Any) -> Sighting:
    known = {"provider": "codex", "kind": FailureKind.UPSTREAM, "code": "server_error"}
    return Sighting(NOON + timedelta(seconds=seconds), who, signal=signal, **{**known, **fields})


def causes(watch: Watch, *failures: Sighting) -> list[str]:
    return [f"{found[0]}:{found[1]}" if (found := watch.cause(each)) else "-" for each in failures]


@pytest.mark.parametrize(("accounts", "allowed"), [(0, 1), (3, 1), (10, 1), (20, 2), (50, 5), (51, 5), (1000, 5)])
def test_the_smaller_of_five_and_a_tenth(accounts: int, allowed: int) -> None:
    assert Bounds().allowance(accounts) == allowed


def test_bounds_of_nothing_allow_nothing() -> None:
    assert Bounds(accounts=0).allowance(100) == 0
    assert Bounds(percent=0).allowance(100) == 0


@pytest.mark.parametrize("signal", Signal)
def test_only_holds_that_need_a_person_are_bounded(signal: Signal) -> None:
    row = Evidence(1, Source.RESPONSE, signal, "x", NOON, NOON, may_automate=True)
    lasting = {Signal.CREDENTIAL, Signal.REVIEW, Signal.DEACTIVATED, Signal.ENTITLEMENT}
    assert is_bounded(row) is (signal in lasting)


def test_three_accounts_of_a_provider_are_the_providers_matter() -> None:
    assert causes(Watch(), failure("ann"), failure("bob"), failure("mia"), failure("ann")) == [
        "-", "-", "provider:codex", "provider:codex",
    ]  # fmt: skip


def test_one_account_that_keeps_failing_is_its_own() -> None:
    assert causes(Watch(), *(failure("ann", seconds=n) for n in range(5))) == ["-"] * 5


def test_two_accounts_behind_one_proxy_are_the_proxys() -> None:
    through = {"kind": FailureKind.NETWORK, "proxy": "socks5://10.0.0.9:1080"}
    assert causes(Watch(), failure("ann", **through), failure("bob", **through)) == [
        "-",
        "proxy:socks5://10.0.0.9:1080",
    ]
    other = {**through, "proxy": "socks5://10.0.0.8:1080"}
    assert causes(Watch(), failure("ann", **through), failure("bob", **other)) == ["-", "-"]


def test_a_served_request_says_that_neither_is_down() -> None:
    watch = Watch()
    causes(watch, failure("ann"), failure("bob"))
    watch.served("codex", None)
    assert causes(watch, failure("mia")) == ["-"]


def test_failures_of_more_than_five_minutes_ago_do_not_count() -> None:
    assert causes(Watch(), failure("ann"), failure("bob"), failure("mia", seconds=301)) == ["-", "-", "-"]


def test_challenges_on_three_accounts_are_about_where_we_come_from() -> None:
    refused = [failure(who, Signal.EGRESS) for who in ("ann", "bob", "mia")]
    assert causes(Watch(), *refused)[-1] == "egress:codex"


def test_one_request_that_two_accounts_refuse_is_about_the_request() -> None:
    unclear = {"confidence": Confidence.MEDIUM, "request_id": "r1", "kind": FailureKind.AUTH}
    assert causes(Watch(), failure("ann", Signal.REVIEW, **unclear), failure("bob", Signal.REVIEW, **unclear)) == [
        "-",
        "request_content:r1",
    ]
    clear = {**unclear, "confidence": Confidence.HIGH}
    assert causes(Watch(), failure("ann", Signal.REVIEW, **clear), failure("bob", Signal.REVIEW, **clear)) == ["-", "-"]


def test_an_incident_is_over_when_it_was_quiet_for_long_enough() -> None:
    outage = Incident(Cause.PROVIDER, "codex", NOON, NOON)
    assert not outage.is_over(NOON + timedelta(minutes=14))
    assert outage.is_over(NOON + timedelta(minutes=15))
    assert not Incident(Cause.BOUNDS, "codex:token_revoked", NOON, NOON).is_over(NOON + timedelta(minutes=59))


def test_the_watch_forgets() -> None:
    watch = Watch()
    causes(watch, failure("ann"), failure("bob"))
    watch.forget(NOON + timedelta(minutes=6))
    assert watch == Watch()

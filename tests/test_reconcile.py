"""What all that is known amounts to. A day of one account, by the clock; then what holds whatever happened."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck import health
from authdeck.account import Account, AccountSettings, Kind, Provider
from authdeck.candidate import Candidate, Resolution, Status
from authdeck.evidence import Action, Confidence, Evidence, Signal, Source
from authdeck.health import Health
from authdeck.hold import Hold, Owner
from authdeck.quota import QuotaWindow, Window
from authdeck.reconcile import (
    KEPT_AFTER_GUESS,
    LIMIT_GUESS,
    OLD,
    RECOVERED,
    SWITCHED_OFF,
    Facts,
    Plan,
    Policy,
    is_ours,
    reconcile,
)

TWO_PM = datetime(2026, 11, 23, 14, tzinfo=UTC)
USUAL = Policy()
SEVEN_PM = TWO_PM + timedelta(hours=5)


def after(**delta: float) -> datetime:
    return TWO_PM + timedelta(**delta)


def account(**fields: Any) -> Account:
    known = {"key": 1, "auth_index": "a" * 16, "provider": Provider.CODEX, "kind": Kind.OAUTH, "file_name": "ann.json"}
    return Account(**{**known, "settings": AccountSettings(), **fields})


def seen(signal: Signal, at: datetime = TWO_PM, **fields: Any) -> Evidence:
    known = {"generation": 1, "source": Source.RESPONSE, "code": signal.value, "first_at": at, "last_at": at, "key": 7}
    return Evidence(signal=signal, **{**known, "may_automate": True, **fields})


def limit(at: datetime = TWO_PM, until: datetime | None = SEVEN_PM, **fields: Any) -> Evidence:
    known = {"code": "usage_limit_reached", "until": until, "is_told": until is not None, "window": "five_hour"}
    return seen(Signal.QUOTA, at, **{**known, **fields})


def revoked(at: datetime = TWO_PM, **fields: Any) -> Evidence:
    return seen(Signal.CREDENTIAL, at, **{"code": "token_revoked", "action": Action.REAUTH, **fields})


def window(used: float, at: datetime, **fields: Any) -> QuotaWindow:
    known = {"source": Source.QUOTA_QUERY, "resets_at": SEVEN_PM}
    return QuotaWindow(Window.FIVE_HOUR, used, at, **{**known, **fields})


def settled(facts: Facts, now: datetime, policy: Policy = USUAL) -> tuple[Facts, Plan]:
    """The facts after the plan was carried out, and the plan."""
    plan = reconcile(facts, now, policy)
    closed = {each.key: each for each in plan.resolve}
    rows = [closed.get(each.key, each) for each in facts.candidates if each.key not in {c.key for c in plan.candidates}]
    numbered = [replace(each, key=each.key or len(rows) + n + 1) for n, each in enumerate(plan.candidates)]
    return replace(facts, holds=plan.holds, candidates=(*numbered, *rows)), plan


def state(facts: Facts, now: datetime) -> Health:
    return health.of(facts.account, facts.holds, now, facts.windows)


def codes(holds: Iterable[Hold]) -> list[str]:
    return [f"{hold.owner}:{hold.code}" for hold in holds]


class Day:
    """One account's story: ``see`` what happens, ``at`` a time; what was decided is in ``facts``."""

    def __init__(self, **fields: Any) -> None:
        self.facts = Facts(account(**fields))
        self.now = TWO_PM

    def at(self, now: datetime, *rows: Evidence, windows: tuple[QuotaWindow, ...] = (), **account: Any) -> Plan:
        self.now = now
        self.facts = replace(
            self.facts,
            account=replace(self.facts.account, **account),
            evidence=(*self.facts.evidence, *rows),
            windows=windows or self.facts.windows,
        )
        self.facts, plan = settled(self.facts, now)
        return plan

    @property
    def health(self) -> Health:
        return state(self.facts, self.now)


# ---- exhausted at 14:00, reset at 19:00 ----


def test_it_works() -> None:
    day = Day()
    plan = day.at(TWO_PM, limit())
    (hold,) = plan.place
    assert (hold.owner, hold.code, hold.until, hold.evidence) == (Owner.COOLDOWN, "usage_limit_reached", SEVEN_PM, 7)
    assert day.health is Health.EXHAUSTED
    assert plan.next_change_at == SEVEN_PM
    assert day.at(after(hours=4, minutes=59)).is_empty
    assert day.at(SEVEN_PM).release[0][1] == "ended"
    assert day.health is Health.UNKNOWN
    assert day.at(after(hours=6), last_success_at=after(hours=6)).is_empty
    assert day.health is Health.AVAILABLE


def test_a_restart_in_between_changes_nothing() -> None:
    day = Day()
    day.at(TWO_PM, limit())
    stored = replace(day.facts, holds=tuple(replace(hold, key=3) for hold in day.facts.holds))
    assert reconcile(stored, after(hours=2)).is_empty
    assert reconcile(stored, SEVEN_PM).release[0][0].key == 3


def test_a_person_disables_meanwhile_and_the_reset_leaves_that_alone() -> None:
    day = Day()
    day.at(TWO_PM, limit())
    by_bob = Hold(Owner.OPERATOR, "disabled", after(hours=1), actor="bob")
    day.facts = replace(day.facts, holds=(*day.facts.holds, by_bob))
    assert [hold.owner for hold, _ in day.at(SEVEN_PM).release] == [Owner.COOLDOWN]
    assert day.facts.holds == (by_bob,)
    assert day.health is Health.DISABLED


def test_a_new_sign_in_meanwhile_ends_what_was_said_of_the_old_one() -> None:
    day = Day()
    day.at(TWO_PM, limit(), revoked())
    assert sorted(codes(day.facts.holds)) == ["cooldown:usage_limit_reached", "credential:token_revoked"]
    plan = day.at(after(hours=1), generation=2)
    assert {why for _, why in plan.release} == {"new_sign_in"}
    assert day.facts.holds == ()
    assert [each.status for each in day.facts.candidates] == [Status.RESOLVED]


def test_an_answer_of_the_old_sign_in_that_comes_late_says_nothing_of_the_new_one() -> None:
    day = Day(generation=2)
    assert day.at(after(hours=1), revoked(after(hours=1), generation=1)).is_empty


def test_a_clock_that_ran_ahead_hides_no_failure_and_clears_none() -> None:
    day = Day()
    day.at(TWO_PM, revoked())
    plan = day.at(after(minutes=1), last_success_at=after(hours=3))
    assert plan.is_empty
    assert day.health is Health.NEEDS_REAUTH
    assert day.at(after(minutes=5), last_success_at=after(minutes=5)).release[0][1] == "cleared"


def test_a_clock_set_back_keeps_the_providers_moment() -> None:
    day = Day()
    day.at(after(hours=2), limit(after(hours=2)))
    assert day.at(after(hours=1)).is_empty
    assert day.at(SEVEN_PM).release[0][1] == "ended"


def test_a_later_refusal_brings_a_later_end() -> None:
    day = Day()
    day.at(TWO_PM, limit())
    later = SEVEN_PM + timedelta(hours=3)
    plan = day.at(after(minutes=30), limit(after(minutes=30), later, key=8))
    assert [(hold.until, hold.evidence) for hold in plan.place] == [(later, 8)]
    assert len(day.facts.holds) == 1


# ---- what ends a cooldown early ----


def test_a_success_does_not_end_a_limit() -> None:
    day = Day()
    day.at(TWO_PM, limit())
    assert day.at(after(hours=1), last_success_at=after(hours=1)).is_empty


def test_fresh_figures_of_the_named_window_do() -> None:
    day = Day()
    day.at(TWO_PM, limit())
    assert day.at(after(hours=1), windows=(window(100, after(hours=1)),)).is_empty
    assert day.at(after(hours=2), windows=(window(3, after(hours=2)),)).release[0][1] == "contradicted"


def test_older_figures_do_not() -> None:
    day = Day()
    assert day.at(TWO_PM, limit(), windows=(window(3, after(minutes=-1)),)).place


def test_headers_of_answers_under_way_do_not_either() -> None:
    day = Day()
    near = window(99, after(seconds=30), source=Source.HEADER)
    assert day.at(TWO_PM, limit(), windows=(near,)).place
    assert day.at(after(minutes=5), windows=(replace(near, observed_at=after(minutes=5)),)).release


def test_another_window_says_nothing_of_the_named_one() -> None:
    day = Day()
    weekly = replace(window(3, after(hours=1)), window=Window.WEEKLY.value)
    assert day.at(after(hours=1), limit(), windows=(weekly,)).place


def test_a_whole_listing_answers_for_a_limit_without_a_name() -> None:
    day = Day()
    day.at(TWO_PM, limit(window=None))
    assert day.at(after(hours=1), windows=(window(3, after(hours=1)),)).release


def test_figures_that_are_unknown_contradict_nothing() -> None:
    day = Day()
    unknown = replace(window(0, after(hours=1)), used_percent=None)
    assert day.at(after(hours=1), limit(), windows=(unknown,)).place


def test_an_old_limit_is_tried_and_a_served_try_ends_it() -> None:
    day = Day()
    until = after(days=5)
    day.at(TWO_PM, limit(until=until, window="weekly"))
    (hold,) = day.facts.holds
    assert hold.try_at == TWO_PM + OLD
    assert day.at(after(hours=5), last_success_at=after(hours=5)).is_empty
    assert day.at(after(hours=6), last_success_at=after(hours=6)).release[0][1] == "served"


def test_a_failed_try_waits_as_long_again() -> None:
    day = Day()
    day.at(TWO_PM, limit(until=after(days=5)))
    day.at(after(hours=6), limit(after(hours=6), after(days=5), key=8))
    assert day.facts.holds[0].try_at == after(hours=12)


def test_a_guessed_end_is_a_try_and_not_a_release() -> None:
    day = Day()
    day.at(TWO_PM, limit(until=None, code="insufficient_quota"))
    (hold,) = day.facts.holds
    assert hold.until == hold.try_at == TWO_PM + LIMIT_GUESS
    assert day.at(TWO_PM + LIMIT_GUESS).is_empty
    assert day.at(after(minutes=31), last_success_at=after(minutes=31)).release[0][1] == "ended"


def test_a_guess_that_nothing_proves_goes_after_an_hour() -> None:
    day = Day()
    day.at(TWO_PM, limit(until=None))
    plan = day.at(TWO_PM + LIMIT_GUESS)
    assert plan.next_change_at == TWO_PM + LIMIT_GUESS + KEPT_AFTER_GUESS
    assert day.at(TWO_PM + LIMIT_GUESS + KEPT_AFTER_GUESS).release


@pytest.mark.parametrize(
    ("until", "is_told", "expected"),
    [
        (after(days=60), True, after(days=35)),
        (after(days=5), False, after(days=1)),
        (after(days=5), True, after(days=5)),
    ],
)
def test_ends_are_capped(until: datetime, is_told: bool, expected: datetime) -> None:
    day = Day()
    day.at(TWO_PM, limit(until=until, is_told=is_told))
    assert day.facts.holds[0].until == expected


# ---- what makes a hold at all ----


@pytest.mark.parametrize(
    "row",
    [
        limit(until=after(seconds=59)),
        seen(Signal.RATE_LIMIT, until=after(minutes=20)),
        seen(Signal.REQUEST),
        seen(Signal.CANCELLED),
        seen(Signal.EGRESS),
        seen(Signal.TRANSIENT),
        revoked(may_automate=False),
        revoked(confidence=Confidence.LOW),
    ],
    ids=lambda row: f"{row.signal}-{row.confidence}",
)
def test_these_place_none(row: Evidence) -> None:
    assert Day().at(TWO_PM, row).place == ()


def test_a_rate_limit_whose_end_the_answer_itself_names_is_one_of_its_model() -> None:
    row = seen(Signal.RATE_LIMIT, until=after(hours=2), is_told=True, scope="gemini-3-pro")
    day = Day()
    (hold,) = day.at(TWO_PM, row).place
    assert (hold.scope, hold.until) == ("gemini-3-pro", after(hours=2))
    assert day.health is Health.UNKNOWN


def test_failing_twice_in_a_row_rests_for_two_minutes() -> None:
    day = Day()
    assert day.at(TWO_PM, seen(Signal.TRANSIENT, code="server_error")).is_empty
    plan = day.at(after(seconds=20), seen(Signal.TRANSIENT, after(seconds=20), code="upstream_timeout"))
    assert {hold.until for hold in plan.place} >= {after(minutes=2, seconds=20)}
    assert day.health is Health.COOLING
    assert day.at(after(minutes=3), last_success_at=after(minutes=3)).release


def test_a_served_request_ends_a_refusal_of_the_credential() -> None:
    day = Day()
    day.at(TWO_PM, revoked())
    assert day.health is Health.NEEDS_REAUTH
    assert day.at(after(minutes=1), last_success_at=after(minutes=1)).release[0][1] == "cleared"


def test_so_does_a_limit_which_only_accepted_credentials_meet() -> None:
    day = Day()
    day.at(TWO_PM, revoked())
    plan = day.at(after(minutes=1), limit(after(minutes=1)))
    assert [hold.code for hold, _ in plan.release] == ["token_revoked"]
    assert codes(plan.place) == ["cooldown:usage_limit_reached"]


def test_a_refused_refresh_is_not_ended_by_an_access_token_that_still_works() -> None:
    day = Day()
    day.at(TWO_PM, revoked(source=Source.REFRESH, code="refresh_refused"))
    assert day.at(after(minutes=1), last_success_at=after(minutes=1)).is_empty
    assert day.at(after(minutes=2), seen(Signal.SUCCESS, after(minutes=2), source=Source.REFRESH)).release


def test_what_has_no_time_stays_until_somebody_signs_in_again() -> None:
    day = Day()
    day.at(TWO_PM, revoked(is_dated=False))
    assert day.at(after(days=1), last_success_at=after(days=1)).is_empty
    assert day.at(after(days=2), generation=2).release


def test_a_person_released_it_and_older_evidence_does_not_raise_it_again() -> None:
    mark = {(Owner.COOLDOWN, "usage_limit_reached"): after(minutes=10)}
    facts = Facts(account(), evidence=(limit(after(minutes=5)),), watermarks=mark)
    assert reconcile(facts, after(minutes=20)).place == ()
    newer = replace(facts, evidence=(*facts.evidence, limit(after(minutes=15))))
    assert len(reconcile(newer, after(minutes=20)).place) == 1


def test_a_locked_account_is_left_alone_both_ways() -> None:
    day = Day(locked=True)
    assert day.at(TWO_PM, limit(), revoked()).place == ()
    unlocked = Day()
    unlocked.at(TWO_PM, revoked())
    assert unlocked.at(after(minutes=1), locked=True, last_success_at=after(minutes=1)).release == ()


def test_without_cooling_accounts_keep_serving_but_not_with_a_dead_sign_in() -> None:
    day = Day(settings=AccountSettings(disable_cooling=True))
    assert codes(day.at(TWO_PM, limit(), revoked(after(minutes=1))).place) == ["credential:token_revoked"]


def test_policies_switch_automation_off() -> None:
    facts = Facts(account(), evidence=(limit(), revoked(after(minutes=1))))
    assert reconcile(facts, after(minutes=2), Policy(cooldown=False, credential=False)).place == ()


# ---- the queue ----


def test_a_refusal_asks_for_an_action_and_its_end_takes_the_question_back() -> None:
    day = Day()
    (row,) = day.at(TWO_PM, revoked(count=3)).candidates
    assert (row.reason_code, row.action, row.hits, row.evidence) == ("token_revoked", Action.REAUTH, 3, 7)
    assert day.at(after(minutes=1), last_success_at=after(minutes=1)).resolve[0].status is Status.RESOLVED


def asked_of(facts: Facts, now: datetime) -> list[tuple[str, str, int]]:
    """The queue after settling: reason, status, hits."""
    rows = settled(facts, now)[0].candidates
    return [(row.reason_code, row.status.value, row.hits) for row in rows]


def ignoring(until: datetime | None = None) -> Candidate:
    return Candidate(
        "token_revoked", Action.REAUTH, TWO_PM, TWO_PM, status=Status.IGNORED, ignored_until=until,
        closed_at=after(minutes=1), closed_by="ann", resolution=Resolution.PERSON, evidence=7, key=1,
    )  # fmt: skip


def test_what_is_ignored_for_its_signal_rests_while_that_stands_and_counts_on() -> None:
    facts = Facts(account(), evidence=(revoked(),), candidates=(ignoring(),))
    assert asked_of(facts, after(minutes=2)) == [("token_revoked", "ignored", 1)]
    more = replace(facts, evidence=(revoked(after(hours=9), first_at=TWO_PM, count=4),))
    assert asked_of(more, after(hours=10)) == [("token_revoked", "ignored", 4)]


def test_healthy_evidence_ends_the_ignoring_so_that_the_signals_return_asks_anew() -> None:
    well = Facts(account(last_success_at=after(minutes=5)), evidence=(revoked(),), candidates=(ignoring(),))
    facts, plan = settled(well, after(minutes=6))
    assert [(row.status, row.resolution) for row in plan.resolve] == [(Status.RESOLVED, Resolution.SERVED)]
    back = replace(facts, evidence=(revoked(after(minutes=7)),))
    assert asked_of(back, after(minutes=8)) == [("token_revoked", "pending", 1), ("token_revoked", "resolved", 1)]


def test_what_is_ignored_until_a_moment_is_asked_again_then_though_nothing_new_was_seen() -> None:
    facts = Facts(account(), evidence=(revoked(),), candidates=(ignoring(after(hours=1)),))
    assert asked_of(facts, after(minutes=59)) == [("token_revoked", "ignored", 1)]
    assert reconcile(facts, after(minutes=2)).next_change_at == after(hours=1)
    assert asked_of(facts, after(hours=1)) == [("token_revoked", "pending", 1)]


def test_what_failed_asks_again_with_the_next_hit() -> None:
    failed = replace(ignoring(), status=Status.FAILED, resolution=Resolution.DID_FAIL, closed_at=after(minutes=3))
    facts = Facts(account(), evidence=(revoked(),), candidates=(failed,))
    assert asked_of(facts, after(minutes=4)) == [("token_revoked", "failed", 1)]
    again = replace(facts, evidence=(revoked(after(minutes=5)),))
    assert asked_of(again, after(minutes=6)) == [("token_revoked", "pending", 1)]


def test_what_was_done_is_asked_again_only_for_something_newer() -> None:
    done = replace(ignoring(), status=Status.DONE, resolution=Resolution.DID)
    facts = Facts(account(), evidence=(revoked(),), candidates=(done,))
    assert reconcile(facts, after(minutes=2)).candidates == ()
    again = replace(facts, evidence=(revoked(after(minutes=3)),))
    assert [row.key for row in reconcile(again, after(minutes=4)).candidates] == [0]


@pytest.mark.parametrize(
    ("newer", "why"),
    [
        ({"source": Source.RESPONSE, "signal": Signal.SUCCESS}, Resolution.SERVED),
        ({"source": Source.REFRESH, "signal": Signal.SUCCESS}, Resolution.REFRESHED),
        ({"source": Source.QUOTA_QUERY, "signal": Signal.SUCCESS}, Resolution.CONFIRMED),
        ({"source": Source.RESPONSE, "signal": Signal.QUOTA}, Resolution.LIMITED),
    ],
)
def test_a_closed_row_says_what_closed_it(newer: dict[str, Any], why: Resolution) -> None:
    (row,) = reconcile(Facts(account(), evidence=(revoked(),)), after(minutes=1)).candidates
    well = seen(newer["signal"], after(minutes=2), source=newer["source"], key=8)
    facts = Facts(account(), evidence=(revoked(), well), candidates=(replace(row, key=1),))
    assert [each.resolution for each in reconcile(facts, after(minutes=3)).resolve] == [why]
    signed_in = replace(facts, account=account(generation=2))
    assert [each.resolution for each in reconcile(signed_in, after(minutes=3)).resolve] == [Resolution.NEW_SIGN_IN]


# ---- switching off by itself ----

SURE = Policy(disable=True)


def certain(at: datetime = TWO_PM, **fields: Any) -> Evidence:
    return revoked(at, may_automate=True, **fields)


def switched_off(facts: Facts, now: datetime, policy: Policy = SURE) -> bool:
    return any(hold.code == SWITCHED_OFF for hold in reconcile(facts, now, policy).holds)


def test_nothing_is_switched_off_unless_that_is_wished() -> None:
    assert not switched_off(Facts(account(), evidence=(certain(),)), after(minutes=1), Policy())
    assert switched_off(Facts(account(), evidence=(certain(),)), after(minutes=1))


@pytest.mark.parametrize(
    "fields",
    [{"confidence": Confidence.MEDIUM}, {"may_automate": False}, {"signal": Signal.QUOTA}, {"signal": Signal.MODEL}],
)
def test_only_certain_ends_of_the_whole_account_are_switched_off(fields: dict[str, Any]) -> None:
    row = replace(certain(), **fields)
    assert not switched_off(Facts(account(), evidence=(row,)), after(minutes=1))


def test_a_locked_account_is_never_switched_off() -> None:
    assert not switched_off(Facts(account(locked=True), evidence=(certain(),)), after(minutes=1))


def test_what_was_switched_off_stays_so_until_a_person_and_the_queue_asks_for_that() -> None:
    facts, _ = settled(Facts(account(), evidence=(certain(),)), after(minutes=1), SURE)
    well = replace(facts, account=account(last_success_at=after(minutes=5)))
    assert switched_off(well, after(minutes=6))
    asking, plan = settled(well, after(minutes=6), SURE)
    assert [(row.reason_code, row.action) for row in plan.candidates] == [(RECOVERED, Action.ENABLE)]
    assert reconcile(asking, after(minutes=6), SURE).is_empty
    enabled = replace(
        asking,
        holds=(),
        watermarks={(Owner.INSPECTION, SWITCHED_OFF): after(minutes=7)},
    )
    assert not switched_off(enabled, after(minutes=8))
    assert [row.resolution for row in reconcile(enabled, after(minutes=8), SURE).resolve] == [Resolution.ENDED]


# ---- whatever happened ----

moments = st.integers(0, 8).map(lambda hours: after(hours=hours))
rows = st.builds(
    seen,
    st.sampled_from(Signal),
    moments,
    source=st.sampled_from(Source),
    generation=st.integers(1, 2),
    scope=st.sampled_from([None, "gpt-5"]),
    until=st.none() | moments,
    is_told=st.booleans(),
    window=st.sampled_from([None, "five_hour"]),
    confidence=st.sampled_from(Confidence),
    may_automate=st.booleans(),
    action=st.sampled_from(Action),
    is_dated=st.booleans(),
    key=st.integers(1, 99),
)
windows = st.builds(window, st.floats(0, 100), moments, source=st.sampled_from(Source), limit_reached=st.booleans())
foreign = st.builds(
    Hold,
    st.sampled_from(Owner),
    st.sampled_from(["disabled", "refresh_refused", "usage_limit_reached", "credential"]),
    moments,
    st.none() | moments,
)
facts_of_all_kinds = st.builds(
    Facts,
    st.builds(
        account, locked=st.booleans(), generation=st.integers(1, 2), last_success_at=st.none() | moments,
        last_request_at=st.none() | moments,
    ),
    st.lists(foreign, max_size=3, unique_by=lambda hold: (hold.owner, hold.code)).map(tuple),
    st.lists(rows, max_size=6).map(tuple),
    st.lists(windows, max_size=2).map(tuple),
)  # fmt: skip


@given(facts_of_all_kinds, moments, st.randoms())
def test_the_order_of_arrival_does_not_matter(facts: Facts, now: datetime, chance: Any) -> None:
    mixed = list({row.order: row for row in facts.evidence}.values())
    one = replace(facts, evidence=tuple(mixed))
    chance.shuffle(mixed)
    assert reconcile(replace(facts, evidence=tuple(mixed)), now) == reconcile(one, now)


@given(facts_of_all_kinds, moments)
def test_decided_once_it_is_decided(facts: Facts, now: datetime) -> None:
    done, _ = settled(facts, now)
    assert reconcile(done, now).is_empty


@given(facts_of_all_kinds, moments, st.lists(rows, max_size=4))
def test_evidence_of_another_sign_in_changes_nothing(facts: Facts, now: datetime, others: list[Evidence]) -> None:
    foreign = tuple(replace(row, generation=9) for row in others)
    assert reconcile(replace(facts, evidence=(*facts.evidence, *foreign)), now) == reconcile(facts, now)


@given(facts_of_all_kinds, moments)
def test_older_evidence_that_a_success_has_cleared_changes_nothing(facts: Facts, now: datetime) -> None:
    generation = facts.account.generation
    served = seen(Signal.SUCCESS, after(hours=9), generation=generation)
    known = replace(facts, evidence=(*facts.evidence, served))
    older = seen(Signal.CREDENTIAL, after(hours=8, minutes=30), generation=generation)
    later = max(now, after(hours=9))
    assert reconcile(replace(known, evidence=(*known.evidence, older)), later) == reconcile(known, later)


@given(facts_of_all_kinds, moments)
def test_automation_never_touches_anothers_hold(facts: Facts, now: datetime) -> None:
    plan = reconcile(facts, now)
    assert all(is_ours(hold) for hold, _ in plan.release)
    assert all(hold in plan.holds for hold in facts.holds)
    if facts.account.locked:
        assert plan.holds == facts.holds


@given(facts_of_all_kinds, moments)
def test_every_state_has_a_reason_and_automations_names_its_evidence(facts: Facts, now: datetime) -> None:
    plan = reconcile(facts, now)
    assert all(hold.evidence in {row.key for row in facts.evidence} for hold in plan.place)
    found = health.state(facts.account, plan.holds, now, facts.windows)
    assert found.code
    by_hold = {Health.DISABLED, Health.NEEDS_REAUTH, Health.NEEDS_REVIEW, Health.COOLING}
    if found.health in by_hold:
        assert any(hold.code == found.code and hold.evidence == found.evidence for hold in plan.holds)
    if found.health in (Health.EXHAUSTED, Health.LOW):
        assert found.window is not None or found.evidence is not None


@given(facts_of_all_kinds, moments)
def test_time_alone_changes_nothing_before_the_next_change(facts: Facts, now: datetime) -> None:
    done, plan = settled(facts, now)
    if any(row.last_at > now for row in facts.evidence) or facts.account.last_success_at is None:
        return
    before = (plan.next_change_at or after(days=50)) - timedelta(microseconds=1)
    if before > now and done.account.last_success_at is not None and done.account.last_success_at <= now:
        assert state(done, before) is state(done, now)

"""One function decides the state; each of these is a row of its table."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck import health
from authdeck.account import Account, AccountSettings, Kind, Provider, RefreshBy
from authdeck.entry import Entry
from authdeck.evidence import Source
from authdeck.health import Health
from authdeck.hold import Hold, Owner
from authdeck.quota import QuotaWindow

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def account(**fields: object) -> Account:
    known = {"key": 1, "auth_index": "a" * 16, "provider": Provider.CODEX, "kind": Kind.OAUTH, "file_name": "ann.json"}
    return Account(**{**known, "settings": AccountSettings(), **fields})  # type: ignore[arg-type]


def hold(owner: Owner, code: str, **fields: object) -> Hold:
    return Hold(owner, code, NOON - timedelta(hours=1), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "holds", "expected"),
    [
        ({}, [], Health.UNKNOWN),
        ({"last_success_at": NOON - timedelta(hours=1)}, [], Health.AVAILABLE),
        ({"last_success_at": NOON - timedelta(hours=25)}, [], Health.UNKNOWN),
        ({}, [hold(Owner.OPERATOR, "disabled")], Health.DISABLED),
        ({}, [hold(Owner.INSPECTION, "weekly_full")], Health.DISABLED),
        ({}, [hold(Owner.CREDENTIAL, "refresh_refused")], Health.NEEDS_REAUTH),
        ({}, [hold(Owner.CREDENTIAL, "upstream_not_approved")], Health.NEEDS_REVIEW),
        ({}, [hold(Owner.COOLDOWN, "usage_limit_reached", until=NOON + timedelta(hours=1))], Health.COOLING),
        ({}, [hold(Owner.COOLDOWN, "usage_limit_reached", until=NOON)], Health.UNKNOWN),
        ({}, [hold(Owner.COOLDOWN, "usage_limit_reached", scope="gpt-5")], Health.UNKNOWN),
        ({"unreadable": "sealed_damaged"}, [hold(Owner.OPERATOR, "disabled")], Health.UNREADABLE),
        ({}, [hold(Owner.OPERATOR, "disabled"), hold(Owner.CREDENTIAL, "refresh_refused")], Health.DISABLED),
    ],
)
def test_health_is_the_first_that_applies(fields: dict[str, object], holds: list[Hold], expected: Health) -> None:
    assert health.of(account(**fields), holds, NOON) is expected


def test_every_reason_is_listed_with_owner_and_what_clears_it() -> None:
    holds = [hold(Owner.OPERATOR, "disabled", note="moving", actor="bob"), hold(Owner.CREDENTIAL, "refresh_refused")]
    found = health.reasons(Entry(account(), tuple(holds)), NOON, terms_acknowledged=False)
    assert [(reason.owner, reason.code, reason.clear) for reason in found] == [
        ("operator", "disabled", "enable"),
        ("credential", "refresh_refused", "sign_in_again"),
        ("terms", "terms_not_acknowledged", "acknowledge_terms"),
    ]
    assert found[0].params == {"note": "moving", "actor": "bob"}


def test_an_api_key_needs_no_terms() -> None:
    assert health.reasons(Entry(account(kind=Kind.API_KEY)), NOON, terms_acknowledged=False) == []


def test_a_limit_that_is_only_shown_as_full_is_told_and_does_not_stop_it() -> None:
    ends = NOON + timedelta(days=2)
    full = QuotaWindow("weekly", 100.0, NOON - timedelta(minutes=1), Source.HEADER, resets_at=ends)
    (told,) = health.reasons(Entry(account(), (), (full,)), NOON, terms_acknowledged=True)
    assert (told.owner, told.code, told.stops) == ("quota", "limit_shown_full", False)
    assert (told.since, told.until, told.params) == (full.observed_at, ends, {"window": "weekly", "source": "header"})
    met = hold(Owner.COOLDOWN, "usage_limit_reached", until=ends, detail={"signal": "quota"})
    (told,) = health.reasons(Entry(account(), (met,), (full,)), NOON, terms_acknowledged=True)
    assert (told.owner, told.stops) == ("cooldown", True)
    assert health.reasons(Entry(account(), (met,), (full,)), ends, terms_acknowledged=True) == []


def test_a_token_that_another_program_should_have_renewed_is_told_a_minute_before_its_end() -> None:
    entry = Entry(account(expires_at=NOON + timedelta(minutes=1), refresh_by=RefreshBy.OTHER))
    (told,) = health.reasons(entry, NOON, terms_acknowledged=True)
    assert (told.owner, told.code, told.since, told.stops) == ("token", "token_expired", entry.account.expires_at, True)
    assert health.reasons(entry, NOON - timedelta(seconds=1), terms_acknowledged=True) == []


def test_no_weight_is_told_where_accounts_are_picked_by_weight() -> None:
    entry = Entry(account(settings=AccountSettings(weight=0)))
    (told,) = health.reasons(entry, NOON, terms_acknowledged=True, by_weight=True)
    assert (told.code, told.stops) == ("weight_zero", True)
    assert health.reasons(entry, NOON, terms_acknowledged=True) == []


@given(st.lists(st.tuples(st.sampled_from(Owner), st.booleans())))
def test_a_hold_that_applies_is_always_a_reason(drawn: list[tuple[Owner, bool]]) -> None:
    holds = [hold(owner, "code", until=NOON + timedelta(hours=1 if later else -1)) for owner, later in drawn]
    found = health.reasons(Entry(account(), tuple(holds)), NOON, terms_acknowledged=True)
    assert len(found) == sum(later for _, later in drawn)

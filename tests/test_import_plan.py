"""What an import does with one offered account."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck.account import AccountSettings, Kind, Provider
from authdeck.credential import Claims, Draft
from authdeck.import_plan import CHOICES, Decision, Found, Match, Outcome, decide, free_name
from authdeck.wording import has_sentence

ANN, BOB, EVE = "00000000000000a1", "00000000000000b0", "00000000000000e5"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

DRAFT = Draft(Provider.CODEX, Kind.OAUTH, "codex-ann.json", "cliproxyapi", b"{}", {}, claims=Claims(last_refresh=NOON))


def match(**fields: Any) -> Match:
    return Match(**{"auth_index": ANN, "same_identity": True, **fields})


def plan(*matches: Match, choice: str = "skip", issued_at: datetime | None = None, **found: Any) -> Decision:
    return decide(DRAFT, Found(matches=matches, **found), choice, issued_at=issued_at)


def test_an_unknown_account_is_new() -> None:
    assert plan() == Decision(Outcome.NEW, stored_as="codex-ann.json")


def test_new_tokens_of_a_known_identity_update_it() -> None:
    assert plan(match()) == Decision(Outcome.UPDATED, auth_index=ANN)


def test_the_same_tokens_change_nothing() -> None:
    assert plan(match(is_current=True, shares_token=True)).outcome is Outcome.UNCHANGED


def test_tokens_of_an_earlier_revision_change_nothing() -> None:
    decision = plan(match(seen_in=3, shares_token=True))
    assert (decision.outcome, decision.reason) == (Outcome.UNCHANGED, ("older_than_revision", {"revision": 3}))


@pytest.mark.parametrize(
    ("stored", "stored_iat", "offered_iat", "outcome"),
    [
        (NOON + HOUR, None, None, Outcome.UNCHANGED),
        (NOON - HOUR, None, None, Outcome.UPDATED),
        (NOON, NOON, NOON - HOUR, Outcome.UNCHANGED),
        (NOON, NOON, NOON + HOUR, Outcome.UPDATED),
        (NOON + HOUR, NOON, NOON + HOUR, Outcome.UPDATED),
        (None, None, None, Outcome.UPDATED),
        (None, NOON, None, Outcome.UPDATED),
    ],
)
def test_only_provably_older_tokens_are_left(
    stored: datetime | None, stored_iat: datetime | None, offered_iat: datetime | None, outcome: Outcome
) -> None:
    decision = plan(match(last_refresh=stored, issued_at=stored_iat), issued_at=offered_iat)
    assert decision.outcome is outcome


def test_a_partial_identity_matches_by_its_token() -> None:
    assert plan(match(same_identity=None, shares_token=True)).outcome is Outcome.UPDATED


def test_a_partial_identity_without_a_known_token_adds_an_account() -> None:
    assert plan(match(same_identity=None)).outcome is Outcome.NEW


def test_one_token_under_two_identities_is_a_conflict() -> None:
    decision = plan(match(same_identity=False, shares_token=True))
    assert decision.reason == ("token_of_two_identities", {"auth_indexes": [ANN]})


def test_one_token_in_two_accounts_is_a_conflict_unless_the_identity_tells() -> None:
    ann, bob = (
        match(same_identity=None, shares_token=True),
        match(auth_index=BOB, same_identity=None, shares_token=True),
    )
    assert plan(ann, bob).outcome is Outcome.CONFLICT
    assert plan(replace(ann, same_identity=True), bob).auth_index == ANN


def test_identity_goes_before_fingerprint() -> None:
    decision = plan(match(auth_index=BOB, same_identity=None, shares_token=True), match())
    assert (decision.outcome, decision.auth_index) == (Outcome.UPDATED, ANN)


def test_the_same_email_with_another_organisation_is_new_and_said() -> None:
    decision = plan(near=[BOB])
    assert (decision.outcome, decision.notes) == (Outcome.NEW, (("near_match", {"auth_indexes": [BOB]}),))


# ---- trash ----


def test_an_account_in_the_trash_is_a_conflict() -> None:
    decision = plan(match(trashed=True))
    assert decision.reason == ("in_trash", {"auth_index": ANN})


def test_replace_restores_and_updates_it() -> None:
    assert plan(match(trashed=True), choice="replace") == Decision(Outcome.UPDATED, auth_index=ANN, restore=True)


def test_keep_both_adds_it_apart() -> None:
    decision = plan(match(trashed=True), choice="keep_both", taken_names=frozenset({"codex-ann.json"}))
    assert (decision.outcome, decision.stored_as, decision.apart) == (Outcome.NEW, "codex-ann-2.json", True)
    assert decision.notes == (("kept_apart", {"auth_index": ANN}),)


# ---- names ----

TAKEN = frozenset({"codex-ann.json", "codex-ann-2.json"})


def test_a_taken_name_is_a_conflict() -> None:
    decision = plan(name_owner=EVE, taken_names=TAKEN)
    assert decision.outcome is Outcome.CONFLICT
    assert decision.reason == ("file_name_taken", {"file_name": "codex-ann.json", "auth_index": EVE})


def test_keep_both_numbers_the_name() -> None:
    decision = plan(name_owner=EVE, taken_names=TAKEN, choice="keep_both")
    assert (decision.outcome, decision.stored_as, decision.trash_first) == (Outcome.NEW, "codex-ann-3.json", None)


def test_replace_puts_the_other_into_the_trash() -> None:
    decision = plan(name_owner=EVE, taken_names=TAKEN, choice="replace")
    assert (decision.outcome, decision.stored_as, decision.trash_first) == (Outcome.NEW, "codex-ann.json", EVE)


def test_a_known_account_keeps_its_own_name_whoever_has_the_offered_one() -> None:
    assert plan(match(), name_owner=EVE, taken_names=TAKEN) == Decision(Outcome.UPDATED, auth_index=ANN)


@given(
    st.sampled_from(["a.json", "A.JSON", "ü.json"]),
    st.frozensets(st.sampled_from(["a.json", "a-2.json", "a-3.json", "ü.json"])),
)
def test_a_free_name_is_free(name: str, taken: frozenset[str]) -> None:
    assert free_name(name, taken).casefold() not in taken
    assert free_name(name, frozenset()) == name


# ---- settings ----


def test_settings_of_a_known_account_are_reported_not_applied() -> None:
    offered = replace(DRAFT, settings=AccountSettings(note="new", priority=5, weight=1))
    stored = match(settings=AccountSettings(note="old", priority=5))
    assert decide(offered, Found([stored])).notes == (("settings_not_applied", {"fields": ["note"]}),)


# ---- whatever is found ----

MATCHES = st.builds(
    Match,
    auth_index=st.sampled_from([ANN, BOB]),
    same_identity=st.sampled_from([True, False, None]),
    is_current=st.booleans(),
    seen_in=st.none() | st.integers(1, 9),
    shares_token=st.booleans(),
    trashed=st.booleans(),
    last_refresh=st.none() | st.just(NOON + HOUR),
)


@given(st.lists(MATCHES, max_size=3), st.sampled_from(CHOICES), st.sampled_from([None, EVE]))
def test_every_decision_is_whole(matches: list[Match], choice: str, owner: str | None) -> None:
    decision = decide(DRAFT, Found(matches, name_owner=owner, taken_names=TAKEN if owner else frozenset()), choice)
    assert (decision.outcome is Outcome.NEW) == (decision.stored_as is not None)
    if decision.outcome in (Outcome.UPDATED, Outcome.UNCHANGED):
        assert decision.auth_index in {found.auth_index for found in matches}
    if decision.outcome is Outcome.CONFLICT:
        assert decision.reason is not None
    assert all(has_sentence(code) for code, _ in [*decision.notes, *([decision.reason] if decision.reason else [])])
    if decision.outcome is Outcome.UPDATED and not decision.restore:
        assert (
            not any(found.trashed and found.auth_index == decision.auth_index for found in matches) or len(matches) > 1
        )

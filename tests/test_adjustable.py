"""Settings that may be changed while authdeck runs: what they take, and what wins."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck import adjustable, settings, wording
from authdeck.adjustable import ADJUSTABLE, Adjustable
from authdeck.errors import DeckError
from authdeck.settings import Settings

TRASH = adjustable.named("trash_days")
SHARE = adjustable.named("automation.percent_per_hour")
COOLDOWN = adjustable.named("automation.cooldown")
ONCE = adjustable.named("refresh.retry_unknown")


@pytest.mark.parametrize("setting", ADJUSTABLE, ids=lambda setting: setting.name)
def test_each_has_a_kind_a_sentence_bounds_and_a_default_that_it_takes(setting: Adjustable) -> None:
    default = setting.of(Settings())
    assert setting.read(default) == setting.read(adjustable.shown(default)) == default
    assert wording.has_sentence(f"setting.{setting.name}")
    assert wording.has_sentence(f"settings.{setting.section}.lede")
    assert (setting.least is None) is (setting.most is None) is (setting.kind not in {"whole", "number"})
    assert all(wording.has_sentence(f"setting_choice.{choice}") for choice in setting.choices)


@pytest.mark.parametrize(
    ("setting", "typed", "value"),
    [(TRASH, "14", 14), (TRASH, 14.0, 14), (SHARE, "2.5", 2.5), (COOLDOWN, "off", False), (ONCE, "never", "never")],
)
def test_what_is_typed_is_read(setting: Adjustable, typed: object, value: object) -> None:
    assert setting.read(typed) == value


@pytest.mark.parametrize(
    ("setting", "given"),
    [
        (TRASH, "-1"), (TRASH, 3651), (TRASH, "14 days"), (TRASH, 1.5), (TRASH, True), (TRASH, ""), (TRASH, None),
        (SHARE, math.nan), (SHARE, math.inf), (SHARE, "101"), (COOLDOWN, "perhaps"), (COOLDOWN, 1), (ONCE, "twice"),
        (ONCE, []),
    ],
)  # fmt: skip
def test_what_it_can_not_be_is_refused(setting: Adjustable, given: object) -> None:
    with pytest.raises(DeckError, match="setting_refused") as refused:
        setting.read(given)
    assert refused.value.params["setting"] == setting.name


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())))
def test_anything_is_a_value_within_bounds_or_refused(given: object) -> None:
    for setting in ADJUSTABLE:
        try:
            value = setting.read(given)
        except DeckError:
            continue
        if setting.least is not None and setting.most is not None:
            assert setting.least <= float(value) <= setting.most


def test_what_is_kept_is_in_force_where_nothing_was_given() -> None:
    found = adjustable.in_force(Settings(), {"trash_days": 3, "automation.cooldown": False})
    assert (found.trash_days, found.automation.cooldown, found.automation.accounts_per_hour) == (3, False, 5)


def test_what_was_given_at_the_start_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("AUTHDECK_HOME", str(tmp_path))
    monkeypatch.setenv("AUTHDECK_AUTOMATION__ACCOUNTS_PER_HOUR", "2")
    started = settings.load()
    found = adjustable.in_force(started, {"automation.accounts_per_hour": 50, "automation.percent_per_hour": 50})
    assert (found.automation.accounts_per_hour, found.automation.percent_per_hour) == (2, 50)
    assert found.given == started.given


def test_what_an_older_or_newer_authdeck_kept_does_no_harm() -> None:
    assert adjustable.in_force(Settings(), {"trash_days": "soon", "colour": "red"}) == Settings()

"""What the batch bar's forms ask for."""

from datetime import UTC, datetime

import pytest

from authdeck import change
from authdeck.errors import DeckError
from authdeck.web.batch_forms import ACTS, act_named, act_of, change_of, is_filled

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def test_disabling_takes_a_reason_and_an_end() -> None:
    asked = change_of(ACTS["disable"], {"reason": " audit ", "for": "4"}, NOW)
    assert asked == {"disable": {"reason": "audit", "until": "2026-11-25T16:00:00+00:00"}}


def test_an_empty_field_clears() -> None:
    assert change_of(ACTS["note"], {"note": " "}, NOW) == {"note": None}


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("X-Team: t_FAKE\n\nX-Old:\n", {"X-Team": "t_FAKE", "X-Old": None}),
        ("X-Url: https://x.example/a:b", {"X-Url": "https://x.example/a:b"}),
        ("  \n", None),
    ],
)
def test_headers_are_set_and_taken_away_by_name(typed: str, asked: dict[str, str | None] | None) -> None:
    assert change_of(ACTS["headers"], {"headers": typed}, NOW) == {"headers": asked}


@pytest.mark.parametrize("typed", ["X-Team", ": value", "X-A: 1\nno header"])
def test_what_is_no_header_is_refused_by_its_line(typed: str) -> None:
    with pytest.raises(DeckError, match="headers_line_invalid"):
        change_of(ACTS["headers"], {"headers": typed}, NOW)


def test_models_are_a_list_and_nothing_clears_it() -> None:
    assert change_of(ACTS["excluded_models"], {"excluded_models": "gpt-4*, o1\no3"}, NOW) == {
        "excluded_models": ["gpt-4*", "o1", "o3"]
    }
    assert change_of(ACTS["excluded_models"], {"excluded_models": " "}, NOW) == {"excluded_models": None}


@pytest.mark.parametrize("name", ACTS)
def test_every_act_is_one_that_a_batch_can_do(name: str) -> None:
    said = {"priority": "5", "weight": "2", "websockets": "true", "format": "cliproxyapi", "proxy_url": "direct"}
    said |= {"headers": "X-Team: FAKE", "excluded_models": "gpt-4*", "disable_cooling": "true"}
    asked = change_of(ACTS[name], said, NOW)
    change.read(asked)
    assert act_of(asked) == name


def test_a_form_that_only_pressed_enter_means_the_field_that_is_filled() -> None:
    assert act_named("", {"priority": "5", "note": ""}).name == "priority"


@pytest.mark.parametrize("said", [{}, {"priority": "5", "note": "x"}])
def test_what_nobody_can_tell_is_refused(said: dict[str, str]) -> None:
    with pytest.raises(DeckError) as refused:
        act_named("", said)
    assert refused.value.code == "act_unknown"


def test_a_setting_needs_its_field_unless_it_was_shown_empty() -> None:
    assert not is_filled(ACTS["prefix"], {})
    assert is_filled(ACTS["prefix"], {"prefix": "team"})
    assert is_filled(ACTS["prefix"], {"shown": "prefix", "prefix": ""})
    assert is_filled(ACTS["enable"], {})


def test_several_fields_are_several() -> None:
    assert act_of({"note": "x", "priority": 1}) == act_of({"label": "x"}) == "several"

"""The console's small pure parts."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck import web
from authdeck.errors import NotFound
from authdeck.event import Attempt, Failure, FailureKind, RequestEvent
from authdeck.operations.import_files import Source
from authdeck.web import request_rows
from authdeck.web.activity import BUCKETS, Activity, activity
from authdeck.web.answers import counted
from authdeck.web.masking import masked, masked_id
from authdeck.web.waiting import KEPT, WaitingImports
from fakes.clock import NOON


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("codex-ann.lee@example.com-plus.json", "codex-ann•••@example.com-plus.json"),
        ("ann@example.com", "an•••@example.com"),
        ("a@example.com", "a•••@example.com"),
        ("openai-compatible-eve.stone@example.com.json", "openai-compatible-eve•••@example.com.json"),
        ("Disabled by bob: “ask ann.lee@example.com”.", "Disabled by bob: “ask ann•••@example.com”."),
        ("vertex-acme-prod.json", "vertex-acme-prod.json"),
    ],
)
def test_the_middle_of_an_identity_is_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_long_ids_keep_their_ends() -> None:
    assert masked_id("org-7QdAbcdefghijx2") == "org-7Qd…x2"
    assert masked_id("short") == "short"


def test_bars_show_silence_volume_and_failure() -> None:
    drawn = activity([(0, 0)] * (BUCKETS - 2) + [(100, 0), (1, 1)])
    assert (drawn.answered, drawn.failed) == (101, 1)
    assert drawn.good == "M0 18V18h18V0h1V17h1V18z"
    assert drawn.bad == "M0 18V18h19V13h1V18z"
    assert activity([(0, 0)] * BUCKETS) == Activity(0, 0, "", "")


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=BUCKETS, max_size=BUCKETS))
def test_no_bar_leaves_its_place(buckets: list[tuple[int, int]]) -> None:
    drawn = activity(buckets)
    for outline in filter(None, (drawn.good, drawn.bad)):
        assert all(0 <= int(height) <= 18 for height in re.findall(r"V(\d+)", outline))
        assert sum(int(wide) for wide in re.findall(r"h(\d+)", outline)) == BUCKETS
    assert bool(drawn.good) == any(good for good, _ in buckets)
    assert bool(drawn.bad) == any(bad for _, bad in buckets)


def _event(failure: Failure | None = None, tries: int = 1) -> RequestEvent:
    attempts = [Attempt("a" * 16, 200, None, 100.0)] * tries
    return RequestEvent(b"\0" * 16, 0, "/v1/responses", latency_ms=400.0, failure=failure, attempts=attempts)


def test_answers_are_counted() -> None:
    gone = Failure(FailureKind.CLIENT_CLOSED, "client_closed")
    answers = counted([_event(), _event(tries=2), _event(gone)], capped=False)
    assert (answers.total, answers.answered, answers.failed, answers.client, answers.retried) == (3, 2, 1, 1, 1)


def test_a_waterfall_stays_within_its_width() -> None:
    bars = request_rows.waterfall(_event(tries=9))
    assert len(bars) == 9
    assert all(bar.x >= 0 and bar.x + bar.width <= 100 for bar in bars)


def test_waiting_imports_are_their_owners_and_end() -> None:
    waiting = WaitingImports()
    ticket = waiting.keep("ann", [Source("a.json", b"{}")], NOON)
    assert waiting.get(ticket, "ann", NOON).sources[0].file_name == "a.json"
    with pytest.raises(NotFound):
        waiting.get(ticket, "eve", NOON)
    with pytest.raises(NotFound):
        waiting.get(ticket, "ann", NOON + KEPT + timedelta(seconds=1))


def test_the_storybook_shows_every_part() -> None:
    """Those that other parts are made of show in them."""
    templates = Path(web.__file__).parent / "templates"
    parts = (templates / "_macros.html").read_text()
    named = set(re.findall(r"{% macro (\w+)\(", parts))
    shown = set(re.findall(r"ui\.(\w+)\(", (templates / "storybook.html").read_text()))
    within = {name for name in named if re.search(rf"(?<!macro )\b{name}\(", parts)}
    assert named - shown - within - {"csrf"} == set()

from pathlib import Path

import pytest

from api.conftest import As
from authdeck.operations.desk import Desk
from fakes.auth_files import codex, take_in
from fakes.people import VERA


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: nothing here depends on the database."""
    return f"sqlite:///{tmp_path / 'authdeck.db'}"


ROOT = "http://localhost"


async def test_health_is_everybodys(as_: As) -> None:
    answer = await as_(None).get(f"{ROOT}/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


async def test_a_part_that_is_not_ready_is_named_and_nothing_more(as_: As) -> None:
    answer = await as_(None).get(f"{ROOT}/readyz")
    assert (answer.status_code, answer.json()) == (503, {"control": "ready", "lost": "not ready"})


async def test_metrics_are_behind_the_gate(as_: As, desk: Desk) -> None:
    await take_in(desk, ("ann.json", codex()))
    assert (await as_(None).get(f"{ROOT}/metrics")).status_code == 401
    answer = await as_(VERA).get(f"{ROOT}/metrics")
    assert 'authdeck_accounts{health="unknown",provider="codex"} 1.0' in answer.text
    assert 'authdeck_events_total{fate="late"} 1.0' in answer.text
    assert answer.headers["content-type"].startswith("text/plain")

"""Pages while the request log can't be read: what does not need it is all there, and they say what to do."""

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from authdeck.operations import trash
from authdeck.storage import opening
from fakes.house import House
from fakes.people import VERA

ANN = "codex-ann@example.com-plus.json"
DAMAGED = "The next request that is recorded sets it aside"


def damaged(home: Path) -> None:
    for file in home.glob("monitoring.db*"):
        file.write_bytes(b"\xff" * file.stat().st_size)


def removed(home: Path, house: House) -> None:
    """Connections made from now on find an empty file."""
    house.monitoring.engine.dispose()
    for file in home.glob("monitoring.db*"):
        file.unlink()


@pytest.mark.parametrize("tab", ["overview", "quota", "settings", "models", "document", "history", "diagnostics"])
async def test_every_tab_of_an_account_is_there(ann: Any, house: House, tmp_path: Path, tab: str) -> None:
    damaged(tmp_path)
    page = await ann.get(f"/auth-files/{house.index(ANN)}?tab={tab}")
    assert page.status_code == 200
    assert ("The request log did not answer" in page.text) == (tab == "overview")


async def test_the_overview_says_what_is_missing_and_keeps_the_rest(ann: Any, house: House, tmp_path: Path) -> None:
    damaged(tmp_path)
    text = (await ann.get(f"/auth-files/{house.index(ANN)}")).text
    assert DAMAGED in text
    assert "Last 200 minutes" not in text
    assert 'class="verdict"' in text
    assert 'id="quota-title"' in text
    assert 'action="/auth-files/' in text
    assert "Try again" in text


@pytest.mark.parametrize("view", ["", "account", "model", "client_key"])
async def test_monitoring_says_what_to_do(ann: Any, tmp_path: Path, view: str) -> None:
    damaged(tmp_path)
    page = await ann.get(f"/monitoring?view={view}&range=7d")
    assert page.status_code == 200
    assert DAMAGED in page.text
    assert 'class="plot"' not in page.text
    assert re.search(r'href="/monitoring\?(view=\w*&amp;)?range=7d">.*?Try again', page.text)
    assert "data-live=" not in page.text


async def test_monitoring_shows_what_can_be_read(ann: Any, house: House) -> None:
    """The requests are whole, a sum is not."""
    house.monitoring.write_now(lambda c: c.execute(text("DROP TABLE hour_model")))
    page = await ann.get("/monitoring")
    assert page.status_code == 200
    assert 'class="plot"' not in page.text
    assert "The request log did not answer" in page.text
    assert page.text.count("data-row ") == 50


async def test_a_file_without_its_tables_is_a_damaged_one(ann: Any, house: House, tmp_path: Path) -> None:
    removed(tmp_path, house)
    assert DAMAGED in (await ann.get("/monitoring")).text


async def test_the_trash_says_what_it_does_not_know(ann: Any, house: House, tmp_path: Path) -> None:
    await trash.delete(house.desk, house.index(ANN), VERA, version=None)
    damaged(tmp_path)
    page = await ann.get("/trash")
    assert page.status_code == 200
    assert "requests in Monitoring: not known" in page.text


async def test_a_request_of_it_can_not_be_told(ann: Any, tmp_path: Path) -> None:
    shown = re.findall(r'id="request-([0-9a-f]{32})"', (await ann.get("/monitoring")).text)
    damaged(tmp_path)
    assert (await ann.get(f"/monitoring/{shown[0]}")).status_code == 503


async def test_a_log_begun_anew_says_so(ann: Any, house: House, tmp_path: Path) -> None:
    damaged(tmp_path)
    await ann.get("/monitoring")
    opening.begin_anew(house.monitoring, house.desk.clock)
    page = (await ann.get("/monitoring")).text
    assert "did not answer" not in page
    assert "No request yet" in page

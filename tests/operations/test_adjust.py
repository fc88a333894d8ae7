"""Settings changed while authdeck runs: kept, told, in force here and elsewhere, and taken back."""

from dataclasses import replace

import pytest

from authdeck.errors import DeckError
from authdeck.operations import adjust
from authdeck.operations.adjust import InForce
from authdeck.operations.changes import ChangeFeed
from authdeck.operations.desk import Desk
from authdeck.operations.follow import Follower
from authdeck.storage.reading import audit
from authdeck.storage.reading.audit import AuditSearch
from fakes.people import ANN


@pytest.fixture(autouse=True)
def following(desk: Desk) -> None:
    desk.feed.subscribe_many(adjust.CHANGE, lambda _names: adjust.take_in(desk))


async def one(desk: Desk, name: str) -> InForce:
    return next(row for row in await adjust.shown(desk) if row.setting.name == name)


async def test_it_works(desk: Desk) -> None:
    assert await adjust.change(desk, {"trash_days": "14"}, ANN) == {"trash_days": None}
    assert desk.settings.trash_days == 14
    row = await one(desk, "trash_days")
    assert (row.value, row.default, row.source, row.by, row.at, row.locked) == (
        14, 30, "console", "ann", desk.now(), False,
    )  # fmt: skip


async def test_what_it_returns_takes_it_back(desk: Desk) -> None:
    await adjust.change(desk, {"trash_days": 14}, ANN)
    before = await adjust.change(desk, {"trash_days": 7, "automation.cooldown": False}, ANN)
    assert (desk.settings.trash_days, desk.settings.automation.cooldown) == (7, False)
    await adjust.change(desk, before, ANN)
    assert (desk.settings.trash_days, desk.settings.automation.cooldown) == (14, True)
    await adjust.change(desk, {"trash_days": None}, ANN)
    assert (await one(desk, "trash_days")).source == "default"
    assert desk.settings == desk.started


async def test_one_bad_value_changes_nothing(desk: Desk) -> None:
    with pytest.raises(DeckError, match="setting_refused"):
        await adjust.change(desk, {"trash_days": 14, "automation.percent_per_hour": 200}, ANN)
    assert await adjust.change(desk, {"trash_days": None}, ANN) == {}
    assert desk.settings.trash_days == 30


async def test_what_is_set_at_the_start_is_locked(desk: Desk) -> None:
    desk.started._given["trash_days"] = "environment"
    with pytest.raises(DeckError, match="setting_locked"):
        await adjust.change(desk, {"trash_days": 14}, ANN)
    row = await one(desk, "trash_days")
    assert (row.source, row.locked) == ("environment", True)


async def test_a_stranger_is_refused(desk: Desk) -> None:
    with pytest.raises(DeckError, match="setting_unknown"):
        await adjust.change(desk, {"master_key": "x"}, ANN)


async def test_the_audit_tells_before_and_after_once(desk: Desk) -> None:
    await adjust.change(desk, {"trash_days": 14}, ANN)
    await adjust.change(desk, {"trash_days": 14}, ANN)
    page = await desk.read(lambda connection: audit.page(connection, AuditSearch(what="setting:")))
    assert [(entry.actor, entry.target, entry.before, entry.after) for entry in page.items] == [
        ("ann", "trash_days", {"value": 30}, {"value": 14})
    ]


async def test_another_process_follows(desk: Desk) -> None:
    other = replace(desk, boot="c" * 32, feed=ChangeFeed())
    other.feed.subscribe_many(adjust.CHANGE, lambda _names: adjust.take_in(other))
    follower = Follower(other, lambda: adjust.take_in(other))
    await follower.start()
    await adjust.change(desk, {"automation.accounts_per_hour": 1}, ANN)
    await follower.poll()
    assert other.settings.automation.accounts_per_hour == 1

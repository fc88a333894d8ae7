"""``/settings``: who may see and change them, and what is answered."""

import pytest
from httpx2 import AsyncClient

from authdeck.operations import adjust
from authdeck.operations.desk import Desk
from fakes.people import BOB


@pytest.fixture(autouse=True)
def following(desk: Desk) -> None:
    desk.feed.subscribe_many(adjust.CHANGE, lambda _names: adjust.take_in(desk))


async def test_it_works(ann: AsyncClient) -> None:
    answer = await ann.patch("/settings", json={"trash_days": 14, "automation.cooldown": False})
    assert answer.status_code == 200
    by_name = {row["name"]: row for row in answer.json()["items"]}
    row = by_name["trash_days"]
    assert (row["value"], row["default"], row["least"], row["most"]) == (14, 30, 0, 3650)
    assert (row["source"], row["changed_by"], row["locked"]) == ("console", "ann", False)
    assert row["variable"] == "AUTHDECK_TRASH_DAYS"
    assert by_name["automation.cooldown"]["value"] is False
    assert (await ann.get("/settings")).json() == answer.json()


async def test_null_goes_back_to_the_default(ann: AsyncClient) -> None:
    await ann.patch("/settings", json={"trash_days": 14})
    answer = await ann.patch("/settings", json={"trash_days": None})
    assert next(row for row in answer.json()["items"] if row["name"] == "trash_days")["source"] == "default"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"trash_days": "soon"}, 422, "setting_refused"),
        ({"colour": "red"}, 404, "setting_unknown"),
    ],
)
async def test_what_can_not_be_is_refused(ann: AsyncClient, body: dict[str, str], status: int, code: str) -> None:
    answer = await ann.patch("/settings", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_bounds_are_said_in_the_readers_language(ann: AsyncClient) -> None:
    answer = await ann.patch("/settings", json={"trash_days": 9999}, headers={"accept-language": "zh-CN"})
    assert "3650" in answer.json()["error"]["message"]
    assert "整数" in answer.json()["error"]["message"]


async def test_an_operator_may_not(as_) -> None:  # type: ignore[no-untyped-def]
    assert (await as_(BOB).patch("/settings", json={"trash_days": 1})).status_code == 403
    assert (await as_(BOB).get("/settings")).status_code == 403

"""Settings that have a third value besides set and cleared, left alone, in batches: done, taken back, done again."""

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest

from authdeck.change import value_of
from authdeck.operations import disable, edit_accounts, seals
from authdeck.operations.desk import Desk
from authdeck.storage.reading import revisions
from fakes.crowd import Bulk, crowd
from fakes.people import ANN, BOB

FORMER: Final[Mapping[str, Any]] = {
    "excluded_models": ["gpt-4*", "o3"],
    "disable_cooling": False,
    "websockets": True,
    "headers": {"X-Team": "t_FAKE", "X-Old": "o_FAKE"},
}
"""What Ann's account has before; Bob's has nothing."""

HELD: Final = {**FORMER, "excluded_models": ("gpt-4*", "o3")}
NOTHING: Final[Mapping[str, Any]] = {
    "excluded_models": (), "disable_cooling": None, "websockets": None, "headers": {},
}  # fmt: skip


async def settings(desk: Desk, index: str) -> dict[str, Any]:
    entry = desk.directory.get(index)
    assert entry is not None
    stored = await desk.read(lambda c: revisions.secret_settings(c, index))
    headers = {name: value.open() for name, value in seals.open_settings(desk.vault, index, stored).headers.items()}
    plain = {name: getattr(entry.account.settings, name) for name in FORMER if name != "headers"}
    assert entry.account.has_headers is bool(headers)
    return {**plain, "headers": headers}


@pytest.mark.parametrize(
    ("field", "given", "ann", "bob"),
    [
        ("excluded_models", ["GPT-5*", " o4 ", "o4"], ("gpt-5*", "o4"), ("gpt-5*", "o4")),
        ("excluded_models", "gpt-5*, o4", ("gpt-5*", "o4"), ("gpt-5*", "o4")),
        ("excluded_models", None, (), ()),
        ("excluded_models", [], (), ()),
        ("disable_cooling", True, True, True),
        ("disable_cooling", False, False, False),
        ("disable_cooling", None, None, None),
        ("websockets", True, True, True),
        ("websockets", "false", False, False),
        ("websockets", None, None, None),
        ("headers", {"X-Team": "n_FAKE"}, {"X-Team": "n_FAKE", "X-Old": "o_FAKE"}, {"X-Team": "n_FAKE"}),
        ("headers", {"x-old": None}, {"X-Team": "t_FAKE"}, {}),
        ("headers", {"x-old": "", "X-New": "n_FAKE"}, {"X-Team": "t_FAKE", "X-New": "n_FAKE"}, {"X-New": "n_FAKE"}),
        ("headers", {}, {"X-Team": "t_FAKE", "X-Old": "o_FAKE"}, {}),
        ("headers", None, {}, {}),
    ],
)
async def test_set_cleared_left_alone_and_undone(desk: Desk, field: str, given: Any, ann: Any, bob: Any) -> None:
    bulk, (first, second) = Bulk(desk), await crowd(desk, 2)
    await edit_accounts.edit(desk, first, ANN, FORMER, version=None)
    batch, items = await bulk.done([first, second], note="of the batch", **{field: given})
    assert await settings(desk, first) == {**HELD, field: ann}
    assert await settings(desk, second) == {**NOTHING, field: bob}
    assert "FAKE" not in json.dumps([[item.before, item.after] for item in items])

    undone, _ = await bulk.undo(batch)
    assert [await settings(desk, one) for one in (first, second)] == [HELD, NOTHING]
    redone, _ = await bulk.undo(undone)
    assert await settings(desk, first) == {**HELD, field: ann}
    assert await settings(desk, second) == {**NOTHING, field: bob}
    await bulk.undo(redone)
    assert [await settings(desk, one) for one in (first, second)] == [HELD, NOTHING]


async def test_prefix_priority_and_proxy_are_cleared_and_come_back(desk: Desk) -> None:
    bulk, (index,) = Bulk(desk), await crowd(desk, 1)
    given = {"prefix": "team", "priority": 4, "proxy_url": "http://u:pw_FAKE@10.0.0.1:1"}
    await edit_accounts.edit(desk, index, ANN, given, version=None)
    before = placed(desk, index)
    assert before[:2] == ("team", 4)
    assert before[2]
    assert "FAKE" not in before[2]
    batch = await bulk.change([index], **dict.fromkeys(given))
    assert placed(desk, index) == (None, 0, None)
    await bulk.undo(batch)
    assert placed(desk, index) == before


def placed(desk: Desk, index: str) -> tuple[str | None, int, str | None]:
    entry = desk.directory.get(index)
    assert entry is not None
    return entry.account.settings.prefix, entry.account.settings.priority, entry.account.proxy_display


@pytest.mark.parametrize(
    ("change", "name", "given"),
    [
        ({"project_id": " team-new "}, "project_id", "team-new"),
        ({"project_id": None}, "project_id", None),
        ({"weight": 7}, "weight", 7),
        ({"weight": 0}, "weight", 0),
        ({"weight": None}, "weight", None),
        ({"lock": True}, "locked", True),
        ({"unlock": True}, "locked", False),
    ],
)
async def test_set_and_undone_beside_others(desk: Desk, change: dict[str, Any], name: str, given: Any) -> None:
    """Ann's account has a project and a weight and is locked, Bob's has and is nothing of it."""
    bulk, (first, second) = Bulk(desk), await crowd(desk, 2)
    bare = values(desk, second)
    await edit_accounts.edit(desk, first, ANN, {"project_id": "team-old", "weight": 3}, version=None)
    await disable.set_lock(desk, first, ANN, locked=True)
    former = {"project_id": "team-old", "weight": 3, "locked": True}
    assert (values(desk, first), bare["locked"]) == (former, False)

    given = bare[name] if given is None else given
    batch = await bulk.change([first, second], note="of the batch", **change)
    assert [values(desk, one) for one in (first, second)] == [{**former, name: given}, {**bare, name: given}]
    undone, _ = await bulk.undo(batch)
    assert [values(desk, one) for one in (first, second)] == [former, bare]
    await bulk.undo(undone)
    assert [values(desk, one) for one in (first, second)] == [{**former, name: given}, {**bare, name: given}]


def values(desk: Desk, index: str) -> dict[str, Any]:
    entry = desk.directory.get(index)
    assert entry is not None
    return {name: value_of(entry.account, name) for name in ("project_id", "weight", "locked")}


async def test_what_a_batch_does_not_name_is_left_alone(desk: Desk) -> None:
    bulk, (first, second) = Bulk(desk), await crowd(desk, 2)
    await edit_accounts.edit(desk, first, ANN, FORMER, version=None)
    batch = await bulk.change([first, second], priority=3)
    assert [await settings(desk, one) for one in (first, second)] == [HELD, NOTHING]
    await bulk.undo(batch)
    assert [await settings(desk, one) for one in (first, second)] == [HELD, NOTHING]


async def test_undo_leaves_what_somebody_set_since(desk: Desk) -> None:
    bulk, (index,) = Bulk(desk), await crowd(desk, 1)
    await edit_accounts.edit(desk, index, ANN, FORMER, version=None)
    batch = await bulk.change([index], excluded_models=None, disable_cooling=True, websockets=None, headers=None)
    assert await settings(desk, index) == {**NOTHING, "disable_cooling": True}
    since = {"excluded_models": ["o9"], "headers": {"X-Team": "b_FAKE"}}
    await edit_accounts.edit(desk, index, BOB, since, version=None)
    _, (item,) = await bulk.undo(batch)
    assert set(item.differs or ()) == {"excluded_models", "header.X-Team"}
    assert await settings(desk, index) == {
        **HELD,
        "excluded_models": ("o9",),
        "headers": {"X-Team": "b_FAKE", "X-Old": "o_FAKE"},
    }

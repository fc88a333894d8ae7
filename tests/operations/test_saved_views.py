"""Saved views: own and shared, replaced by name, taken away by whom they belong to."""

import pytest
import pytest_asyncio

from authdeck.access import Actor, Role
from authdeck.errors import DeckError, NotFound
from authdeck.operations import operators, saved_views
from authdeck.operations.desk import Desk
from fakes.people import ANN

PAGE = "auth-files"


@pytest_asyncio.fixture
async def people(desk: Desk) -> dict[str, Actor]:
    roles = {"ann": Role.ADMIN, "bob": Role.OPERATOR, "vera": Role.VIEWER}
    for name, role in roles.items():
        await operators.create(desk, name, role, ANN)
    return {name: Actor(name, role) for name, role in roles.items()}


async def keep(
    desk: Desk, actor: Actor, name: str = "Team", query: str = "prefix=team", *, shared: bool = False
) -> None:
    await saved_views.save(desk, PAGE, actor, name=name, query=query, shared=shared)


async def test_it_works(desk: Desk, people: dict[str, Actor]) -> None:
    await keep(desk, people["bob"], " Team  pool ", shared=True)
    (view,) = await saved_views.visible(desk, PAGE, people["vera"])
    assert (view.name, view.query, view.owner, view.shared) == ("Team pool", "prefix=team", "bob", True)


async def test_what_is_not_shared_is_ones_own(desk: Desk, people: dict[str, Actor]) -> None:
    await keep(desk, people["bob"])
    assert await saved_views.visible(desk, PAGE, people["ann"]) == []
    assert await saved_views.visible(desk, "monitoring", people["bob"]) == []


async def test_the_same_name_replaces_ones_own_only(desk: Desk, people: dict[str, Actor]) -> None:
    await keep(desk, people["ann"], shared=True)
    await keep(desk, people["bob"])
    await keep(desk, people["bob"], query="plan=plus")
    found = await saved_views.visible(desk, PAGE, people["bob"])
    assert {(view.owner, view.query) for view in found} == {("ann", "prefix=team"), ("bob", "plan=plus")}


@pytest.mark.parametrize(("name", "gone"), [("vera", False), ("bob", True), ("ann", True)])
async def test_who_may_take_a_shared_one_away(desk: Desk, people: dict[str, Actor], name: str, gone: bool) -> None:
    await keep(desk, people["bob"], shared=True)
    (view,) = await saved_views.visible(desk, PAGE, people["bob"])
    if gone:
        await saved_views.remove(desk, view.key, people[name])
    else:
        with pytest.raises(NotFound):
            await saved_views.remove(desk, view.key, people[name])
    assert bool(await saved_views.visible(desk, PAGE, people["bob"])) is not gone


async def test_an_admin_does_not_reach_anothers_own(desk: Desk, people: dict[str, Actor]) -> None:
    await keep(desk, people["bob"])
    (view,) = await saved_views.visible(desk, PAGE, people["bob"])
    with pytest.raises(NotFound):
        await saved_views.remove(desk, view.key, people["ann"])


@pytest.mark.parametrize("name", ["", "  ", "n" * 61])
async def test_a_name_is_needed(desk: Desk, people: dict[str, Actor], name: str) -> None:
    with pytest.raises(DeckError) as refused:
        await keep(desk, people["bob"], name)
    assert refused.value.code == "view_name_invalid"


async def test_a_viewer_shares_nothing(desk: Desk, people: dict[str, Actor]) -> None:
    with pytest.raises(DeckError) as refused:
        await keep(desk, people["vera"], shared=True)
    assert (refused.value.code, refused.value.status) == ("view_share_denied", 403)
    await keep(desk, people["vera"])
    assert len(await saved_views.visible(desk, PAGE, people["vera"])) == 1


async def test_views_are_bounded(desk: Desk, people: dict[str, Actor]) -> None:
    for at in range(saved_views.MOST):
        await keep(desk, people["bob"], f"view {at}")
    with pytest.raises(DeckError) as refused:
        await keep(desk, people["bob"], "one more")
    assert refused.value.code == "view_too_many"
    await keep(desk, people["bob"], "view 0", "plan=team")

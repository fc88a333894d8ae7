"""The page on the API names every route with the role it needs."""

import re
from pathlib import Path

from authdeck.access import Role
from authdeck.account_fields import FIELDS
from authdeck.api.accounts import AccountChange
from authdeck.api.management import ROUTERS
from authdeck.gate.routes import walk

PAGE = (Path(__file__).parents[2] / "docs/api.md").read_text(encoding="utf-8")


def test_every_route_is_on_the_page_and_no_other() -> None:
    served = {
        (f"{method} {route.path}", route.needs.word)
        for router in ROUTERS
        for route in walk(router)
        for method in route.methods - {"HEAD"}
        if isinstance(route.needs, Role)
    }
    assert set(re.findall(r"^\| `([A-Z]+ /[^`]*)` \| (\w+) \|", PAGE, re.MULTILINE)) == served


def test_the_description_shows_every_field_that_can_be_edited() -> None:
    assert set(AccountChange.model_fields) == {*FIELDS, "file_name"}

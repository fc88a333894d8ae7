"""Lists from memory say what the database would: after any changes, whatever is asked, on SQLite and on PostgreSQL.

``AUTHDECK_PROOF_ROUNDS`` asks for more rounds of changes than a run of all tests has time for; each asks 20 questions.
"""

import os
import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, exists, func, or_, select

from authdeck.operations.desk import Desk
from authdeck.search import AccountSearch, plan_name
from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import accounts, holds
from fakes.crowd import Bulk, crowd

ROUNDS: Final = int(os.environ.get("AUTHDECK_PROOF_ROUNDS", "4"))
PEOPLE: Final = 40
QUESTIONS: Final = 20
PREFIXES: Final = ("night", "day", None)
NOTES: Final = ("Team pool", "夜间任务", "on loan", "")


async def test_the_directory_answers_as_plain_sql_does(desk: Desk) -> None:
    chance, indexes, bulk = random.Random(7), await crowd(desk, PEOPLE), Bulk(desk, chunk=7)
    for _ in range(ROUNDS):
        some = chance.sample(indexes, chance.randrange(1, PEOPLE))
        batch = await bulk.change(some, **change(chance))
        if chance.random() < 0.3:
            await bulk.undo(batch)
        for _ in range(QUESTIONS):
            search = question(chance)
            found, expected = desk.directory.find(search, desk.now()), await desk.read(lambda c, s=search: answer(c, s))
            assert desk.directory.matching(search, desk.now()) == expected, search
            assert found.total == len(expected)
            assert [entry.account.auth_index for entry in found.items] == expected[: search.page_size]
            assert found.facets["prefix"] == await desk.read(lambda c, s=search: prefixes(c, s))


def change(chance: random.Random) -> Mapping[str, Any]:
    kinds: Sequence[Mapping[str, Any]] = (
        {"priority": chance.randrange(-3, 4), "note": chance.choice(NOTES)},
        {"prefix": chance.choice(PREFIXES), "project_id": chance.choice(["alpha", None])},
        {"disable": {"reason": "a while"}},
        {"enable": True},
        {"lock": True},
        {"unlock": True},
        {"delete": True},
        {"restore": True},
    )
    return chance.choice(kinds)


def question(chance: random.Random) -> AccountSearch:
    wanted: dict[str, Any] = {
        "text": chance.choice(["team", "夜", "P1", "loan", "p3*json", "nobody"]),
        "disabled": True,
        "prefix": chance.choice(["night", "day", "never"]),
        "project": "alpha",
        "locked": chance.choice([True, False]),
        "plan": plan_name(chance.choice(["plus", "free"])),
    }
    chosen = {name: wanted[name] for name in chance.sample(sorted(wanted), chance.randrange(3))}
    return AccountSearch(sort=chance.choice(["priority", "-priority", "created", "-created"]), page_size=7, **chosen)


def answer(connection: ReadConnection, search: AccountSearch) -> list[str]:
    """In the order of the list: by the column, then by name or by auth_index as the directory does."""
    is_descending, column = search.sort.startswith("-"), accounts.c[_COLUMNS[search.sort.removeprefix("-")]]
    rows = connection.execute(select(accounts, column.label("by")).where(_matching(search))).all()
    ordered = sorted(rows, key=lambda row: (row.by, *_ties(row, search)), reverse=is_descending)
    return [row.auth_index for row in ordered]


def prefixes(connection: ReadConnection, search: AccountSearch) -> dict[str, int]:
    """The facet leaves its own filter out."""
    statement = (
        select(accounts.c.prefix, func.count())
        .where(_matching(search, but="prefix"), accounts.c.prefix.is_not(None))
        .group_by(accounts.c.prefix)
        .order_by(accounts.c.prefix)
    )
    return {row[0]: row[1] for row in connection.execute(statement)}


_COLUMNS: Final = {"priority": "priority", "created": "created_at"}


def _ties(row: Any, search: AccountSearch) -> tuple[Any, ...]:
    name = int(row.file_name.removeprefix("p").removesuffix(".json")) if "priority" in search.sort else 0
    return name, row.auth_index


def _matching(search: AccountSearch, but: str = "") -> ColumnElement[bool]:
    a, wanted = accounts.c, [accounts.c.trashed_at.is_(None)]
    held = exists().where(holds.c.account == a.key, holds.c.owner == "operator", holds.c.released_at.is_(None))
    if search.text:
        pattern = f"%{search.text.casefold().replace('*', '%')}%"
        texts = (a.file_name, a.email, a.note, a.auth_index, a.organization, a.subject)
        wanted.append(or_(*(func.lower(func.coalesce(text, "")).like(pattern) for text in texts)))
    if search.disabled:
        wanted.append(held)
    if search.prefix and but != "prefix":
        wanted.append(a.prefix == search.prefix)
    if search.project:
        wanted.append(a.project_id == search.project)
    if search.locked is not None:
        wanted.append(a.locked.is_(search.locked))
    if search.plan:
        wanted.append(func.coalesce(a.plan, "unknown") == search.plan)
    return and_(*wanted)

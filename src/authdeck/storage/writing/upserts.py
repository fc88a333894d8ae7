"""Statements that store rows in the place of former ones with their primary keys, many of them in one execution."""

from typing import Any

from sqlalchemy import Executable, Table
from sqlalchemy.dialects import postgresql, sqlite


def upserts(table: Table, *kept: str) -> dict[str, Executable]:
    """The statement, by dialect. Columns ``kept`` are written with a new row only."""
    return {
        "sqlite": _upsert(sqlite.insert(table), table, kept),
        "postgresql": _upsert(postgresql.insert(table), table, kept),
    }


def _upsert(statement: Any, table: Table, kept: tuple[str, ...]) -> Executable:
    keys = [column.name for column in table.primary_key]
    names = [column.name for column in table.c if column.name not in {*keys, *kept}]
    made: Executable = statement.on_conflict_do_update(
        index_elements=keys, set_={name: statement.excluded[name] for name in names}
    )
    return made

"""Rows in the form of a backup: the same whatever database they lie in, and back again."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from authdeck.errors import DeckError
from authdeck.storage import copying
from authdeck.storage.copying import Layout, Line, Tally
from authdeck.storage.database import Database
from authdeck.storage.migrations import Branch, newest, revision_of
from authdeck.storage.rebuilding import rebuilding
from authdeck.storage.tables import operators
from fakes.clock import NOON

ACCOUNTS = next(layout for layout in copying.layouts(Branch.CONTROL) if layout.name == "accounts")
OPERATORS = next(layout for layout in copying.layouts(Branch.CONTROL) if layout.name == "operators")
QUOTA = next(layout for layout in copying.layouts(Branch.CONTROL) if layout.name == "quota_windows")


def account(key: int, **fields: object) -> Line:
    """A row with nothing but what it must have, and ``fields``."""
    empty = {"integer": 0, "text": "", "bytes": "", "json": [], "boolean": False, "real": 0.0}
    needed = {column.name for column in Branch.CONTROL.metadata.tables["accounts"].columns if not column.nullable}
    row = {name: empty[kind] if name in needed else None for name, kind in ACCOUNTS.columns}
    row |= {"key": key, "auth_index": f"{key:016x}", "file_name": f"{key}.json", "file_name_folded": f"{key}.json"}
    return list((row | fields).values())


def empty(database_url: str, tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path / 'new.db'}" if database_url.startswith("sqlite") else database_url)


def test_it_works(database_url: str, tmp_path: Path) -> None:
    database = empty(database_url, tmp_path)
    rows = [
        account(1, note="Ann's — ünï", models=["gpt-5.5"], headers_sealed="AAH/", disable_cooling=True),
        account(2, model_aliases=[{"model": "a", "alias": "ä", "keep_original": False}], merged_into=5),
        account(5, label="", weight=1_000_000, created_at=1_795_000_000_000_001),
    ]
    quota = [[1, "primary", "", 12.5, None, "header", "exact", 1, {"plan": None, "n": 1.0}]]
    with rebuilding(database, Branch.CONTROL, newest(Branch.CONTROL), "former") as rebuild:
        copying.fill(rebuild.connection, ACCOUNTS, rows)
        copying.fill(rebuild.connection, QUOTA, quota)
        rebuild.bring_up_to_date()
    assert database.read_now(lambda c: list(copying.rows(c, ACCOUNTS))) == rows
    assert database.read_now(lambda c: list(copying.rows(c, QUOTA))) == quota
    assert database.read_now(lambda c: copying.tally(c, ACCOUNTS)).hash == tallied(rows).hash
    database.close()


def rebuilt(database: Database, layout: Layout, rows: list[Line]) -> None:
    with rebuilding(database, Branch.CONTROL, newest(Branch.CONTROL)) as rebuild:
        copying.fill(rebuild.connection, layout, rows)
        rebuild.bring_up_to_date()


def tallied(rows: list[Line]) -> Tally:
    tally = Tally()
    for row in rows:
        tally.add(row)
    return tally


def test_the_order_of_rows_does_not_matter_and_everything_else_does() -> None:
    rows = [account(1), account(2)]
    assert tallied(rows).hash == tallied(rows[::-1]).hash
    assert tallied(rows).hash != tallied([account(1), account(2, note="x")]).hash
    assert tallied(rows).hash != tallied([account(1)]).hash


def test_a_backup_of_a_former_release_is_brought_up_to_date(
    database_url: str, tmp_path: Path, later_step: Callable[[str], None]
) -> None:
    former = newest(Branch.CONTROL)
    later_step("op.add_column('operators', sa.Column('motto', sa.Text))")
    database = empty(database_url, tmp_path)
    with rebuilding(database, Branch.CONTROL, former, "former") as rebuild:
        copying.fill(rebuild.connection, OPERATORS, [[1, "ann", "admin", 1, None]])
        rebuild.bring_up_to_date()
    with database.engine.connect() as connection:
        assert revision_of(connection) == newest(Branch.CONTROL) != former
        assert connection.exec_driver_sql("SELECT name, motto FROM operators").all() == [("ann", None)]
    database.close()


def test_a_backup_of_a_later_release_is_refused(database_url: str, tmp_path: Path) -> None:
    database = empty(database_url, tmp_path)
    with pytest.raises(DeckError, match="backup_schema_newer"), rebuilding(database, Branch.CONTROL, "2199_x", "f"):
        raise AssertionError
    database.close()


def test_what_fails_leaves_everything_as_it_was(database: Database) -> None:
    if database.is_sqlite:
        return  # there it is a new file, which nobody looks at
    database.write_now(lambda c: c.execute(insert(operators).values(name="ann", role="admin", created_at=NOON)))
    with pytest.raises(ZeroDivisionError), rebuilding(database, Branch.CONTROL, newest(Branch.CONTROL), "former"):
        raise ZeroDivisionError
    assert database.read_now(lambda c: c.execute(select(operators.c.name)).scalars().all()) == ["ann"]


def test_references_that_lead_nowhere_are_refused(tmp_path: Path) -> None:
    database = empty("sqlite:", tmp_path)
    lost = [[7, "primary", "", None, None, "header", "exact", 1, {}]]
    with pytest.raises(DeckError, match="backup_broken"):
        rebuilt(database, QUOTA, lost)
    database.close()


def test_every_table_has_a_layout() -> None:
    layouts = [*copying.layouts(Branch.CONTROL), *copying.layouts(Branch.MONITORING)]
    assert all(isinstance(layout, Layout) and layout.key for layout in layouts)
    assert [layout.name for layout in layouts[:2]] == ["installation", "key_terms"]

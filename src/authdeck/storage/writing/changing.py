"""Named writes of many accounts at once, each row with values of its own. The caller has read the rows under lock."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ARRAY, JSON, Text, bindparam, cast, column, func, update
from sqlalchemy.types import TypeEngine

from authdeck.clock import to_micros
from authdeck.hold import Hold, Owner
from authdeck.storage.database import WriteConnection
from authdeck.storage.tables import accounts, holds

_PLACE: Final = """
INSERT INTO holds (account, owner, code, scope, since, until, note, actor, evidence, detail)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_WATERMARK: Final = """
INSERT INTO watermarks (account, owner, code, at, actor) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (account, owner, code) DO UPDATE SET at = excluded.at, actor = excluded.actor
"""


@dataclass(frozen=True, slots=True)
class Edit:
    """The columns to write of one account. ``by_person``: its version counts this."""

    account_key: int
    version: int
    columns: Mapping[str, Any]
    by_person: bool


def edit(connection: WriteConnection, edits: Iterable[Edit], *, at: datetime) -> int:
    """Write the columns named, by compare-and-set on the version. How many rows were written."""
    alike: dict[tuple[bool, tuple[str, ...]], list[Edit]] = defaultdict(list)
    for one in edits:
        alike[one.by_person, tuple(sorted(one.columns))].append(one)
    return sum(_edit(connection, names, some, at) for (_, names), some in alike.items())


def _edit(connection: WriteConnection, names: Sequence[str], edits: Sequence[Edit], at: datetime) -> int:
    if connection.dialect == "postgresql":
        return _edit_together(connection, names, edits, at)
    values = {name: bindparam(f"new_{name}", type_=accounts.c[name].type) for name in names}
    ours = accounts.c.key == bindparam("row_key"), accounts.c.version == bindparam("row_version")
    statement = update(accounts).where(*ours).values(
        **values, updated_at=at, version=accounts.c.version + (1 if edits[0].by_person else 0)
    )  # fmt: skip
    rows = [
        {
            "row_key": one.account_key,
            "row_version": one.version,
            **{f"new_{name}": one.columns[name] for name in names},
        }
        for one in edits
    ]
    return connection.execute(statement, rows).rowcount


def _edit_together(connection: WriteConnection, names: Sequence[str], edits: Sequence[Edit], at: datetime) -> int:
    """One statement with an array for each column, where a statement for each row would take three times as long."""
    given: dict[str, tuple[Any, list[Any]]] = {
        "row_key": (accounts.c.key.type, [one.account_key for one in edits]),
        "row_version": (accounts.c.version.type, [one.version for one in edits]),
        **{f"new_{name}": _array(accounts.c[name].type, [one.columns[name] for one in edits]) for name in names},
    }
    arrays = [bindparam(name, type_=ARRAY(type_)) for name, (type_, _) in given.items()]
    columns = [column(name, type_) for name, (type_, _) in given.items()]
    new = func.unnest(*arrays).table_valued(*columns, name="new").render_derived()
    ours = accounts.c.key == new.c.row_key, accounts.c.version == new.c.row_version
    statement = update(accounts).where(*ours).values(
        **{name: cast(new.c[f"new_{name}"], accounts.c[name].type) for name in names},
        updated_at=at, version=accounts.c.version + (1 if edits[0].by_person else 0),
    )  # fmt: skip
    return connection.execute(statement, {name: values for name, (_, values) in given.items()}).rowcount


def _array(type_: TypeEngine[Any], values: list[Any]) -> tuple[TypeEngine[Any], list[Any]]:
    """JSON travels as text: in an array the driver would write it once more."""
    return (Text(), [json.dumps(value) for value in values]) if isinstance(type_, JSON) else (type_, values)


def release(connection: WriteConnection, keys: Sequence[int], *, by: str, at: datetime) -> None:
    """Release these open holds."""
    if keys:
        open_ones = holds.c.key.in_(keys), holds.c.released_at.is_(None)
        connection.execute(update(holds).where(*open_ones).values(released_at=at, released_by=by))


def place(connection: WriteConnection, placed: Iterable[tuple[int, Hold]]) -> None:
    """Open holds, given with their accounts' keys; one that is open already stays as it is."""
    rows = [
        (
            account_key, hold.owner.value, hold.code, hold.scope or "", to_micros(hold.since),
            to_micros(hold.until) if hold.until else None, hold.note, hold.actor, hold.evidence,
            json.dumps(dict(hold.detail)),
        )
        for account_key, hold in placed
    ]  # fmt: skip
    connection.execute_many(_PLACE, rows)


def raise_watermarks(
    connection: WriteConnection, marks: Iterable[tuple[int, Owner, str]], *, by: str, at: datetime
) -> None:
    """Evidence observed before ``at`` never raises these holds again, given as (account key, owner, code)."""
    rows = [(account_key, owner.value, code, to_micros(at), by) for account_key, owner, code in marks]
    connection.execute_many(_WATERMARK, rows)

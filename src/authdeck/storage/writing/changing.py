"""Named writes of many accounts at once, each row with values of its own. The caller has read the rows under lock."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ARRAY, JSON, Text, Update, bindparam, cast, column, func, update
from sqlalchemy.types import TypeEngine

from authdeck.clock import to_micros
from authdeck.hold import Hold, Owner
from authdeck.storage.among import Among
from authdeck.storage.database import WriteConnection
from authdeck.storage.tables import accounts, holds

_PLACE: Final = """
INSERT INTO holds (account, owner, code, scope, since, until, note, actor, evidence, detail)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_WATERMARK: Final = """
INSERT INTO watermarks (account, owner, code, at, actor) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (account, owner, code) DO UPDATE SET at = excluded.at, actor = excluded.actor, former_at = watermarks.at
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


def _edit(connection: WriteConnection, names: tuple[str, ...], edits: Sequence[Edit], at: datetime) -> int:
    by_person = edits[0].by_person
    if connection.dialect == "postgresql":
        statement, rows = _together(names, by_person=by_person), _as_arrays(names, edits) | {"written_at": at}
        return connection.execute(statement, rows).rowcount
    return connection.execute(
        _one_by_one(names, by_person=by_person),
        [
            {
                "row_key": one.account_key,
                "row_version": one.version,
                "written_at": at,
                **{f"new_{name}": one.columns[name] for name in names},
            }
            for one in edits
        ],
    ).rowcount


@lru_cache(maxsize=256)
def _one_by_one(names: tuple[str, ...], *, by_person: bool) -> Update:
    values = {name: bindparam(f"new_{name}", type_=accounts.c[name].type) for name in names}
    ours = accounts.c.key == bindparam("row_key"), accounts.c.version == bindparam("row_version")
    return update(accounts).where(*ours).values(**values, **_counted(by_person=by_person))


@lru_cache(maxsize=256)
def _together(names: tuple[str, ...], *, by_person: bool) -> Update:
    """One statement with an array for each column, where a statement for each row would take three times as long."""
    types = {"row_key": accounts.c.key.type, "row_version": accounts.c.version.type}
    types |= {f"new_{name}": _in_array(accounts.c[name].type) for name in names}
    arrays = [bindparam(name, type_=ARRAY(type_)) for name, type_ in types.items()]
    columns = [column(name, type_) for name, type_ in types.items()]
    new = func.unnest(*arrays).table_valued(*columns, name="new").render_derived()
    ours = accounts.c.key == new.c.row_key, accounts.c.version == new.c.row_version
    values = {name: cast(new.c[f"new_{name}"], accounts.c[name].type) for name in names}
    return update(accounts).where(*ours).values(**values, **_counted(by_person=by_person))


def _counted(*, by_person: bool) -> dict[str, Any]:
    return {
        "updated_at": bindparam("written_at", type_=accounts.c.updated_at.type),
        "version": accounts.c.version + (1 if by_person else 0),
    }


def _as_arrays(names: Sequence[str], edits: Sequence[Edit]) -> dict[str, Any]:
    given: dict[str, Any] = {
        "row_key": [one.account_key for one in edits],
        "row_version": [one.version for one in edits],
    }
    for name in names:
        values = [one.columns[name] for one in edits]
        is_json = isinstance(accounts.c[name].type, JSON)
        given[f"new_{name}"] = [json.dumps(value) for value in values] if is_json else values
    return given


def _in_array(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """JSON travels as text: in an array the driver would write it once more."""
    return Text() if isinstance(type_, JSON) else type_


def release(connection: WriteConnection, keys: Sequence[int], *, by: str, at: datetime) -> None:
    """Release these open holds."""
    if keys:
        connection.execute(_RELEASE, {"holds_wanted": list(keys), "at": at, "by": by})


_RELEASE: Final = (
    update(holds)
    .where(Among(holds.c.key, "holds_wanted"), holds.c.released_at.is_(None))
    .values(
        released_at=bindparam("at", type_=holds.c.released_at.type),
        released_by=bindparam("by", type_=holds.c.released_by.type),
    )
)


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

"""Packing the latencies of a finished hour: from a row for each bucket into one of the hour, and one for each model."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Table, delete, insert, select

from authdeck.storage.database import WriteConnection
from authdeck.storage.latency import added_up, packed
from authdeck.storage.reading.latencies import KINDS, Counts
from authdeck.storage.reading.settled import HOURS_A_DAY
from authdeck.storage.tables import day_model_times, hour_model_times, hour_times, latency_buckets

_Packs = Mapping[str, bytes]
_KEY: Final = tuple(latency_buckets.primary_key.columns)


def pack(c: WriteConnection, hour: int) -> None:
    """Move the hour's buckets to the packs of that hour, of its models, and of its day."""
    by_model = _taken(c, hour)
    if not by_model:
        return
    _add(c, hour_times, {"hour": hour}, {None: _together(by_model.values())})
    _add(c, hour_model_times, {"hour": hour}, by_model)
    _add(c, day_model_times, {"day": hour // HOURS_A_DAY}, by_model)


def _taken(c: WriteConnection, hour: int) -> dict[int, _Packs]:
    """By model. PostgreSQL's rows are locked in the order in which who records takes them."""
    table = latency_buckets.c
    of_hour = table.hour == hour
    if c.dialect == "postgresql":
        c.execute(select(table.bucket).where(of_hour).order_by(*_KEY).with_for_update()).all()
    taken: dict[int, dict[str, Counts]] = defaultdict(lambda: {kind: {} for kind in KINDS})
    gone = (
        delete(latency_buckets)
        .where(of_hour)
        .returning(table.model, table.kind, table.bucket, table.count.label("times"))
    )
    for row in c.execute(gone):
        taken[row.model][row.kind][row.bucket] = int(row.times)
    return {model: {kind: packed(counts[kind]) for kind in KINDS} for model, counts in taken.items()}


def _add(c: WriteConnection, table: Table, of: Mapping[str, int], by_model: Mapping[Any, _Packs]) -> None:
    """To the packs that are there; a table that knows no models has one, by ``None``."""
    here = [table.c[name] == number for name, number in of.items()]
    there = {row.get("model"): row for row in c.execute(select(table).where(*here)).mappings()}
    rows: list[dict[str, Any]] = []
    for model, packs in by_model.items():
        key = dict(of) if model is None else {**of, "model": model}
        former: list[_Packs] = [dict(there[model])] if model in there else []
        rows.append({**key, **_together([packs, *former])})
    if there:
        c.execute(delete(table).where(*here, *([table.c.model.in_(by_model)] if "model" in table.c else [])))
    c.execute(insert(table), rows)


def _together(some: Iterable[_Packs]) -> _Packs:
    every = list(some)
    return {kind: packed(added_up(one[kind] for one in every)) for kind in KINDS}

"""The newest requests of a search, at most so many: for what no kept sum can answer."""

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from sqlalchemy import func

from authdeck.clock import from_micros
from authdeck.spans import HOUR, MINUTE, Span
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading.latencies import Duration
from authdeck.storage.reading.latencies import of_events as durations_of
from authdeck.storage.reading.request_search import RequestSearch, back_to, conditions, floor
from authdeck.storage.reading.sums import Grouped, Slice, kept_from
from authdeck.storage.reading.sums import of_events as sums_of
from authdeck.storage.tables import requests

Key = Literal["minute", "hour", "model", "account", "client_key", "failure"]

_KEYS: Final[dict[str, Any]] = {
    "minute": requests.c.at_ms // MINUTE,
    "hour": requests.c.at_ms // HOUR,
    "model": func.coalesce(requests.c.model, 0),
    "account": requests.c.account,
    "client_key": requests.c.client_key,
    "failure": func.coalesce(requests.c.failure, -requests.c.status),
}
"""What requests are grouped by: numbers of names, or of minutes and hours since 1970. A failed request without a
failure is grouped by its status, below zero."""


@dataclass(frozen=True, slots=True)
class Sample:
    """``covered`` begins later than what was asked for where there were too many, and where some are gone."""

    covered: Span
    where: tuple[Any, ...]


def sample(c: ReadConnection, search: RequestSearch, asked: Span, most: int | None = None) -> Sample:
    """Of a time. A filter that no index answers is only tried on the newest ``most`` that others leave."""
    begins = kept_from(c, asked)
    within = replace(search, since=from_micros(begins * 1000), until=from_micros(asked.until_ms * 1000))
    lowest = floor(c, within, most)
    covered = Span(begins if lowest is None else lowest, asked.until_ms)
    return Sample(covered, tuple(conditions(c, back_to(within, lowest))))


def sums_by(c: ReadConnection, some: Sample, key: Key, page: Slice | None = None) -> Grouped:
    return sums_of(c, _KEYS[key], some.where, page)


def durations_by(c: ReadConnection, some: Sample, key: Key) -> list[Duration]:
    return durations_of(c, _KEYS[key], some.where)

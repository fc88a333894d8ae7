"""Named reads of the monitoring database: what went through an account since a moment."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select

from authdeck.clock import to_micros
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading.names import code
from authdeck.storage.tables import requests


@dataclass(frozen=True, slots=True)
class Counted:
    """Requests that were answered well, and their tokens in and out."""

    requests: int
    tokens: int


def since(c: ReadConnection, auth_index: str, moment: datetime) -> Counted:
    number = code(c, "account", auth_index)
    if number is None:
        return Counted(0, 0)
    tokens = func.coalesce(requests.c.tokens_input, 0) + func.coalesce(requests.c.tokens_output, 0)
    mine = and_(
        requests.c.account == number,
        requests.c.at_ms >= to_micros(moment) // 1000,
        requests.c.failure.is_(None),
        requests.c.status < 400,  # noqa: PLR2004 - HTTP
    )
    row = c.execute(select(func.count().label("found"), func.sum(tokens).label("tokens")).where(mine)).one()
    return Counted(row.found, int(row.tokens or 0))

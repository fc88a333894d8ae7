"""Named reads of approved origins."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import upstreams


@dataclass(frozen=True, slots=True)
class ApprovedOrigin:
    """``private``: approved although its address is private. ``plain_http``: credentials may go over http."""

    origin: str
    private: bool
    plain_http: bool
    approved_by: str
    approved_at: datetime


def approved(connection: ReadConnection) -> list[ApprovedOrigin]:
    rows = connection.execute(select(upstreams).order_by(upstreams.c.origin))
    return [ApprovedOrigin(row.origin, row.private, row.plain_http, row.approved_by, row.approved_at) for row in rows]

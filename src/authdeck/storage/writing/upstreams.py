"""Named writes of approved origins."""

from datetime import datetime

from sqlalchemy import delete, insert, select

from authdeck.storage.database import WriteConnection
from authdeck.storage.tables import upstreams


def approve(
    connection: WriteConnection, origin: str, *, private: bool, plain_http: bool, by: str, at: datetime
) -> bool:
    """True: it was not approved before."""
    if connection.execute(select(upstreams.c.key).where(upstreams.c.origin == origin)).first() is not None:
        return False
    row = {"origin": origin, "private": private, "plain_http": plain_http, "approved_by": by, "approved_at": at}
    connection.execute(insert(upstreams).values(row))
    return True


def withdraw(connection: WriteConnection, origin: str) -> bool:
    return connection.execute(delete(upstreams).where(upstreams.c.origin == origin)).rowcount == 1

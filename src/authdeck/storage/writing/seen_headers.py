"""Named writes of the headers that answers to accounts had."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import and_, select

from authdeck.seen_headers import SeenAnswer, from_json, merged, to_json
from authdeck.storage.among import Among
from authdeck.storage.database import WriteConnection
from authdeck.storage.tables import accounts, seen_headers
from authdeck.storage.writing.accounts import claim
from authdeck.storage.writing.upserts import upserts


def store(connection: WriteConnection, seen: Mapping[str, Sequence[SeenAnswer]], now: datetime) -> None:
    """By auth_index, together with what any process wrote before. Accounts that are purged by now are left out."""
    claim(connection, seen)
    known = connection.execute(_KNOWN, {"wanted": list(seen)}).all()
    rows = [
        {"account": row.key, "at": answers[0].at, "answers": to_json(answers)}
        for row in known
        if (answers := merged([*seen[row.auth_index], *from_json(row.answers or ())], now))
    ]
    if rows:
        connection.execute(_STORE[connection.dialect], rows)


_IS_THERE: Final = and_(Among(accounts.c.auth_index), accounts.c.purged_at.is_(None))
_KNOWN: Final = (
    select(accounts.c.key, accounts.c.auth_index, seen_headers.c.answers)
    .outerjoin(seen_headers, seen_headers.c.account == accounts.c.key)
    .where(_IS_THERE)
)
_STORE: Final = upserts(seen_headers)

"""The one write that changes sealed bytes without changing the secret: another key term seals it."""

from sqlalchemy import update

from authdeck.storage.database import WriteConnection
from authdeck.storage.reading.sealed import COLUMNS, SealedRow


def replace(connection: WriteConnection, row: SealedRow, sealed: bytes) -> bool:
    """Compare-and-set: false where the row has other bytes than ``row`` by now, and nothing was written."""
    column = COLUMNS[row.kind]
    mine = (part == value for part, value in zip(column.key, row.key, strict=True))
    written = update(column.sealed.table).where(*mine, column.sealed == row.sealed)
    return connection.execute(written.values({column.sealed.name: sealed})).rowcount == 1

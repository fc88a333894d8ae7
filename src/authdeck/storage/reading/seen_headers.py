"""Named reads of the headers that answers to an account had."""

from sqlalchemy import select

from authdeck.seen_headers import SeenAnswer, from_json
from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import seen_headers


def of_account(connection: ReadConnection, account_key: int) -> tuple[SeenAnswer, ...]:
    """As written down last, newest first: some seconds after they were seen."""
    asked = select(seen_headers.c.answers).where(seen_headers.c.account == account_key)
    return from_json(connection.execute(asked).scalar_one_or_none() or ())

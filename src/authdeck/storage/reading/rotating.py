"""Named read of the accounts whose refresh tokens work once, so that a copy of them grows stale."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select

from authdeck.account import Kind, Provider
from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import accounts, fingerprints


@dataclass(frozen=True, slots=True)
class Rotating:
    key: int
    auth_index: str
    file_name: str
    provider: str


def rotating(connection: ReadConnection, providers: Iterable[Provider]) -> list[Rotating]:
    """Those of the providers, by file name; in the trash too."""
    has_token = (
        select(fingerprints.c.account)
        .where(fingerprints.c.account == accounts.c.key, fingerprints.c.kind == "refresh_token")
        .exists()
    )
    asked = select(accounts.c.key, accounts.c.auth_index, accounts.c.file_name, accounts.c.provider).where(
        accounts.c.kind == Kind.OAUTH.value,
        accounts.c.provider.in_([provider.value for provider in providers]),
        accounts.c.purged_at.is_(None),
        accounts.c.merged_into.is_(None),
        has_token,
    )
    rows = connection.execute(asked.order_by(accounts.c.file_name))
    return [Rotating(row.key, row.auth_index, row.file_name, row.provider) for row in rows]

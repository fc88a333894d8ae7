"""Which headers an account adds to its requests: their names. Their values are sealed, and stay so."""

from authdeck.operations import seals
from authdeck.operations.desk import Desk
from authdeck.storage.reading import revisions


async def header_names(desk: Desk, auth_index: str) -> list[str]:
    """Sorted. Raises ``sealed_…`` where they can't be opened."""
    sealed = await desk.read(lambda connection: revisions.secret_settings(connection, auth_index))
    return sorted(seals.open_settings(desk.vault, auth_index, sealed).headers, key=str.casefold)

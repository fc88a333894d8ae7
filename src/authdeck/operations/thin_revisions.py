"""Refreshing makes a revision each time. Old ones go; each generation's first and newest stay, and all fingerprints."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from authdeck.access import AUTOMATION
from authdeck.acts import Act
from authdeck.operations.desk import Desk
from authdeck.operations.records import record
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts, thinning
from authdeck.storage.reading.thinning import Link
from authdeck.storage.writing import purging

AT_ONCE: Final = 50
"""Accounts of one transaction: a token's commit never waits long behind it."""


async def thin_revisions(desk: Desk) -> int:
    """Drop refresh revisions older than ``refresh.keep_revisions_days``. How many went."""
    before = desk.now() - timedelta(days=desk.settings.refresh.keep_revisions_days)
    gone, after = 0, 0
    while keys := await desk.read(
        partial(thinning.accounts_with_old_refreshes, before=before, after_key=after, limit=AT_ONCE)
    ):
        gone += await desk.write(partial(_thin, desk, keys, before))
        after = keys[-1]
    return gone


def superfluous(current: int, links: Mapping[int, Link], before: datetime) -> list[int]:
    """Numbers that may go: made by a refresh before the moment, in the current one's chain, amid their generation.

    Side revisions stay: their token may be the only good one.
    """
    chain, at = list[Link](), links.get(current)
    while at is not None:
        chain.append(at)
        at = links.get(at.parent) if at.parent is not None else None
    of_generation: dict[int, list[int]] = {}
    for link in links.values():
        of_generation.setdefault(link.generation, []).append(link.number)
    ends = {end for numbers in of_generation.values() for end in (min(numbers), max(numbers))}
    newest_in_chain = {link.generation: link.number for link in reversed(chain)}
    kept = ends | set(newest_in_chain.values()) | {current}
    old = (link.number for link in chain if link.why == "refreshed" and link.at < before)
    return sorted(number for number in old if number not in kept)


def _thin(desk: Desk, keys: list[int], before: datetime, connection: WriteConnection) -> int:
    gone = 0
    for key, named in accounts.by_keys(connection, keys).items():
        numbers = superfluous(*thinning.links(connection, key), before)
        if numbers:
            purging.drop_revisions(connection, key, numbers)
            index = named.account.auth_index
            record(desk, connection, AUTOMATION, Act.REVISIONS_THINNED, index, after={"revisions": len(numbers)})
        gone += len(numbers)
    return gone

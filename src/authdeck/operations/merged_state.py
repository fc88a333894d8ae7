"""What was observed of an account that is merged into another: evidence, watermarks, quota windows, what is proposed.

Evidence belongs to a sign-in. Each sign-in of the one is a generation of the other afterwards, and takes what was seen
of it along; it never counts for another generation. Windows are the provider's figures of one identity, so that the
newest of both count. Holds and queue rows that follow from evidence are not copied: they are decided anew.
"""

from collections.abc import Sequence

from authdeck.access import Actor
from authdeck.account import Account
from authdeck.hold import Owner
from authdeck.operations.desk import Desk
from authdeck.operations.windows import Seen, take_in_windows
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import evidence as reading
from authdeck.storage.reading.holds import open_holds
from authdeck.storage.writing import evidence as writing
from authdeck.storage.writing import holds


def take(desk: Desk, connection: WriteConnection, given: Account, stays: Account, base: int, actor: Actor) -> None:
    """``stays`` knows what was seen of ``given``, whose generations are ``base`` higher in it."""
    writing.copy_evidence(connection, given.key, stays.key, base)
    writing.copy_watermarks(connection, given.key, stays.key)
    windows = reading.windows(connection, [given.key, stays.key])
    take_in_windows(connection, [Seen(stays, windows.get(stays.key, ()), windows.get(given.key, ()))])
    for hold in open_holds(connection, [stays.key]).get(stays.key, ()):
        is_settled = hold.detail.get("auth_indexes") == [given.auth_index]
        if hold.owner is Owner.CREDENTIAL and hold.code == "merge_proposed" and is_settled:
            holds.release_one(connection, hold.key, by=actor.name, at=desk.now())


def give_back(connection: WriteConnection, given_key: int, stays_key: int, generations: Sequence[int]) -> None:
    """What was seen of the sign-ins that came is no longer ``stays``'s; ``given`` has kept its own all along."""
    first, last = generations
    writing.forget_generations(connection, stays_key, first, last)
    writing.forget_windows(connection, stays_key, reading.windows(connection, [given_key]).get(given_key, ()))

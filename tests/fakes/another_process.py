"""A second desk on the same database, as a second process would have it."""

from authdeck.clock import Clock
from authdeck.directory import Directory
from authdeck.operations.changes import ChangeFeed
from authdeck.operations.desk import Desk
from authdeck.operations.entries import Mirror
from authdeck.operations.follow import Follower
from authdeck.pool import Pool
from authdeck.providers import PROVIDERS


def another_process(desk: Desk, clock: Clock) -> tuple[Desk, Mirror]:
    """It knows nothing yet: ``Mirror.load`` reads everything."""
    other = Desk(desk.settings, clock, "c" * 32, desk.database, desk.vault, ChangeFeed(), Directory(), desk.calls)
    return other, Mirror(other, Pool(lambda account: PROVIDERS[account.provider].routes(account.kind)))


async def following(desk: Desk, clock: Clock) -> tuple[Desk, Follower]:
    """It has read everything, and each ``poll`` of its follower takes in what changed since."""
    other, mirror = another_process(desk, clock)
    follower = Follower(other, mirror.load)
    await follower.start()
    await mirror.load()
    return other, follower

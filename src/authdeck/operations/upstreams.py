"""Approved origins: where credentials may be sent beside the hosts in the settings."""

from authdeck.access import Actor
from authdeck.acts import Act
from authdeck.errors import DeckError, NotFound
from authdeck.hold import Owner
from authdeck.operations.desk import Desk
from authdeck.operations.records import changed, record
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts
from authdeck.storage.writing import holds
from authdeck.storage.writing import upstreams as writing
from authdeck.upstream.origins import origin_of

NOT_APPROVED = "upstream_not_approved"


def origin_text(url: str) -> str:
    """The URL's origin, such as ``https://api.example.com``. Raises ``DeckError('url_invalid')``."""
    origin = origin_of(url.strip())
    if origin is None:
        raise DeckError("url_invalid", status=422)
    return str(origin)


async def approve(desk: Desk, url: str, actor: Actor, *, private: bool = False) -> str:
    """Approve the URL's origin and release the holds that waited for it. Plain http counts as approved with it.

    ``private`` allows private and loopback addresses. Returns the origin.
    """
    origin = origin_text(url)

    def work(connection: WriteConnection) -> None:
        approve_within(desk, connection, origin, actor, private=private)

    await desk.write(work)
    return origin


def approve_within(desk: Desk, connection: WriteConnection, origin: str, actor: Actor, *, private: bool) -> None:
    """``approve`` as a part of a larger transaction."""
    plain = origin.startswith("http://")
    if not writing.approve(connection, origin, private=private, plain_http=plain, by=actor.name, at=desk.now()):
        return
    after = {"private": private, "plain_http": plain}
    record(desk, connection, actor, Act.UPSTREAM_APPROVED, origin, after=after)
    changed(desk, connection, "upstream", origin)
    for entry in accounts.live(connection):
        base_url = entry.account.base_url
        waiting = any(hold.code == NOT_APPROVED for hold in entry.holds)
        if waiting and base_url and str(origin_of(base_url)) == origin:
            holds.release(
                connection, entry.account.key, Owner.CREDENTIAL, by=actor.name, at=desk.now(), code=NOT_APPROVED
            )
            changed(desk, connection, "account", entry.account.auth_index)


async def withdraw(desk: Desk, url: str, actor: Actor) -> None:
    """Take the approval back: calls to the origin are refused from now on. Raises ``upstream_not_found``."""
    origin = origin_text(url)

    def work(connection: WriteConnection) -> None:
        if not writing.withdraw(connection, origin):
            raise NotFound("upstream_not_found", origin=origin)
        record(desk, connection, actor, Act.UPSTREAM_WITHDRAWN, origin)
        changed(desk, connection, "upstream", origin)

    await desk.write(work)

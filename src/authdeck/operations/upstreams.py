"""Approved origins: where credentials may be sent beside the hosts in the settings."""

from authdeck.access import Actor
from authdeck.acts import Act
from authdeck.errors import DeckError, NotFound
from authdeck.hold import Hold, Owner
from authdeck.operations.desk import Desk
from authdeck.operations.records import changed, record
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.reading import accounts
from authdeck.storage.reading.accounts import Addressed
from authdeck.storage.reading.upstreams import ApprovedOrigin, approved
from authdeck.storage.writing import holds
from authdeck.storage.writing import upstreams as writing
from authdeck.upstream.origins import Approval, Origins, origin_of

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
    for account in _named_by(connection, origin):
        if holds.release(connection, account.key, Owner.CREDENTIAL, by=actor.name, at=desk.now(), code=NOT_APPROVED):
            changed(desk, connection, "account", account.auth_index)


async def withdraw(desk: Desk, url: str, actor: Actor) -> ApprovedOrigin:
    """Take the approval back: calls to the origin are refused from now on, and its accounts wait for another yes.

    Returns what it was. Raises ``upstream_not_found``.
    """
    origin = origin_text(url)

    def work(connection: WriteConnection) -> ApprovedOrigin:
        former = next((row for row in approved(connection) if row.origin == origin), None)
        if former is None or not writing.withdraw(connection, origin):
            raise NotFound("upstream_not_found", origin=origin)
        before = {"private": former.private, "plain_http": former.plain_http}
        record(desk, connection, actor, Act.UPSTREAM_WITHDRAWN, origin, before=before)
        changed(desk, connection, "upstream", origin)
        if not is_approved(desk, connection, origin):
            for account in _named_by(connection, origin):
                wait_for_approval(desk, connection, account.key, origin, actor)
                changed(desk, connection, "account", account.auth_index)
        return former

    return await desk.write(work)


def wait_for_approval(desk: Desk, connection: WriteConnection, account_key: int, origin: str, actor: Actor) -> None:
    """Hold an account whose address nobody approved."""
    hold = Hold(Owner.CREDENTIAL, NOT_APPROVED, desk.now(), actor=actor.name, detail={"origin": origin})
    holds.place(connection, account_key, hold)


def is_approved(desk: Desk, connection: ReadConnection, origin: str) -> bool:
    """By an admin, or by the settings."""
    known = Origins(desk.settings.providers, own_host=desk.settings.host, own_port=desk.settings.port)
    known.replace((row.origin, Approval(row.private, row.plain_http)) for row in approved(connection))
    return known.is_allowed(origin)


def _named_by(connection: ReadConnection, origin: str) -> list[Addressed]:
    """The live accounts whose requests go there."""
    return [account for account in accounts.addressed(connection) if str(origin_of(account.base_url)) == origin]

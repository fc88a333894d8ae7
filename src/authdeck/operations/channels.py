"""Channels and rules of notifications: adding, pausing and removing them. Admins decide where messages go."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from authdeck import ids
from authdeck.access import Actor
from authdeck.account import Provider
from authdeck.acts import Act
from authdeck.errors import Conflict, DeckError, NotFound
from authdeck.health import Health
from authdeck.notice import LONGEST_DIGEST, ChannelKind, Kind, Rule
from authdeck.operations import putting_back, seals
from authdeck.operations.desk import Desk
from authdeck.operations.records import changed, record
from authdeck.secret import Secret
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import notices as reading
from authdeck.storage.reading.notices import Channel
from authdeck.storage.writing import notices as writing
from authdeck.upstream import apprise
from authdeck.upstream.origins import Approval, Origins, origin_of

W = TypeVar("W", bound=StrEnum)
F = TypeVar("F")

CHANGE: Final = "notification_channel"
SIGNING: Final = "adw"  # how a secret that signs begins
LONGEST_NAME: Final = 80
LONGEST_URL: Final = 2_000
LOG_KEPT: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class NewChannel:
    """A channel just made. ``secret`` signs its webhooks; it is shown this once. Apprise has none."""

    channel: Channel
    secret: Secret | None


@dataclass(frozen=True, slots=True)
class Opened:
    """Where a channel's messages go, and what signs them."""

    url: Secret
    secret: Secret | None


async def add_channel(
    desk: Desk, name: str, kind: ChannelKind, url: str, actor: Actor, *, private: bool = False
) -> NewChannel:
    """A place to tell people. ``private``: a webhook may be on a private or loopback address, and may be plain http.

    Raises ``notification_name_invalid``, ``notification_name_taken``, ``url_invalid``, ``webhook_needs_https``,
    ``upstream_address_refused``, ``apprise_missing`` and ``apprise_url_invalid``.
    """
    given = Secret(url.strip())
    display = await _checked(desk, kind, given, private=private)
    secret = Secret(ids.new_key(SIGNING)) if kind is ChannelKind.WEBHOOK else None
    id_ = ids.new_id()
    content = json.dumps({"url": given.open(), "secret": secret.open() if secret else None}).encode()
    sealed = seals.seal_channel(desk.vault, id_, content)
    made = Channel(id_, _named(name), kind, display, private, actor.name, desk.now(), sealed)

    def work(connection: WriteConnection) -> None:
        _require_new(made.name, {each.name for each in reading.channels(connection)})
        writing.add_channel(connection, made)
        after = {"name": made.name, "kind": kind.value, "to": display, "private": private}
        record(desk, connection, actor, Act.CHANNEL_ADDED, id_, after=after)
        changed(desk, connection, CHANGE, id_)

    await desk.write(work)
    return NewChannel(made, secret)


async def remove_channel(desk: Desk, id_: str, actor: Actor) -> Channel:
    """With its rules and its log. Nothing more is sent; for a day all of it can be put back.

    Raises ``NotFound('channel_not_found')``.
    """

    def work(connection: WriteConnection) -> Channel:
        found = _require(reading.channel(connection, id_), "channel_not_found", id_)
        its = [rule for rule in reading.rules(connection) if rule.channel == id_]
        writing.remove_channel(connection, found, its, desk.now())
        before = {"name": found.name, "to": found.display, "rules": [rule.name for rule in its]}
        record(desk, connection, actor, Act.CHANNEL_REMOVED, id_, before=before)
        changed(desk, connection, CHANGE, id_)
        return found

    return await desk.write(work)


async def put_channel_back(desk: Desk, id_: str, actor: Actor) -> Channel:
    """As it was, with the rules that went with it. What waited when it was removed is not sent by itself.

    Raises ``NotFound('channel_not_found')``, a day later too, and ``Conflict('notification_name_taken')``.
    """

    def work(connection: WriteConnection) -> Channel:
        standing = reading.channel(connection, id_)
        if standing is not None:
            return standing
        since = putting_back.since(desk.now())
        found, at = _require(reading.removed_channel(connection, id_, since), "channel_not_found", id_)
        its = reading.rules_removed_with(connection, id_, at)
        _require_new(found.name, {each.name for each in reading.channels(connection)})
        for rule in its:
            _require_new(rule.name, {each.name for each in reading.rules(connection)})
        writing.put_channel_back(connection, found, its)
        after = {"name": found.name, "to": found.display, "rules": [rule.name for rule in its]}
        record(desk, connection, actor, Act.CHANNEL_RESTORED, id_, after=after)
        changed(desk, connection, CHANGE, id_)
        return found

    return await desk.write(work)


@dataclass(frozen=True, slots=True)
class RuleWish:
    """A rule as asked for; ``field`` names are those of ``notice.Rule``. Times of day are minutes since midnight."""

    name: str
    channel: str
    kinds: Collection[Kind]
    providers: Collection[str] = ()
    states: Collection[str] = ()
    below: int | None = None
    digest_minutes: int = 0
    quiet_from: int | None = None
    quiet_until: int | None = None
    zone: str = "UTC"
    locale: str = "en"


async def add_rule(desk: Desk, wish: RuleWish, actor: Actor) -> Rule:
    """Who is to hear of what. Raises ``notification_rule_invalid`` with the ``field``, ``notification_name_taken``."""
    made = replace(_rule(wish), id=ids.new_id(), created_by=actor.name, created_at=desk.now())

    def work(connection: WriteConnection) -> None:
        _require(reading.channel(connection, made.channel), "channel_not_found", made.channel)
        _require_new(made.name, {each.name for each in reading.rules(connection)})
        writing.add_rule(connection, made)
        after = {"name": made.name, "channel": made.channel, "kinds": sorted(made.kinds)}
        record(desk, connection, actor, Act.RULE_ADDED, made.id, after=after)

    await desk.write(work)
    return made


async def change_rule(desk: Desk, id_: str, changes: Mapping[str, Any], actor: Actor) -> Rule:
    """Other values for some of what ``RuleWish`` names; what waits already is told as it is. Nothing new: nothing.

    Raises what ``add_rule`` raises, and ``NotFound('rule_not_found')``.
    """

    def work(connection: WriteConnection) -> Rule:
        found = _require(reading.rule(connection, id_), "rule_not_found", id_)
        before = said_by(found)
        made = _rule(RuleWish(**{**before, **changes}))
        after = said_by(made)
        if before == after:
            return found
        _require(reading.channel(connection, made.channel), "channel_not_found", made.channel)
        _require_new(made.name, {each.name for each in reading.rules(connection) if each.id != id_})
        made = replace(found, **{name: getattr(made, name) for name in after})
        writing.change_rule(connection, made, before)
        differs = sorted(name for name in after if before[name] != after[name])
        told = [{"name": found.name, **{name: side[name] for name in differs}} for side in (before, after)]
        record(desk, connection, actor, Act.RULE_CHANGED, id_, before=told[0], after={**told[1], "name": made.name})
        return made

    return await desk.write(work)


async def undo_rule(desk: Desk, id_: str, actor: Actor) -> Rule:
    """Have the rule say what it said before its last change; done again, what it said after it.

    Raises ``Conflict('rule_not_changed')`` where it was never changed, and what ``change_rule`` raises.
    """
    former = await desk.read(lambda connection: reading.former_of(connection, id_))
    if former is None:
        _require(await desk.read(lambda connection: reading.rule(connection, id_)), "rule_not_found", id_)
        raise Conflict("rule_not_changed", id=id_)
    return await change_rule(desk, id_, former, actor)


def said_by_wish(wish: RuleWish) -> dict[str, Any]:
    """All that a wish says but the language."""
    return {field.name: getattr(wish, field.name) for field in fields(RuleWish) if field.name != "locale"}


def said_by(rule: Rule) -> dict[str, Any]:
    """What a rule says, as ``RuleWish`` takes it and JSON has it."""
    plain = {field.name: getattr(rule, field.name) for field in fields(RuleWish)}
    return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in plain.items()}


async def pause_rule(desk: Desk, id_: str, actor: Actor, *, paused: bool) -> Rule:
    """A paused rule writes nothing down and forgets what waits. Idempotent. Raises ``NotFound('rule_not_found')``."""

    def work(connection: WriteConnection) -> Rule:
        found = _require(reading.rule(connection, id_), "rule_not_found", id_)
        if found.paused != paused:
            writing.pause_rule(connection, id_, paused=paused)
            act = Act.RULE_PAUSED if paused else Act.RULE_RESUMED
            record(desk, connection, actor, act, id_, after={"name": found.name})
        return replace(found, paused=paused)

    return await desk.write(work)


async def remove_rule(desk: Desk, id_: str, actor: Actor) -> Rule:
    """For a day it can be put back. Raises ``NotFound('rule_not_found')``."""

    def work(connection: WriteConnection) -> Rule:
        found = _require(reading.rule(connection, id_), "rule_not_found", id_)
        writing.remove_rule(connection, found, desk.now())
        record(desk, connection, actor, Act.RULE_REMOVED, id_, before={"name": found.name})
        return found

    return await desk.write(work)


async def put_rule_back(desk: Desk, id_: str, actor: Actor) -> Rule:
    """As it was.

    Raises ``NotFound('rule_not_found')``, a day later too, ``NotFound('channel_not_found')`` where its channel is gone,
    and ``Conflict('notification_name_taken')``.
    """

    def work(connection: WriteConnection) -> Rule:
        standing = reading.rule(connection, id_)
        if standing is not None:
            return standing
        since = putting_back.since(desk.now())
        found = _require(reading.removed_rule(connection, id_, since), "rule_not_found", id_)
        _require(reading.channel(connection, found.channel), "channel_not_found", found.channel)
        _require_new(found.name, {each.name for each in reading.rules(connection)})
        writing.put_rule_back(connection, found)
        record(desk, connection, actor, Act.RULE_RESTORED, id_, after={"name": found.name})
        return found

    return await desk.write(work)


def opened(desk: Desk, channel: Channel) -> Opened:
    content = json.loads(seals.open_channel(desk.vault, channel.id, channel.sealed))
    return Opened(Secret(content["url"]), Secret(content["secret"]) if content["secret"] else None)


def approval(channel: Channel) -> tuple[str, Approval]:
    """What an admin approved by giving the channel: its origin, for messages alone."""
    return channel.display, Approval(private=channel.private, plain_http=channel.private)


async def _checked(desk: Desk, kind: ChannelKind, url: Secret, *, private: bool) -> str:
    """What may be shown of the URL."""
    if len(url.open()) > LONGEST_URL:
        raise DeckError("url_invalid", status=422)
    if kind is ChannelKind.APPRISE:
        await apprise.require(url)
        return f"{urlsplit(url.open()).scheme}://"
    origin = origin_of(url.open())
    if origin is None:
        raise DeckError("url_invalid", status=422)
    if origin.scheme != "https" and not private:
        raise DeckError("webhook_needs_https", status=422, origin=str(origin))
    allowed = Origins(None, own_host=desk.settings.host, own_port=desk.settings.port)
    allowed.replace([(str(origin), Approval(private=private, plain_http=private))])
    allowed.allows(url.open())
    return str(origin)


def _rule(wish: RuleWish) -> Rule:
    _require_valid("kinds", bool(wish.kinds))
    _require_valid("below", (wish.below is not None) == (Kind.QUOTA_LOW in wish.kinds))
    _require_valid("below", wish.below is None or 1 <= wish.below <= 99)  # noqa: PLR2004 - percent
    _require_valid("digest_minutes", 0 <= wish.digest_minutes <= LONGEST_DIGEST)
    _require_valid("quiet", (wish.quiet_from is None) == (wish.quiet_until is None))
    _require_valid("quiet", wish.quiet_from is None or wish.quiet_from != wish.quiet_until)
    _require_valid("zone", wish.zone in available_timezones())
    return Rule(
        id="",
        name=_named(wish.name),
        channel=wish.channel,
        kinds=_known(Kind, wish.kinds, "kinds"),
        providers=_known(Provider, wish.providers, "providers"),
        states=_known(Health, wish.states, "states"),
        below=wish.below,
        digest_minutes=wish.digest_minutes,
        quiet_from=wish.quiet_from,
        quiet_until=wish.quiet_until,
        zone=wish.zone,
        locale=wish.locale,
    )


def _known(kind: type[W], words: Collection[str], field_name: str) -> frozenset[W]:
    try:
        return frozenset(kind(word) for word in words)
    except ValueError:
        raise DeckError("notification_rule_invalid", status=422, field=field_name, problem=field_name) from None


def _require_valid(field_name: str, holds: bool) -> None:
    if not holds:
        raise DeckError("notification_rule_invalid", status=422, field=field_name, problem=field_name)


def _named(name: str) -> str:
    found = " ".join(name.split())
    if not 1 <= len(found) <= LONGEST_NAME or not found.isprintable():
        raise DeckError("notification_name_invalid", status=422, limit=LONGEST_NAME)
    return found


def _require_new(name: str, known: Collection[str]) -> None:
    if name in known:
        raise Conflict("notification_name_taken", name=name)


def _require(found: F | None, code: str, id_: str) -> F:
    if found is None:
        raise NotFound(code, id=id_[:64])
    return found

"""Named writes of notifications: channels, rules, what is to be told, and what becomes of each message."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Table, and_, delete, insert, or_, select, update

from authdeck.notice import Happening, Rule
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading.notices import Channel, Delivery
from authdeck.storage.tables import deliveries, notices, notification_channels, notification_rules


def add_channel(connection: WriteConnection, channel: Channel) -> None:
    row = {
        "id": channel.id,
        "name": channel.name,
        "kind": channel.kind.value,
        "display": channel.display,
        "private": channel.private,
        "sealed": channel.sealed,
        "created_by": channel.created_by,
        "created_at": channel.created_at,
    }
    connection.execute(insert(notification_channels).values(row))


def remove_channel(connection: WriteConnection, channel: Channel, rules: Iterable[Rule], at: datetime) -> None:
    """Gone for everyone with its rules and its log, its name free again; what waits is over."""
    _take_away(connection, notification_channels, channel.id, channel.name, at)
    for rule in rules:
        remove_rule(connection, rule, at)
    over = {"status": "failed", "next_at": None, "ended_at": at, "error": {"code": "channel_removed", "params": {}}}
    waiting = and_(deliveries.c.channel == channel.id, deliveries.c.status == "waiting")
    connection.execute(update(deliveries).where(waiting).values(over))


def put_channel_back(connection: WriteConnection, channel: Channel, rules: Iterable[Rule]) -> None:
    _put_back(connection, notification_channels, channel.id, channel.name)
    for rule in rules:
        put_rule_back(connection, rule)


def add_rule(connection: WriteConnection, rule: Rule) -> None:
    own = {"id": rule.id, "paused": rule.paused, "created_by": rule.created_by, "created_at": rule.created_at}
    connection.execute(insert(notification_rules).values({**own, **_says(rule)}))


def change_rule(connection: WriteConnection, rule: Rule, former: Mapping[str, Any]) -> None:
    """What the rule says from now on; ``former`` is what it said before."""
    mine = notification_rules.c.id == rule.id
    connection.execute(update(notification_rules).where(mine).values({**_says(rule), "former": dict(former)}))


def _says(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "channel": rule.channel,
        "kinds": sorted(rule.kinds),
        "providers": sorted(rule.providers),
        "states": sorted(rule.states),
        "below": rule.below,
        "digest_minutes": rule.digest_minutes,
        "quiet_from": rule.quiet_from,
        "quiet_until": rule.quiet_until,
        "zone": rule.zone,
        "locale": rule.locale,
    }


def pause_rule(connection: WriteConnection, id_: str, *, paused: bool) -> None:
    """A paused rule also forgets what waits."""
    connection.execute(update(notification_rules).where(notification_rules.c.id == id_).values(paused=paused))
    if paused:
        connection.execute(delete(notices).where(notices.c.rule == id_))


def remove_rule(connection: WriteConnection, rule: Rule, at: datetime) -> None:
    """What was sent stays in the log; what waits to be told is forgotten."""
    connection.execute(delete(notices).where(notices.c.rule == rule.id))
    _take_away(connection, notification_rules, rule.id, rule.name, at)


def put_rule_back(connection: WriteConnection, rule: Rule) -> None:
    _put_back(connection, notification_rules, rule.id, rule.name)


def _take_away(connection: WriteConnection, table: Table, id_: str, name: str, at: datetime) -> None:
    """No real name begins with a space."""
    values = {"removed_at": at, "removed_name": name, "name": f" {id_}"}
    connection.execute(update(table).where(table.c.id == id_).values(values))


def _put_back(connection: WriteConnection, table: Table, id_: str, name: str) -> None:
    values = {"removed_at": None, "removed_name": None, "name": name}
    connection.execute(update(table).where(table.c.id == id_).values(values))


def forget_removed(connection: WriteConnection, before: datetime) -> None:
    """Channels and rules that were removed before: for good, a channel with its log."""
    channels = select(notification_channels.c.id).where(notification_channels.c.removed_at < before)
    rules = select(notification_rules.c.id).where(
        or_(notification_rules.c.removed_at < before, notification_rules.c.channel.in_(channels))
    )
    connection.execute(delete(notices).where(notices.c.rule.in_(rules)))
    connection.execute(delete(deliveries).where(deliveries.c.channel.in_(channels)))
    connection.execute(update(deliveries).where(deliveries.c.rule.in_(rules)).values(rule=None))
    connection.execute(delete(notification_rules).where(notification_rules.c.id.in_(rules)))
    connection.execute(delete(notification_channels).where(notification_channels.c.id.in_(channels)))


def note(connection: WriteConnection, rows: Iterable[tuple[str, Happening]]) -> None:
    """Keep what is to be told, each with the id of the rule that asks for it."""
    found = [
        {
            "rule": rule_id,
            "kind": happening.kind.value,
            "at": happening.at,
            "subject": happening.subject,
            "detail": {**happening.detail, "provider": happening.provider.value if happening.provider else None},
        }
        for rule_id, happening in rows
    ]
    if found:
        connection.execute(insert(notices), found)


def forget_waiting(connection: WriteConnection, rule_id: str, up_to: int, at: datetime) -> None:
    """These are part of a message now, which was made at that moment."""
    connection.execute(delete(notices).where(notices.c.rule == rule_id, notices.c.key <= up_to))
    connection.execute(update(notification_rules).where(notification_rules.c.id == rule_id).values(sent_at=at))


def add_delivery(connection: WriteConnection, delivery: Delivery) -> None:
    row = {
        "id": delivery.id,
        "channel": delivery.channel,
        "rule": delivery.rule,
        "status": delivery.status,
        "message": dict(delivery.message),
        "count": delivery.count,
        "attempts": delivery.attempts,
        "next_at": delivery.next_at,
        "created_at": delivery.created_at,
    }
    connection.execute(insert(deliveries).values(row))


def claim(connection: WriteConnection, delivery: Delivery, next_at: datetime | None, at: datetime) -> bool:
    """Say, before it is tried, that it is, and when it would be again. False: somebody else tries it.

    Without a next try it is over by then, unless this one ends well.
    """
    ours = and_(deliveries.c.id == delivery.id, deliveries.c.attempts == delivery.attempts, deliveries.c.next_at <= at)
    values: dict[str, Any] = {"attempts": delivery.attempts + 1, "next_at": next_at}
    if next_at is None:
        values |= {"status": "failed", "ended_at": at, "error": {"code": "notification_unanswered", "params": {}}}
    return connection.execute(update(deliveries).where(ours).values(values)).rowcount == 1


def end_try(
    connection: WriteConnection,
    id_: str,
    attempts: int,
    *,
    status: str,
    at: datetime,
    error: Mapping[str, Any] | None = None,
) -> bool:
    """How that try ended: ``delivered``, ``failed`` for good, or ``waiting`` for the next. Whether it was the last."""
    values: dict[str, Any] = {"status": status, "error": dict(error) if error else None}
    if status != "waiting":
        values |= {"next_at": None, "ended_at": at}
    ours = update(deliveries).where(deliveries.c.id == id_, deliveries.c.attempts == attempts)
    return connection.execute(ours.values(values)).rowcount == 1


def try_again(connection: WriteConnection, id_: str, at: datetime) -> None:
    """A person asks for it: as if it were new, under the same id."""
    values = {"status": "waiting", "attempts": 0, "next_at": at, "ended_at": None, "error": None}
    connection.execute(update(deliveries).where(deliveries.c.id == id_).values(values))


def prune(connection: WriteConnection, before: datetime) -> int:
    """Forget messages that are over and older than that."""
    old = and_(deliveries.c.created_at < before, deliveries.c.next_at.is_(None))
    return connection.execute(delete(deliveries).where(old)).rowcount

"""Named reads of notifications: channels, rules, what waits to be told, and what became of each message."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, exists, func, select

from authdeck.account import Provider
from authdeck.health import Health
from authdeck.notice import ChannelKind, Happening, Kind, Rule
from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import deliveries, notices, notification_channels, notification_rules


@dataclass(frozen=True, slots=True)
class Channel:
    """Where messages go. ``display`` is scheme and host; ``sealed`` holds the URL and the secret that signs."""

    id: str
    name: str
    kind: ChannelKind
    display: str
    private: bool
    created_by: str
    created_at: datetime
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message. ``status``: waiting, delivered or failed. ``next_at``: when it is tried (again)."""

    id: str
    channel: str
    rule: str | None
    status: str
    message: Mapping[str, Any]
    count: int
    attempts: int
    next_at: datetime | None
    error: Mapping[str, Any] | None
    created_at: datetime
    ended_at: datetime | None


def channels(connection: ReadConnection) -> list[Channel]:
    """By name."""
    asked = select(_CHANNELS).where(_CHANNELS.c.removed_at.is_(None)).order_by(_CHANNELS.c.name)
    return [_channel(row) for row in connection.execute(asked)]


def channel(connection: ReadConnection, id_: str) -> Channel | None:
    asked = select(_CHANNELS).where(_CHANNELS.c.id == id_, _CHANNELS.c.removed_at.is_(None))
    found = connection.execute(asked).one_or_none()
    return None if found is None else _channel(found)


def removed_channel(connection: ReadConnection, id_: str, since: datetime) -> tuple[Channel, datetime] | None:
    """The channel as it was, and when it was removed, if that was after ``since``."""
    asked = select(_CHANNELS).where(_CHANNELS.c.id == id_, _CHANNELS.c.removed_at > since)
    found = connection.execute(asked).one_or_none()
    return None if found is None else (replace(_channel(found), name=found.removed_name), found.removed_at)


def rules(connection: ReadConnection) -> list[Rule]:
    """By name, paused ones too."""
    asked = select(_RULES).where(_RULES.c.removed_at.is_(None)).order_by(_RULES.c.name)
    return [_rule(row) for row in connection.execute(asked)]


def rule(connection: ReadConnection, id_: str) -> Rule | None:
    found = connection.execute(select(_RULES).where(_RULES.c.id == id_, _RULES.c.removed_at.is_(None))).one_or_none()
    return None if found is None else _rule(found)


def removed_rule(connection: ReadConnection, id_: str, since: datetime) -> Rule | None:
    """The rule as it was, if it was removed after ``since``."""
    asked = select(_RULES).where(_RULES.c.id == id_, _RULES.c.removed_at > since)
    found = connection.execute(asked).one_or_none()
    return None if found is None else replace(_rule(found), name=found.removed_name)


def rules_removed_with(connection: ReadConnection, channel_id: str, at: datetime) -> list[Rule]:
    """The rules that went with their channel, as they were."""
    asked = select(_RULES).where(_RULES.c.channel == channel_id, _RULES.c.removed_at == at)
    return [replace(_rule(row), name=row.removed_name) for row in connection.execute(asked)]


def former_of(connection: ReadConnection, id_: str) -> Mapping[str, Any] | None:
    """What the rule said before its last change, as ``RuleWish`` takes it."""
    found: Mapping[str, Any] | None = connection.execute(
        select(_RULES.c.former).where(_RULES.c.id == id_)
    ).scalar_one_or_none()
    return found


def has_work(connection: ReadConnection, now: datetime) -> bool:
    """Whether anything waits to become a message, or a message to be sent."""
    waiting = exists().select_from(notices)
    due = select(deliveries.c.id).where(deliveries.c.next_at <= now, _to_a_channel()).exists()
    return bool(connection.execute(select(waiting | due)).scalar_one())


def oldest_waiting(connection: ReadConnection) -> dict[str, datetime]:
    """Since when something waits to be told, by rule."""
    asked = select(notices.c.rule, func.min(notices.c.at).label("since")).group_by(notices.c.rule)
    return {row.rule: row.since for row in connection.execute(asked)}


def waiting(connection: ReadConnection, rule_id: str, limit: int) -> tuple[list[Happening], dict[str, int], int]:
    """The first so many that wait for the rule, how many of each kind there are, and the last one's key."""
    mine = notices.c.rule == rule_id
    first = connection.execute(select(notices).where(mine).order_by(notices.c.at, notices.c.key).limit(limit))
    counted = (
        select(notices.c.kind, func.count().label("number"))
        .where(mine)
        .group_by(notices.c.kind)
        .order_by(notices.c.kind)
    )
    last = connection.execute(select(func.max(notices.c.key)).where(mine)).scalar_one_or_none()
    counts = {row.kind: row.number for row in connection.execute(counted)}
    return [_happening(row) for row in first], counts, int(last or 0)


def due(connection: ReadConnection, now: datetime, limit: int) -> list[Delivery]:
    """Messages to be sent now, the longest due first."""
    asked = select(deliveries).where(deliveries.c.next_at <= now, _to_a_channel())
    asked = asked.order_by(deliveries.c.next_at).limit(limit)
    return [_delivery(row) for row in connection.execute(asked)]


def log(connection: ReadConnection, *, limit: int, start: int = 0, channel_id: str | None = None) -> list[Delivery]:
    """Newest first."""
    order = (deliveries.c.created_at.desc(), deliveries.c.id)
    asked = _of(select(deliveries), channel_id).order_by(*order).limit(limit).offset(start)
    return [_delivery(row) for row in connection.execute(asked)]


def count_deliveries(connection: ReadConnection, channel_id: str | None = None) -> int:
    asked = _of(select(func.count()).select_from(deliveries), channel_id)
    return int(connection.execute(asked).scalar_one())


def delivery(connection: ReadConnection, id_: str) -> Delivery | None:
    found = connection.execute(select(deliveries).where(deliveries.c.id == id_, _to_a_channel())).one_or_none()
    return None if found is None else _delivery(found)


_CHANNELS = notification_channels
_RULES = notification_rules


def _of(asked: Select[Any], channel_id: str | None) -> Select[Any]:
    asked = asked.where(_to_a_channel())
    return asked if channel_id is None else asked.where(deliveries.c.channel == channel_id)


def _to_a_channel() -> ColumnElement[bool]:
    """Its channel was not removed."""
    return deliveries.c.channel.not_in(select(_CHANNELS.c.id).where(_CHANNELS.c.removed_at.is_not(None)))


def _channel(row: Row[Any]) -> Channel:
    return Channel(
        row.id, row.name, ChannelKind(row.kind), row.display, row.private, row.created_by, row.created_at, row.sealed
    )


def _rule(row: Row[Any]) -> Rule:
    return Rule(
        id=row.id,
        name=row.name,
        channel=row.channel,
        kinds=frozenset(map(Kind, row.kinds)),
        providers=frozenset(map(Provider, row.providers)),
        states=frozenset(map(Health, row.states)),
        below=row.below,
        digest_minutes=row.digest_minutes,
        quiet_from=row.quiet_from,
        quiet_until=row.quiet_until,
        zone=row.zone,
        locale=row.locale,
        paused=row.paused,
        sent_at=row.sent_at,
        created_by=row.created_by,
        created_at=row.created_at,
    )


def _happening(row: Row[Any]) -> Happening:
    told = dict(row.detail)
    named = told.pop("provider", None)
    return Happening(Kind(row.kind), row.at, row.subject, Provider(named) if named else None, told)


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        channel=row.channel,
        rule=row.rule,
        status=row.status,
        message=row.message,
        count=row._mapping["count"],  # noqa: SLF001 - a row has a method of that name
        attempts=row.attempts,
        next_at=row.next_at,
        error=row.error,
        created_at=row.created_at,
        ended_at=row.ended_at,
    )

"""Telling people: where to, what of, what is to be told, and what became of each message."""

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from authdeck.storage.tables.columns import Moment, control, key_column

notification_channels = Table(
    "notification_channels",
    control,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("display", Text, nullable=False),  # scheme and host: no path, no user, no password
    Column("private", Boolean, nullable=False),  # may be a private or loopback address
    Column("sealed", LargeBinary, nullable=False),  # URL, and the secret that signs
    Column("created_by", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("removed_at", Moment),  # gone for everyone; kept a day to be put back
    Column("removed_name", Text),  # meanwhile: the name itself is free again
)

notification_rules = Table(
    "notification_rules",
    control,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("channel", String(32), ForeignKey("notification_channels.id"), nullable=False, index=True),
    Column("kinds", JSON, nullable=False),
    Column("providers", JSON, nullable=False),  # [] is all of them
    Column("states", JSON, nullable=False),  # a change to one of these; [] is any
    Column("below", Integer),  # percent left
    Column("digest_minutes", Integer, nullable=False),
    Column("quiet_from", Integer),  # minutes of the day, in the rule's zone
    Column("quiet_until", Integer),
    Column("zone", Text, nullable=False),
    Column("locale", String(8), nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("sent_at", Moment),  # when its last message was made
    Column("former", JSON),  # what it said before its last change
    Column("created_by", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("removed_at", Moment),  # gone for everyone; kept a day to be put back
    Column("removed_name", Text),  # meanwhile: the name itself is free again
)

notices = Table(  # what no message holds yet
    "notices",
    control,
    key_column(),
    Column("rule", String(32), ForeignKey("notification_rules.id"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("at", Moment, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", JSON, nullable=False),
    Index("ix_notices_rule_at", "rule", "at"),
)

deliveries = Table(
    "deliveries",
    control,
    Column("id", String(32), primary_key=True),
    Column("channel", String(32), ForeignKey("notification_channels.id"), nullable=False, index=True),
    Column("rule", String(32), ForeignKey("notification_rules.id")),  # NULL: a test
    Column("status", String(16), nullable=False),  # waiting | delivered | failed
    Column("message", JSON, nullable=False),
    Column("count", Integer, nullable=False),  # notices in it
    Column("attempts", Integer, nullable=False),
    Column("next_at", Moment, index=True),  # moved on before each try; NULL: it is over
    Column("error", JSON),
    Column("created_at", Moment, nullable=False, index=True),
    Column("ended_at", Moment),
)

"""Who may come in, what they chose, and what they did."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from authdeck.storage.tables.columns import Moment, control, key_column

terms = Table(
    "terms",
    control,
    key_column(),
    Column("provider", String(32), nullable=False, index=True),
    Column("text_version", String(32), nullable=False),
    Column("operator", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
)

operators = Table(
    "operators",
    control,
    key_column(),
    Column("name", Text, nullable=False, unique=True),
    Column("role", String(16), nullable=False),  # viewer | operator | admin
    Column("created_at", Moment, nullable=False),
    Column("disabled_at", Moment),
)

admin_keys = Table(
    "admin_keys",
    control,
    key_column(),
    Column("operator", BigInteger, ForeignKey("operators.key"), nullable=False),
    Column("kind", String(12), nullable=False),  # generated | preset
    Column("hash", Text, nullable=False),  # keyed hash, or argon2id for the preset one
    Column("display", Text, nullable=False),  # its first characters
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("revoked_at", Moment),
    Column("last_used_at", Moment),
    Index(
        "uq_admin_keys_hash",
        "hash",
        unique=True,
        sqlite_where=text("revoked_at IS NULL"),
        postgresql_where=text("revoked_at IS NULL"),
    ),
)

sessions = Table(
    "sessions",
    control,
    Column("hash", String(64), primary_key=True),  # keyed hash of the cookie
    Column("operator", BigInteger, ForeignKey("operators.key"), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("used_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
)

sign_in_links = Table(
    "sign_in_links",
    control,
    Column("hash", String(64), primary_key=True),
    Column("operator", BigInteger, ForeignKey("operators.key"), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
)

client_keys = Table(
    "client_keys",
    control,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("display", Text, nullable=False),
    Column("scope", JSON, nullable=False),  # prefixes, providers, models; absent = all
    Column("rate_limit", Integer),  # requests a minute
    Column("created_at", Moment, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", Moment),
    Column("revoked_at", Moment),
    Column("last_used_at", Moment),
)

saved_views = Table(
    "saved_views",
    control,
    key_column(),
    Column("operator", BigInteger, ForeignKey("operators.key"), nullable=False),
    Column("name", Text, nullable=False),
    Column("page", String(24), nullable=False),
    Column("query", Text, nullable=False),
    Column("shared", Boolean, nullable=False),
    Column("removed_at", Moment),  # gone for everyone; kept a day to be put back
    Column("removed_name", Text),  # meanwhile: the name itself is free again
    UniqueConstraint("operator", "page", "name"),
)

server_settings = Table(
    "settings",
    control,
    Column("name", String(64), primary_key=True),
    Column("value", JSON, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("updated_by", Text, nullable=False),
)

audit = Table(  # append-only; one MAC chain a writer, so that a missing or changed entry shows
    "audit",
    control,
    Column("writer", String(32), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    Column("actor", Text, nullable=False),
    Column("what", String(48), nullable=False),
    Column("target", Text, nullable=False),
    Column("before", JSON),
    Column("after", JSON),
    Column("batch", String(32)),
    Column("mac", String(64), nullable=False),
)

"""Accounts, their names, credentials and ways out."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from authdeck.storage.tables.columns import Moment, account_column, control, key_column

proxies = Table(
    "proxies",
    control,
    key_column(),
    Column("url_hash", String(64), nullable=False, unique=True),  # keyed: equal URLs are one row
    Column("sealed", LargeBinary, nullable=False),
    Column("display", Text, nullable=False),  # scheme, host and port: no user, no password
    Column("health", String(16), nullable=False, server_default="unknown"),
    Column("health_at", Moment),
    Column("created_at", Moment, nullable=False),
)

upstreams = Table(
    "upstreams",
    control,
    key_column(),
    Column("origin", Text, nullable=False, unique=True),
    Column("private", Boolean, nullable=False),  # approved although it resolves to a private or loopback address
    Column("plain_http", Boolean, nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("approved_at", Moment, nullable=False),
)

accounts = Table(
    "accounts",
    control,
    key_column(),
    Column("auth_index", String(16), nullable=False, unique=True),
    Column("provider", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column(
        "identity_hash", String(64)
    ),  # keyed hash of provider, organisation, subject; NULL unless the strength is full
    Column("identity_strength", String(8), nullable=False),  # full | partial | none
    Column("identity_proven", Boolean, nullable=False),  # by a sign-in, not by a file's word
    Column("file_name", Text, nullable=False),
    Column("file_name_folded", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("email", Text, index=True),
    Column("plan", Text),
    Column("organization", Text),
    Column("subject", Text),
    Column("base_url", Text),
    Column("models", JSON, nullable=False),
    Column("note", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("project_id", Text),
    Column("prefix", Text),
    Column("headers_sealed", LargeBinary),
    Column("proxy", BigInteger, ForeignKey("proxies.key")),
    Column("excluded_models", JSON, nullable=False),
    Column("model_aliases", JSON, nullable=False),
    Column("disable_cooling", Boolean),
    Column("request_retry", Integer),
    Column("websockets", Boolean),
    Column("using_api", Boolean),
    Column("request_scoped_errors", JSON),  # NULL in rows older than the column
    Column("refresh_by", String(16), nullable=False),
    Column("locked", Boolean, nullable=False),
    Column("current_revision", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("version", Integer, nullable=False),  # only a person moves it
    Column("expires_at", Moment),  # of the current access token
    Column("unreadable", String(32)),  # code, where the sealed auth file can't be opened
    Column("last_request_at", Moment),  # flushed every few seconds, not on the answer's path
    Column("last_success_at", Moment),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("trashed_at", Moment),
    Column("trashed_by", Text),
    Column("purged_at", Moment),  # a tombstone: the auth_index is never given again
    Column("merged_into", BigInteger, ForeignKey("accounts.key")),
    Index(
        "uq_accounts_identity_hash",
        "identity_hash",
        unique=True,
        sqlite_where=text("identity_hash IS NOT NULL AND purged_at IS NULL AND merged_into IS NULL"),
        postgresql_where=text("identity_hash IS NOT NULL AND purged_at IS NULL AND merged_into IS NULL"),
    ),
    Index(
        "uq_accounts_file_name_folded",
        "file_name_folded",
        unique=True,
        sqlite_where=text("trashed_at IS NULL AND purged_at IS NULL AND merged_into IS NULL"),
        postgresql_where=text("trashed_at IS NULL AND purged_at IS NULL AND merged_into IS NULL"),
    ),
    Index(
        "ix_accounts_trashed",
        "trashed_at",
        "key",
        sqlite_where=text("trashed_at IS NOT NULL AND purged_at IS NULL AND merged_into IS NULL"),
        postgresql_where=text("trashed_at IS NOT NULL AND purged_at IS NULL AND merged_into IS NULL"),
    ),
    CheckConstraint("weight BETWEEN 0 AND 1000000", name="weight"),
    sqlite_autoincrement=True,
)

aliases = Table(
    "aliases",
    control,
    key_column(),
    Column("kind", String(24), nullable=False),  # cliproxyapi_index | file_name | auth_index
    Column("value", Text, nullable=False, index=True),
    account_column(index=True),
    Column("source", Text, nullable=False),
    Column("since", Moment, nullable=False),
    Column("until", Moment),
    UniqueConstraint("kind", "value", "account"),
)

revisions = Table(
    "revisions",
    control,
    Column("account", BigInteger, ForeignKey("accounts.key"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("parent", Integer),  # NULL for the first
    Column("generation", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("why", String(16), nullable=False),  # imported | logged_in | refreshed | edited | restored
    Column("source", String(32), nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("changed_fields", JSON, nullable=False),
    Column("expires_at", Moment),
)

fingerprints = Table(
    "fingerprints",
    control,
    Column("hash", String(64), primary_key=True),  # keyed; outlives the revision it came from
    Column("account", BigInteger, ForeignKey("accounts.key"), primary_key=True, index=True),
    Column("kind", String(16), primary_key=True),
    Column("revision", Integer, nullable=False),
)

"""All tables of the control database, and those of the monitoring database.

Keys are integers inside; everything outside, the monitoring database included, names accounts by ``auth_index``.
Moments are integers: microseconds since 1970 UTC in the control database, milliseconds in monitoring.
``sealed`` columns hold bytes of the form that ``docs/vault-format.md`` describes. The invariants beside each table are
DECISIONS §6; the migrations are what creates them, and a test compares the two.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
    true,
)

from authdeck.clock import from_micros, to_micros

_NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

control: Final = MetaData(naming_convention=_NAMES)
monitoring: Final = MetaData(naming_convention=_NAMES)


class Moment(TypeDecorator[datetime]):
    """An aware UTC moment, stored as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        del dialect
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        del dialect
        return None if value is None else from_micros(value)


def _key() -> Column[int]:
    # SQLite numbers a row only where the key's type is INTEGER; PostgreSQL takes BIGINT.
    return Column("key", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


def _account(**options: Any) -> Column[int]:
    return Column("account", BigInteger, ForeignKey("accounts.key"), nullable=False, **options)


_OPEN: Final = text("released_at IS NULL")
_STILL_OPEN: Final = text("closed_at IS NULL")

installation = Table(
    "installation",
    control,
    Column("id", String(32), primary_key=True),
    Column("key_check", LargeBinary, nullable=False),  # a known text under the master key: a wrong key fails at start
    Column("created_at", Moment, nullable=False),
)

key_terms = Table(
    "key_terms",
    control,
    Column("term", Integer, primary_key=True),
    Column("purpose", String(16), primary_key=True),  # seal | index
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("retired_at", Moment),
)

proxies = Table(
    "proxies",
    control,
    _key(),
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
    _key(),
    Column("origin", Text, nullable=False, unique=True),
    Column("private", Boolean, nullable=False),  # approved although it resolves to a private or loopback address
    Column("plain_http", Boolean, nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("approved_at", Moment, nullable=False),
)

accounts = Table(
    "accounts",
    control,
    _key(),
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
    CheckConstraint("weight BETWEEN 0 AND 1000000", name="weight"),
    sqlite_autoincrement=True,
)

aliases = Table(
    "aliases",
    control,
    _key(),
    Column("kind", String(24), nullable=False),  # cliproxyapi_index | file_name | auth_index
    Column("value", Text, nullable=False, index=True),
    _account(index=True),
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

holds = Table(
    "holds",
    control,
    _key(),
    _account(index=True),
    Column("owner", String(16), nullable=False),
    Column("code", String(48), nullable=False),
    Column("scope", Text, nullable=False, server_default=text("''")),  # a model, or "" for the whole account
    Column("since", Moment, nullable=False),
    Column("until", Moment),
    Column("note", Text, nullable=False),
    Column("detail", JSON, nullable=False),
    Column("evidence", BigInteger),
    Column("actor", Text, nullable=False),
    Column("incident", BigInteger),
    Column("released_at", Moment),
    Column("released_by", Text),
    Index(
        "uq_holds_open",
        "account",
        "owner",
        "code",
        "scope",
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    ),
)

watermarks = Table(
    "watermarks",
    control,
    Column("account", BigInteger, ForeignKey("accounts.key"), primary_key=True),
    Column("owner", String(16), primary_key=True),
    Column("code", String(48), primary_key=True),
    Column("at", Moment, nullable=False),  # evidence observed before it can't raise the hold again
    Column("actor", Text, nullable=False),
)

evidence = Table(
    "evidence",
    control,
    _key(),
    _account(),
    Column("generation", Integer, nullable=False),
    Column("source", String(16), nullable=False),
    Column("signal", String(48), nullable=False),
    Column("scope", Text, nullable=False, server_default=text("''")),
    Column("first_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
    Column("count", Integer, nullable=False),
    Column("request_id", String(32)),
    Column("detail", JSON, nullable=False),
    Column("code", String(48), nullable=False, server_default=text("''")),
    Column("previous_at", Moment),  # the newest one before last_at: two in a row count where one does not
    Column("is_dated", Boolean, nullable=False, server_default=true()),  # else the times are those of learning it
    Column("until", Moment),
    Column("judgement", JSON),  # what the verdict said follows from it
    Index("ix_evidence_account_last_at", "account", "last_at"),
)

_WINDOW = (
    ("window", String(24)),
    ("scope", Text),
)

quota_windows = Table(
    "quota_windows",
    control,
    Column("account", BigInteger, ForeignKey("accounts.key"), primary_key=True),
    *(Column(name, kind, primary_key=True) for name, kind in _WINDOW),
    Column("used_percent", Float),
    Column("resets_at", Moment),
    Column("source", String(16), nullable=False),
    Column("accuracy", String(16), nullable=False),
    Column("observed_at", Moment, nullable=False),
    Column("detail", JSON, nullable=False),
)

quota_history = Table(
    "quota_history",
    control,
    _key(),
    _account(),
    *(Column(name, kind, nullable=False) for name, kind in _WINDOW),
    Column("used_percent", Float),
    Column("resets_at", Moment),
    Column("source", String(16), nullable=False),
    Column("accuracy", String(16), nullable=False),
    Column("observed_at", Moment, nullable=False),
    Column("is_reset", Boolean, nullable=False, server_default=false()),  # the window began anew before it
    Index("ix_quota_history_account_observed_at", "account", "observed_at"),
)

account_state = Table(  # derived: delete and rebuild at will
    "account_state",
    control,
    Column("account", BigInteger, ForeignKey("accounts.key"), primary_key=True),
    Column("health", String(16), nullable=False),
    Column("problem", Boolean, nullable=False),
    Column("risk", Integer, nullable=False),
    Column("next_change_at", Moment, index=True),
    Column("computed_at", Moment, nullable=False),
)

leases = Table(
    "leases",
    control,
    Column("name", String(96), primary_key=True),
    Column("owner", String(32), nullable=False),  # boot id
    Column("fence", BigInteger, nullable=False),  # only grows
    Column("until", Moment, nullable=False),  # by the database's clock
)

processes = Table(
    "processes",
    control,
    Column("boot", String(32), primary_key=True),
    Column("host", Text, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("heartbeat", Moment, nullable=False),
)

refresh_journal = Table(
    "refresh_journal",
    control,
    _key(),
    _account(),
    Column("from_revision", Integer, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("boot", String(32), nullable=False),
    Column("sent_at", Moment, nullable=False),  # committed before the call
    Column("ended_at", Moment),
    Column("outcome", String(8)),  # ok | refused | unknown | failed; NULL while open
    Column("code", Text),
    Column("new_revision", Integer),
    Index(
        "uq_refresh_journal_open",
        "account",
        unique=True,
        sqlite_where=text("outcome IS NULL"),
        postgresql_where=text("outcome IS NULL"),
    ),
)

batches = Table(
    "batches",
    control,
    Column("id", String(32), primary_key=True),
    Column("kind", String(24), nullable=False),
    Column("actor", Text, nullable=False),
    Column("selection", JSON, nullable=False),
    Column("change", JSON, nullable=False),
    Column("status", String(16), nullable=False, index=True),
    Column("cursor", Integer, nullable=False, server_default="0"),
    Column("preview_of", String(32)),
    Column("undo_of", String(32)),
    Column("created_at", Moment, nullable=False, index=True),
    Column("ended_at", Moment),
    Column("idempotency_key", Text, unique=True),  # with the actor's name before it
    Column("accounts", LargeBinary),  # 8 bytes of auth_index a row: exactly these, in this order
    Column("sealed", LargeBinary),  # secrets of the change
    Column("total", Integer),
    Column("counts", JSON),  # rows by outcome
    Column("expires_at", Moment),  # of a preview
    Column("request_hash", String(64)),  # what an idempotency key came with
)

batch_items = Table(
    "batch_items",
    control,
    Column("batch", String(32), ForeignKey("batches.id"), primary_key=True),
    Column("row", Integer, primary_key=True),
    Column("account", BigInteger, ForeignKey("accounts.key"), index=True),
    Column("subject", Text, nullable=False),  # file name, or what the row was about
    Column("before", JSON),
    Column("after", JSON),
    Column("sealed", LargeBinary),  # secrets among before and after
    Column("outcome", String(16), nullable=False),
    Column("reason", JSON),
    Column("differs", JSON),  # what was otherwise than the preview or the undo expected
)

changes = Table(  # the change feed: read by every process, kept for an hour
    "changes",
    control,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("kind", String(24), nullable=False),
    Column("subject", Text, nullable=False),
    Column("boot", String(32), nullable=False),
    Column("at", Moment, nullable=False),
    sqlite_autoincrement=True,
)

candidates = Table(
    "candidates",
    control,
    _key(),
    _account(),
    Column("reason_code", String(48), nullable=False),
    Column("suggested_action", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("hits", Integer, nullable=False),
    Column("first_seen", Moment, nullable=False),
    Column("last_seen", Moment, nullable=False),
    Column("evidence", BigInteger),
    Column("ignored_until", Moment),
    Column("resolved_by", Text),
    Column("resolved_at", Moment),
    Index(
        "uq_candidates_open",
        "account",
        "reason_code",
        unique=True,
        sqlite_where=text("status = 'pending'"),
        postgresql_where=text("status = 'pending'"),
    ),
)

incidents = Table(
    "incidents",
    control,
    _key(),
    Column("cause", String(48), nullable=False),
    Column("subject", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("closed_at", Moment),
    Column("detail", JSON, nullable=False),
    Column("last_at", Moment),
    Index(
        "uq_incidents_open",
        "cause",
        "subject",
        unique=True,
        sqlite_where=_STILL_OPEN,
        postgresql_where=_STILL_OPEN,
    ),
)

inspections = Table(
    "inspections",
    control,
    Column("id", String(32), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("policy", JSON, nullable=False),
    Column("cursor", Integer, nullable=False, server_default="0"),
    Column("boot", String(32), nullable=False),
    Column("actor", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("ended_at", Moment),
)

inspection_results = Table(
    "inspection_results",
    control,
    Column("inspection", String(32), ForeignKey("inspections.id"), primary_key=True),
    Column("account", BigInteger, ForeignKey("accounts.key"), primary_key=True),
    Column("action", String(16), nullable=False),
    Column("reason_code", String(48), nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("at", Moment, nullable=False),
)

schedules = Table(
    "schedules",
    control,
    _key(),
    Column("name", Text, nullable=False),
    Column("timing", JSON, nullable=False),
    Column("policy", JSON, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("next_at", Moment, index=True),
)

logins = Table(
    "logins",
    control,
    Column("id", String(32), primary_key=True),
    Column("provider", String(32), nullable=False),
    Column("account", BigInteger, ForeignKey("accounts.key")),
    Column("state_hash", String(64), unique=True),
    Column("sealed", LargeBinary),  # verifier or device code
    Column("session", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("outcome", JSON),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)

terms = Table(
    "terms",
    control,
    _key(),
    Column("provider", String(32), nullable=False, index=True),
    Column("text_version", String(32), nullable=False),
    Column("operator", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
)

operators = Table(
    "operators",
    control,
    _key(),
    Column("name", Text, nullable=False, unique=True),
    Column("role", String(16), nullable=False),  # viewer | operator | admin
    Column("created_at", Moment, nullable=False),
    Column("disabled_at", Moment),
)

admin_keys = Table(
    "admin_keys",
    control,
    _key(),
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
    _key(),
    Column("operator", BigInteger, ForeignKey("operators.key"), nullable=False),
    Column("name", Text, nullable=False),
    Column("page", String(24), nullable=False),
    Column("query", Text, nullable=False),
    Column("shared", Boolean, nullable=False),
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

# ---- monitoring: a file of its own, or the schema "monitoring" on PostgreSQL ----

names = Table(
    "names",
    monitoring,
    Column("id", Integer, primary_key=True),
    Column("kind", String(12), nullable=False),  # the column of ``requests`` that it stands in
    Column("text", Text, nullable=False),
    UniqueConstraint("kind", "text"),
)

FAILED: Final = "failure IS NOT NULL OR status >= 400"
"""What counts as a failed request. Queries use these very words, or the index of failed ones is not taken."""

requests = Table(
    "requests",
    monitoring,
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", LargeBinary(16), nullable=False, unique=True),
    Column("at_ms", BigInteger, nullable=False, index=True),
    *(
        Column(name, Integer)
        for name in ("account", "file", "model", "provider", "client_key", "endpoint", "prefix", "project", "failure")
    ),
    Column("status", Integer, nullable=False),
    Column("streamed", Boolean, nullable=False),
    Column("latency_us", BigInteger, nullable=False),
    Column("ttfb_us", BigInteger),
    *(Column(f"tokens_{name}", BigInteger) for name in ("input", "output", "cached", "reasoning")),
    Column("failure_summary", Text),
    Column("attempts", LargeBinary),  # msgpack: [account, status, kind, microseconds] each
    Index("ix_requests_account_at_ms", "account", "at_ms"),
    Index("ix_requests_failed_at_ms", "at_ms", sqlite_where=text(FAILED), postgresql_where=text(FAILED)),
)

_SUMS = ("requests", "failures", "tokens_input", "tokens_output", "tokens_cached", "tokens_reasoning", "latency_us")


def _sums() -> list[Column[int]]:
    return [Column(name, BigInteger, nullable=False, server_default="0") for name in _SUMS]


hour_model = Table(
    "hour_model",
    monitoring,
    Column("hour", Integer, primary_key=True),  # hours since 1970
    Column("model", Integer, primary_key=True),  # 0: none was named
    Column("provider", Integer, primary_key=True),  # 0: none served
    *_sums(),
    sqlite_with_rowid=False,
)

day_account = Table(
    "day_account",
    monitoring,
    Column("day", Integer, primary_key=True),  # days since 1970
    Column("account", Integer, primary_key=True),
    *_sums(),
    sqlite_with_rowid=False,
)

latency_buckets = Table(
    "latency_buckets",
    monitoring,
    Column("hour", Integer, primary_key=True),
    Column("model", Integer, primary_key=True),
    Column("kind", String(8), primary_key=True),  # latency | ttfb
    Column("bucket", Integer, primary_key=True),  # storage.latency says how wide
    Column("count", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

RUNNING: Final = "running"
"""The note of a run that is not over (SQLite): not a hole yet."""

gaps = Table(  # every known hole
    "gaps",
    monitoring,
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("from_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("why", String(32), nullable=False),
    Column("count", BigInteger),
)

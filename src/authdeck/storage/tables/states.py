"""What holds an account back, what was seen of it, and what follows."""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    false,
    text,
    true,
)

from authdeck.storage.tables.columns import Moment, account_column, control, key_column

_OPEN: Final = text("released_at IS NULL")
_STILL_OPEN: Final = text("closed_at IS NULL")
_LIVE: Final = text("status IN ('pending', 'ignored', 'failed')")

holds = Table(
    "holds",
    control,
    key_column(),
    account_column(index=True),
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
    Column("former_at", Moment),  # what it was before that release, which may be undone
)

evidence = Table(
    "evidence",
    control,
    key_column(),
    account_column(),
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
    key_column(),
    account_column(),
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

candidates = Table(
    "candidates",
    control,
    key_column(),
    account_column(),
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
    Column("resolution", String(24)),  # why it is not pending
    Column("batch", String(32), index=True),  # the change that did it, or failed to
    Index("ix_candidates_account", "account"),
    Index("ix_candidates_status_last_seen", "status", "last_seen"),
    Index(
        "uq_candidates_live",
        "account",
        "reason_code",
        unique=True,
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    ),
)

incidents = Table(
    "incidents",
    control,
    key_column(),
    Column("cause", String(48), nullable=False),
    Column("subject", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("closed_at", Moment),
    Column("detail", JSON, nullable=False),
    Column("last_at", Moment),
    Column("closed_by", Text),
    Index(
        "uq_incidents_open",
        "cause",
        "subject",
        unique=True,
        sqlite_where=_STILL_OPEN,
        postgresql_where=_STILL_OPEN,
    ),
)

"""The monitoring database: a file of its own, or the schema ``monitoring`` on PostgreSQL."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from authdeck.storage.tables.columns import monitoring

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

TRACED: Final = "trace IS NOT NULL"

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
    Column("trace", Text),
    Index("ix_requests_account_at_ms", "account", "at_ms"),
    Index("ix_requests_failed_at_ms", "at_ms", sqlite_where=text(FAILED), postgresql_where=text(FAILED)),
    Index("ix_requests_trace", "trace", sqlite_where=text(TRACED), postgresql_where=text(TRACED)),
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

hour_caller = Table(
    "hour_caller",
    monitoring,
    Column("hour", Integer, primary_key=True),
    Column("client_key", Integer, primary_key=True),
    *_sums(),
    sqlite_with_rowid=False,
)

latency_buckets = Table(  # of hours that have not settled, and of what came to others since
    "latency_buckets",
    monitoring,
    Column("hour", Integer, primary_key=True),
    Column("model", Integer, primary_key=True),
    Column("kind", String(8), primary_key=True),  # latency | ttfb
    Column("bucket", Integer, primary_key=True),  # storage.latency says how wide
    Column("count", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)


def _packs() -> list[Column[bytes]]:
    """Counts by bucket; ``storage.latency`` says how they are packed."""
    return [Column(kind, LargeBinary, nullable=False) for kind in ("latency", "ttfb")]


# Latencies of hours that have settled: their rows went from latency_buckets to all three of these. Later ones follow.

hour_times = Table(
    "hour_times",
    monitoring,
    Column("hour", Integer, primary_key=True, autoincrement=False),
    *_packs(),
    sqlite_with_rowid=False,
)

hour_model_times = Table(
    "hour_model_times",
    monitoring,
    Column("hour", Integer, primary_key=True),
    Column("model", Integer, primary_key=True),
    *_packs(),
    sqlite_with_rowid=False,
)

day_model_times = Table(  # of those hours of a day (UTC) that have settled
    "day_model_times",
    monitoring,
    Column("day", Integer, primary_key=True),
    Column("model", Integer, primary_key=True),
    *_packs(),
    sqlite_with_rowid=False,
)

TOGETHER: Final = -1
"""In ``tallies``: those of every name are counted together here."""
ALL: Final = -2
"""The same of a tally's project, where nothing but failure and status is told apart."""

tallies = Table(
    # Derived: requests of a finished hour or day (UTC) that were alike. Three times: by all but the project, which is
    # TOGETHER; those with a project by that, failure and status; and by failure and status alone, the project ALL.
    "tallies",
    monitoring,
    Column("span", String(4), primary_key=True),  # hour | day
    Column("number", Integer, primary_key=True),  # since 1970
    Column("project", Integer, primary_key=True),
    *(Column(name, Integer, primary_key=True) for name in ("prefix", "model", "provider", "failure")),  # 0: none
    Column("status", Integer, primary_key=True),
    *_sums(),
    sqlite_with_rowid=False,
)

settled = Table(  # how many requests an hour or day had when it settled: others have come since, or none
    "settled",
    monitoring,
    Column("span", String(4), primary_key=True),  # hour | day
    Column("number", Integer, primary_key=True),  # since 1970
    Column("requests", BigInteger, nullable=False),
    Column("tallied", BigInteger),  # of how many its tallies were made, which nobody can make once requests are gone
    sqlite_with_rowid=False,
)

RUNNING: Final = "running"
"""How the note of a run that is not over begins; on PostgreSQL the run's name follows. It is not a hole yet."""

gaps = Table(  # every known hole
    "gaps",
    monitoring,
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("from_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("why", String(32), nullable=False),
    Column("count", BigInteger),
)

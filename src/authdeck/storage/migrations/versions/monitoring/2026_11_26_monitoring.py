"""Sums by client key, latencies of finished hours and days, and the trace id of a request."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_monitoring"
down_revision = "2026_11_25_sums_by_key"
branch_labels = None
depends_on = None

_SUMS = ("requests", "failures", "tokens_input", "tokens_output", "tokens_cached", "tokens_reasoning", "latency_us")
_TRACED = sa.text("trace IS NOT NULL")


def upgrade() -> None:
    op.add_column("requests", sa.Column("trace", sa.Text(), nullable=True))
    op.create_index("ix_requests_trace", "requests", ["trace"], sqlite_where=_TRACED, postgresql_where=_TRACED)
    op.create_table(
        "hour_caller",
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("client_key", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), server_default="0", nullable=False) for name in _SUMS),
        sa.PrimaryKeyConstraint("hour", "client_key", name=op.f("pk_hour_caller")),
        sqlite_with_rowid=False,
    )
    op.execute(_CALLERS_UNTIL_NOW)
    op.create_table(
        "hour_latency",
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "kind", "bucket", name=op.f("pk_hour_latency")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "day_latency",
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "model", "kind", "bucket", name=op.f("pk_day_latency")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "settled",
        sa.Column("span", sa.String(length=4), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("span", "number", name=op.f("pk_settled")),
        sqlite_with_rowid=False,
    )


_CALLERS_UNTIL_NOW = """
    INSERT INTO hour_caller (
        hour, client_key, requests, failures, tokens_input, tokens_output, tokens_cached, tokens_reasoning, latency_us)
    SELECT at_ms / 3600000, client_key, count(*),
        sum(CASE WHEN failure IS NOT NULL OR status >= 400 THEN 1 ELSE 0 END),
        coalesce(sum(tokens_input), 0), coalesce(sum(tokens_output), 0),
        coalesce(sum(tokens_cached), 0), coalesce(sum(tokens_reasoning), 0), sum(latency_us)
    FROM requests WHERE client_key IS NOT NULL GROUP BY 1, 2"""

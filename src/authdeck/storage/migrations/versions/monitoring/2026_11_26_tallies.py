"""Latencies of finished hours and days as one packed row each, and counts of requests that were alike.

All of it is derived: what was settled before settles once more.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_tallies"
down_revision = "2026_11_26_monitoring"
branch_labels = None
depends_on = None

_SUMS = ("requests", "failures", "tokens_input", "tokens_output", "tokens_cached", "tokens_reasoning", "latency_us")
_ALIKE = ("project", "number", "prefix", "model", "provider", "failure", "status")


def upgrade() -> None:
    op.drop_table("hour_latency")
    op.drop_table("day_latency")
    op.execute("DELETE FROM settled")
    op.add_column("settled", sa.Column("tallied", sa.BigInteger(), nullable=True))
    op.create_table(
        "hour_times",
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("latency", sa.LargeBinary(), nullable=False),
        sa.Column("ttfb", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("hour", name=op.f("pk_hour_times")),
    )
    op.create_table(
        "day_times",
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("latency", sa.LargeBinary(), nullable=False),
        sa.Column("ttfb", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("day", "model", name=op.f("pk_day_times")),
    )
    op.create_table(
        "tallies",
        sa.Column("span", sa.String(length=4), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in _ALIKE),
        *(sa.Column(name, sa.BigInteger(), server_default="0", nullable=False) for name in _SUMS),
        sa.PrimaryKeyConstraint("span", *_ALIKE, name=op.f("pk_tallies")),
        sqlite_with_rowid=False,
    )

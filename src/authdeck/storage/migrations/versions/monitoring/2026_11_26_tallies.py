"""Latencies of finished hours and days as packed rows, and counts of requests that were alike.

All of it is made of what is there: each hour settles once more.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_tallies"
down_revision = "2026_11_26_monitoring"
branch_labels = None
depends_on = None

_SUMS = ("requests", "failures", "tokens_input", "tokens_output", "tokens_cached", "tokens_reasoning", "latency_us")
_ALIKE = ("number", "project", "prefix", "model", "provider", "failure", "status")


def upgrade() -> None:
    op.drop_table("hour_latency")
    op.drop_table("day_latency")
    op.execute("DELETE FROM settled")
    op.add_column("settled", sa.Column("tallied", sa.BigInteger(), nullable=True))
    for name, keys in (
        ("hour_times", ("hour",)),
        ("hour_model_times", ("hour", "model")),
        ("day_model_times", ("day", "model")),
    ):
        op.create_table(
            name,
            *(sa.Column(key, sa.Integer(), nullable=False) for key in keys),
            sa.Column("latency", sa.LargeBinary(), nullable=False),
            sa.Column("ttfb", sa.LargeBinary(), nullable=False),
            sa.PrimaryKeyConstraint(*keys, name=op.f(f"pk_{name}")),
            sqlite_with_rowid=False,
        )
    op.create_table(
        "tallies",
        sa.Column("span", sa.String(length=4), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in _ALIKE),
        *(sa.Column(name, sa.BigInteger(), server_default="0", nullable=False) for name in _SUMS),
        sa.PrimaryKeyConstraint("span", *_ALIKE, name=op.f("pk_tallies")),
        sqlite_with_rowid=False,
    )

"""Evidence names its reason and what follows from it; resets are seen; one open incident a cause."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_evidence"
down_revision = "2026_11_23_first"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("code", sa.String(length=48), nullable=False, server_default=sa.text("''")),
        sa.Column("previous_at", sa.BigInteger(), nullable=True),
        sa.Column("is_dated", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("judgement", sa.JSON(), nullable=True),
    ):
        op.add_column("evidence", column)
    op.add_column("quota_history", sa.Column("is_reset", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("incidents", sa.Column("last_at", sa.BigInteger(), nullable=True))
    still_open = sa.text("closed_at IS NULL")
    op.create_index(
        "uq_incidents_open",
        "incidents",
        ["cause", "subject"],
        unique=True,
        sqlite_where=still_open,
        postgresql_where=still_open,
    )

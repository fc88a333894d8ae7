"""What providers answered when they were asked for an account's limits."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_quota"
down_revision = "2026_11_26_notifications"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "quota_answers",
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("extras", sa.JSON(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["accounts.key"], name=op.f("fk_quota_answers_account")),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_quota_answers")),
    )

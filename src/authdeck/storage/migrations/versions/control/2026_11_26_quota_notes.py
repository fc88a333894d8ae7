"""What providers changed about accounts' limits: rows of their own, with their time and who saw it."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_quota_notes"
down_revision = "2026_11_26_seen_headers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "quota_notes",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.key"], name=op.f("fk_quota_notes_account")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_quota_notes")),
    )
    op.create_index("ix_quota_notes_account_at", "quota_notes", ["account", "at"], unique=False)
    _move_notes()


def _move_notes() -> None:
    """Out of the answers that they stood in, where they had no time: that of the answer is the nearest there is."""
    connection = op.get_bind()
    answers = sa.table(
        "quota_answers", sa.column("account"), sa.column("extras", sa.JSON()), sa.column("told_at", sa.BigInteger())
    )
    notes = sa.table(
        "quota_notes", sa.column("account"), sa.column("at"), sa.column("source"), sa.column("code"),
        sa.column("params", sa.JSON()),
    )  # fmt: skip
    rows = [
        {"account": row.account, "at": row.told_at, "source": "quota_query", "code": code, "params": params}
        for row in connection.execute(sa.select(answers).where(answers.c.told_at.is_not(None)))
        for code, params in reversed(row.extras.get("noted", ()))
    ]
    if rows:
        connection.execute(sa.insert(notes), rows)

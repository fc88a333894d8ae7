"""Headers of answers, as each account's were last seen."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_seen_headers"
down_revision = "2026_11_26_rules_changed"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "seen_headers",
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.key"], name=op.f("fk_seen_headers_account")),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_seen_headers")),
    )

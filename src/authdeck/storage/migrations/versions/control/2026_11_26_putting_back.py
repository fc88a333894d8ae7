"""What a person took away can be put back for a day: channels, rules, views, holds. And the trash in its order."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_putting_back"
down_revision = "2026_11_26_inspection_keys"
branch_labels = None
depends_on = None

_IN_TRASH = sa.text("trashed_at IS NOT NULL AND purged_at IS NULL AND merged_into IS NULL")


def upgrade() -> None:
    for table in ("notification_channels", "notification_rules", "saved_views"):
        op.add_column(table, sa.Column("removed_at", sa.BigInteger(), nullable=True))
        op.add_column(table, sa.Column("removed_name", sa.Text(), nullable=True))
    op.create_index(
        "ix_accounts_trashed", "accounts", ["trashed_at", "key"], unique=False,
        sqlite_where=_IN_TRASH, postgresql_where=_IN_TRASH,
    )  # fmt: skip
    op.add_column("watermarks", sa.Column("former_at", sa.BigInteger(), nullable=True))

"""What a person took away stays for a day, so that it can be put back: channels, rules, views, released holds."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_putting_back"
down_revision = "2026_11_26_inspection"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("notification_channels", "notification_rules", "saved_views"):
        op.add_column(table, sa.Column("removed_at", sa.BigInteger(), nullable=True))
        op.add_column(table, sa.Column("removed_name", sa.Text(), nullable=True))
    op.add_column("watermarks", sa.Column("former_at", sa.BigInteger(), nullable=True))

"""Notification rules remember what they said before their last change."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_rules_changed"
down_revision = "2026_11_26_trash"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notification_rules", sa.Column("former", sa.JSON(), nullable=True))

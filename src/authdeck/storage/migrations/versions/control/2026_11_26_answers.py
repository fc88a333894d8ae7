"""Batches whose rows are rows of the action queue."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_answers"
down_revision = "2026_11_26_putting_back"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("batches", sa.Column("queue_rows", sa.LargeBinary(), nullable=True))

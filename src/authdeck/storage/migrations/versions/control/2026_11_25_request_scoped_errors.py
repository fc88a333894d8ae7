"""Accounts say which failures are the request's own."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_request_scoped_errors"
down_revision = "2026_11_25_batches"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("request_scoped_errors", sa.JSON(), nullable=True))

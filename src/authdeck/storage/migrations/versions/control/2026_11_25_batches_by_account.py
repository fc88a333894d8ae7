"""An account's history asks which changes of many accounts were its own."""

from alembic import op

revision = "2026_11_25_batches_by_account"
down_revision = "2026_11_25_request_scoped_errors"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_batch_items_account"), "batch_items", ["account"], unique=False)

"""A queue row stays one while it is live, and says why it closed; incidents say who closed them."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_queue"
down_revision = "2026_11_25_batches_by_account"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("candidates", sa.Column("resolution", sa.String(length=24), nullable=True))
    op.add_column("candidates", sa.Column("batch", sa.String(length=32), nullable=True))
    op.add_column("incidents", sa.Column("closed_by", sa.Text(), nullable=True))
    live = sa.text("status IN ('pending', 'ignored', 'failed')")
    op.drop_index("uq_candidates_open", table_name="candidates")
    op.create_index(
        "uq_candidates_live",
        "candidates",
        ["account", "reason_code"],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )
    op.create_index("ix_candidates_account", "candidates", ["account"], unique=False)
    op.create_index("ix_candidates_status_last_seen", "candidates", ["status", "last_seen"], unique=False)
    op.create_index("ix_candidates_batch", "candidates", ["batch"], unique=False)

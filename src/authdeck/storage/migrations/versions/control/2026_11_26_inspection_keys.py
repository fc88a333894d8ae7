"""An inspection that was asked for twice with one Idempotency-Key is one."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_inspection_keys"
down_revision = "2026_11_26_answers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("inspections", sa.Column("idempotency_key", sa.Text(), nullable=True))
    op.add_column("inspections", sa.Column("request_hash", sa.String(length=64), nullable=True))
    op.create_index("uq_inspections_idempotency_key", "inspections", ["idempotency_key"], unique=True)

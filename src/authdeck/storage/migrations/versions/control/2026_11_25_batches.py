"""Batches of any size: the rows they are about, what is sealed of the change, counts, previews that expire."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_batches"
down_revision = "2026_11_25_evidence"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("batches", sa.Column("accounts", sa.LargeBinary(), nullable=True))
    op.add_column("batches", sa.Column("sealed", sa.LargeBinary(), nullable=True))
    op.add_column("batches", sa.Column("total", sa.Integer(), nullable=True))
    op.add_column("batches", sa.Column("counts", sa.JSON(), nullable=True))
    op.add_column("batches", sa.Column("expires_at", sa.BigInteger(), nullable=True))
    op.add_column("batches", sa.Column("request_hash", sa.String(length=64), nullable=True))
    op.create_index(op.f("ix_batches_created_at"), "batches", ["created_at"], unique=False)
    op.create_index(op.f("ix_batches_status"), "batches", ["status"], unique=False)
    op.add_column("batch_items", sa.Column("differs", sa.JSON(), nullable=True))

"""The trash in its order, so that a page of it is read without the rest."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_trash"
down_revision = "2026_11_26_inspection_keys"
branch_labels = None
depends_on = None

_IN_TRASH = sa.text("trashed_at IS NOT NULL AND purged_at IS NULL AND merged_into IS NULL")


def upgrade() -> None:
    op.create_index(
        "ix_accounts_trashed", "accounts", ["trashed_at", "key"], unique=False,
        sqlite_where=_IN_TRASH, postgresql_where=_IN_TRASH,
    )  # fmt: skip

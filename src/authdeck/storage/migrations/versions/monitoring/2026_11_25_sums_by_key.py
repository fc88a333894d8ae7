"""On SQLite the sums lie in their keys' own tree: half the pages to write for each event, half the room."""

from alembic import op

revision = "2026_11_25_sums_by_key"
down_revision = "2026_11_23_first"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_context().dialect.name != "sqlite":
        return
    for table in ("hour_model", "day_account", "latency_buckets"):
        with op.batch_alter_table(table, recreate="always", table_kwargs={"sqlite_with_rowid": False}):
            pass

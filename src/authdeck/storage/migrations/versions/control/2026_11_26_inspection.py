"""Inspections with what they are about, what came of them, and what they did. No release ever wrote the former tables."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_inspection"
down_revision = "2026_11_26_quota"
branch_labels = None
depends_on = None

_OPEN = sa.text("status IN ('queued', 'running')")
_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    for table in ("inspection_results", "inspections", "schedules"):
        op.drop_table(table)
    op.create_table(
        "schedules",
        sa.Column("key", _KEY, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("timing", sa.JSON(), nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("selection", sa.JSON(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_schedules")),
    )
    op.create_index(op.f("ix_schedules_next_at"), "schedules", ["next_at"], unique=False)
    op.create_table(
        "inspections",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("schedule", sa.BigInteger(), nullable=True),
        sa.Column("schedule_name", sa.Text(), nullable=True),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("selection", sa.JSON(), nullable=False),
        sa.Column("selection_hash", sa.String(length=64), nullable=False),
        sa.Column("accounts", sa.LargeBinary(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("compared_to", sa.String(length=32), nullable=True),
        sa.Column("batch", sa.String(length=32), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["schedule"], ["schedules.key"], name=op.f("fk_inspections_schedule"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspections")),
    )
    op.create_index(op.f("ix_inspections_status"), "inspections", ["status"], unique=False)
    op.create_index(op.f("ix_inspections_created_at"), "inspections", ["created_at"], unique=False)
    op.create_index(
        "ix_inspections_selection_hash_created_at", "inspections", ["selection_hash", "created_at"], unique=False
    )
    op.create_index(
        "uq_inspections_open", "inspections", ["schedule"], unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN
    )
    op.create_table(
        "inspection_results",
        sa.Column("inspection", sa.String(length=32), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("reason_code", sa.String(length=48), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("outcome_reason", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["inspection"], ["inspections.id"], name=op.f("fk_inspection_results_inspection")),
        sa.ForeignKeyConstraint(["account"], ["accounts.key"], name=op.f("fk_inspection_results_account")),
        sa.PrimaryKeyConstraint("inspection", "account", name=op.f("pk_inspection_results")),
    )
    op.create_index(
        "ix_inspection_results_inspection_action_account", "inspection_results",
        ["inspection", "action", "account"], unique=False,
    )  # fmt: skip
    op.create_index("ix_inspection_results_account_at", "inspection_results", ["account", "at"], unique=False)

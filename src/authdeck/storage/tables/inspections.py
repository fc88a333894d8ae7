"""Inspections: runs, what each saw of each account, and the schedules that begin them."""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    text,
)

from authdeck.storage.tables.columns import Moment, control, key_column

_OPEN: Final = text("status IN ('queued', 'running')")

schedules = Table(
    "schedules",
    control,
    key_column(),
    Column("name", Text, nullable=False),
    Column("timing", JSON, nullable=False),
    Column("policy", JSON, nullable=False),
    Column("selection", JSON, nullable=False),  # whom each run is about: read anew each time
    Column("enabled", Boolean, nullable=False),
    Column("next_at", Moment, index=True),  # moved on by compare-and-set by whoever begins the run
    Column("created_at", Moment, nullable=False),
    Column("created_by", Text, nullable=False),
)

inspections = Table(
    "inspections",
    control,
    Column("id", String(32), primary_key=True),
    Column("status", String(16), nullable=False, index=True),
    Column("actor", Text, nullable=False),
    Column("schedule", BigInteger, ForeignKey("schedules.key", ondelete="SET NULL")),
    Column("schedule_name", Text),  # as it was: schedules are deleted, runs stay
    Column("policy", JSON, nullable=False),
    Column("selection", JSON, nullable=False),
    Column("selection_hash", String(64), nullable=False),  # equal ones are compared with each other
    Column("accounts", LargeBinary, nullable=False),  # 8 bytes of auth_index each; those without a result are to do
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("counts", JSON, nullable=False),  # results by action
    Column("dry_run", Boolean, nullable=False),
    Column("compared_to", String(32)),  # the last completed run about the same before it
    Column("batch", String(32)),  # what it did by itself
    Column("created_at", Moment, nullable=False, index=True),
    Column("ended_at", Moment),
    Column("idempotency_key", Text),  # with the actor's name before it
    Column("request_hash", String(64)),  # what an idempotency key came with
    Index("uq_inspections_idempotency_key", "idempotency_key", unique=True),
    Index("ix_inspections_selection_hash_created_at", "selection_hash", "created_at"),
    Index("uq_inspections_open", "schedule", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
)

inspection_results = Table(
    "inspection_results",
    control,
    Column("inspection", String(32), ForeignKey("inspections.id"), primary_key=True),
    Column("account", BigInteger, ForeignKey("accounts.key"), primary_key=True),
    Column("action", String(16), nullable=False),
    Column("reason_code", String(48), nullable=False),
    Column("params", JSON, nullable=False),
    Column("evidence", JSON, nullable=False),  # redacted
    Column("until", Moment),  # when a suggested disablement would end
    Column("at", Moment, nullable=False),
    Column("outcome", String(16)),  # what the run itself did: done, would, skipped
    Column("outcome_reason", JSON),
    Index("ix_inspection_results_inspection_action_account", "inspection", "action", "account"),
    Index("ix_inspection_results_account_at", "account", "at"),
)

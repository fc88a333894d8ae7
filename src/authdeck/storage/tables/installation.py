"""The installation and its keys."""

from sqlalchemy import Column, Integer, LargeBinary, String, Table

from authdeck.storage.tables.columns import Moment, control

installation = Table(
    "installation",
    control,
    Column("id", String(32), primary_key=True),
    Column("key_check", LargeBinary, nullable=False),  # a known text under the master key: a wrong key fails at start
    Column("created_at", Moment, nullable=False),
)

key_terms = Table(
    "key_terms",
    control,
    Column("term", Integer, primary_key=True),
    Column("purpose", String(16), primary_key=True),  # seal | index
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("retired_at", Moment),
)

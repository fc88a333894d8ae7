"""What providers told of limits, asked or in passing; the windows themselves are in ``states``."""

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Integer, String, Table

from authdeck.storage.tables.columns import Moment, account_column, control, key_column

quota_answers = Table(  # the newest one of each account
    "quota_answers",
    control,
    Column("account", BigInteger, ForeignKey("accounts.key"), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("status", Integer),
    Column("code", String(64), nullable=False),
    Column("params", JSON, nullable=False),
    Column("evidence", JSON, nullable=False),  # redacted: status, summary, link
    Column("extras", JSON, nullable=False),  # what was last told beside windows; a failure leaves it
    Column("told_at", Moment),  # when that was
)

quota_notes = Table(  # what providers changed about limits
    "quota_notes",
    control,
    key_column(),
    account_column(),
    Column("at", Moment, nullable=False),
    Column("source", String(16), nullable=False),
    Column("code", String(64), nullable=False),
    Column("params", JSON, nullable=False),
    Index(None, "account", "at"),
)

seen_headers = Table(  # the newest ones of each account
    "seen_headers",
    control,
    Column("account", BigInteger, ForeignKey("accounts.key"), primary_key=True),
    Column("at", Moment, nullable=False),  # of the newest answer
    Column("answers", JSON, nullable=False),  # sanitised: ``seen_headers.to_json``
)

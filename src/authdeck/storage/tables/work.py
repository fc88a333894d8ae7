"""What runs, or ran: leases, refreshes, batches, sign-ins at providers; and the change feed."""

from sqlalchemy import (
    JSON,
    BigInteger,
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

from authdeck.storage.tables.columns import Moment, account_column, control, key_column

leases = Table(
    "leases",
    control,
    Column("name", String(96), primary_key=True),
    Column("owner", String(32), nullable=False),  # boot id
    Column("fence", BigInteger, nullable=False),  # only grows
    Column("until", Moment, nullable=False),  # by the database's clock
)

processes = Table(
    "processes",
    control,
    Column("boot", String(32), primary_key=True),
    Column("host", Text, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("heartbeat", Moment, nullable=False),
)

refresh_journal = Table(
    "refresh_journal",
    control,
    key_column(),
    account_column(),
    Column("from_revision", Integer, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("boot", String(32), nullable=False),
    Column("sent_at", Moment, nullable=False),  # committed before the call
    Column("ended_at", Moment),
    Column("outcome", String(8)),  # ok | refused | unknown | failed; NULL while open
    Column("code", Text),
    Column("new_revision", Integer),
    Index(
        "uq_refresh_journal_open",
        "account",
        unique=True,
        sqlite_where=text("outcome IS NULL"),
        postgresql_where=text("outcome IS NULL"),
    ),
)

batches = Table(
    "batches",
    control,
    Column("id", String(32), primary_key=True),
    Column("kind", String(24), nullable=False),
    Column("actor", Text, nullable=False),
    Column("selection", JSON, nullable=False),
    Column("change", JSON, nullable=False),
    Column("status", String(16), nullable=False, index=True),
    Column("cursor", Integer, nullable=False, server_default="0"),
    Column("preview_of", String(32)),
    Column("undo_of", String(32)),
    Column("created_at", Moment, nullable=False, index=True),
    Column("ended_at", Moment),
    Column("idempotency_key", Text, unique=True),  # with the actor's name before it
    Column("accounts", LargeBinary),  # 8 bytes of auth_index a row: exactly these, in this order
    Column("sealed", LargeBinary),  # secrets of the change
    Column("total", Integer),
    Column("counts", JSON),  # rows by outcome
    Column("expires_at", Moment),  # of a preview
    Column("request_hash", String(64)),  # what an idempotency key came with
    Column("queue_rows", LargeBinary),  # 8 bytes of a candidate's key a row, where the rows are those of the queue
)

batch_items = Table(
    "batch_items",
    control,
    Column("batch", String(32), ForeignKey("batches.id"), primary_key=True),
    Column("row", Integer, primary_key=True),
    Column("account", BigInteger, ForeignKey("accounts.key"), index=True),
    Column("subject", Text, nullable=False),  # file name, or what the row was about
    Column("before", JSON),
    Column("after", JSON),
    Column("sealed", LargeBinary),  # secrets among before and after
    Column("outcome", String(16), nullable=False),
    Column("reason", JSON),
    Column("differs", JSON),  # what was otherwise than the preview or the undo expected
)

changes = Table(  # the change feed: read by every process, kept for an hour
    "changes",
    control,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("kind", String(24), nullable=False),
    Column("subject", Text, nullable=False),
    Column("boot", String(32), nullable=False),
    Column("at", Moment, nullable=False),
    sqlite_autoincrement=True,
)

logins = Table(
    "logins",
    control,
    Column("id", String(32), primary_key=True),
    Column("provider", String(32), nullable=False),
    Column("account", BigInteger, ForeignKey("accounts.key")),
    Column("state_hash", String(64), unique=True),
    Column("sealed", LargeBinary),  # verifier or device code
    Column("session", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("outcome", JSON),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)

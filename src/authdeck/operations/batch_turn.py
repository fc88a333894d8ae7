"""Whose turn a batch is: the process that holds its lease moves its cursor, and only in the transaction of its rows."""

from datetime import timedelta
from typing import Final

from authdeck.operations.batch_rows import Job
from authdeck.operations.desk import Desk
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading.batches import RUNNING
from authdeck.storage.writing import batches as writing
from authdeck.storage.writing import refreshing

LEASE: Final = 6.0
"""Seconds, renewed with every chunk: so long a batch rests when its process dies beside another one."""


def lease_of(batch_id: str) -> str:
    return f"batch:{batch_id}"


def take_turn(desk: Desk, connection: WriteConnection, batch_id: str) -> int | None:
    """The lease's fencing number; ``None`` where another process holds it."""
    return refreshing.take_lease(connection, lease_of(batch_id), desk.boot, LEASE)


def cursor_if_ours(desk: Desk, connection: WriteConnection, job: Job, fence: int) -> int | None:
    """How far the batch has come; ``None`` where it ended, was cancelled, or is another process's by now."""
    head = writing.head(connection, job.batch.id)
    if head is None or head.status not in RUNNING or not keep(desk, connection, job, fence):
        return None
    return head.cursor


def keep(desk: Desk, connection: WriteConnection, job: Job, fence: int) -> bool:
    """Renew the lease. False: another process took it."""
    lease = lease_of(job.batch.id)
    if not refreshing.holds_lease(connection, lease, desk.boot, fence):
        return False
    until = refreshing.database_now(connection) + timedelta(seconds=LEASE)
    writing.keep_lease(connection, lease, fence, until)
    return True


def end_if_through(desk: Desk, connection: WriteConnection, job: Job, cursor: int) -> bool:
    """End a batch whose last row is done. True: it has ended."""
    head = writing.head(connection, job.batch.id)
    if head is None or head.status not in RUNNING:
        return True
    if cursor < len(job.indexes):
        return False
    writing.end(connection, job.batch.id, status="previewed" if job.previewing else "completed", at=desk.now())
    return True

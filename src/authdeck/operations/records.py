"""What every write leaves behind: an audit entry that names who, and a change row that tells the other readers."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from authdeck.access import Actor
from authdeck.acts import Act
from authdeck.operations.desk import Desk
from authdeck.storage.database import WriteConnection
from authdeck.storage.writing import audit, changes


def record(
    desk: Desk,
    connection: WriteConnection,
    actor: Actor,
    act: Act,
    target: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    batch: str | None = None,
) -> None:
    """Append to the audit in the same transaction as what was done. Codes and plain values only, never a secret."""
    audit.append(
        connection,
        partial(desk.vault.keyed_hash, "audit"),
        writer=desk.boot,
        at=desk.now(),
        actor=actor.name,
        what=act.value,
        target=target,
        before=before,
        after=after,
        batch=batch,
    )


def changed(desk: Desk, connection: WriteConnection, kind: str, subject: str) -> None:
    """Tell this process (before the call returns) and the others (within a second) that something is different."""
    changes.note(connection, kind, subject, desk.boot, desk.now())

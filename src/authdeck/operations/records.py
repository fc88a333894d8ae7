"""What every write leaves behind: an audit entry that names who, and a change row that tells the other readers."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from authdeck.access import Actor
from authdeck.acts import Act
from authdeck.operations.desk import Desk
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading.audit import AuditEntry
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


def record_each(
    desk: Desk, connection: WriteConnection, actor: Actor, act: Act, done: Mapping[str, Mapping[str, Any] | None]
) -> None:
    """The same act on many targets, an entry each; ``done`` says what is noted of each target."""
    now, name = desk.now(), actor.name
    entries = [
        AuditEntry(desk.boot, 0, now, name, act.value, target, None, after, None, "") for target, after in done.items()
    ]
    audit.append_all(connection, partial(desk.vault.keyed_hash, "audit"), entries)


def changed(desk: Desk, connection: WriteConnection, kind: str, subject: str) -> None:
    """Tell this process (before the call returns) and the others (within a second) that something is different."""
    changes.note(connection, kind, subject, desk.boot, desk.now())

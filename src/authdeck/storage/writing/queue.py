"""Named writes of the action queue: what people and batches answer."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Update, bindparam, select, update

from authdeck.candidate import LIVE, OPEN, Resolution, Standing, Status
from authdeck.storage.among import Among
from authdeck.storage.database import WriteConnection
from authdeck.storage.tables import candidates


def put(connection: WriteConnection, keys: Sequence[int], stands: Standing) -> int:
    """Have these rows stand so. How many."""
    values = {
        "status": stands.status,
        "ignored_until": stands.until,
        "resolution": stands.resolution,
        "resolved_by": stands.by,
        "resolved_at": stands.at,
        "batch": stands.batch,
    }
    return connection.execute(update(candidates).where(candidates.c.key.in_(keys)).values(values)).rowcount


def did(
    connection: WriteConnection,
    account_keys: Sequence[int],
    *,
    action: str | None,
    batch: str | None,
    by: str,
    at: datetime,
) -> int:
    """Close the accounts' rows that suggest this, or every open one where no action is named: it was done."""
    which = candidates.c.status.in_(LIVE) if action is not None else candidates.c.status.in_(OPEN)
    done = _of(account_keys).where(which)
    if action is not None:
        done = done.where(candidates.c.suggested_action == action)
    values = {"status": Status.DONE, "resolution": Resolution.DID, "batch": batch, "resolved_at": at, "resolved_by": by}
    return connection.execute(done.values({**values, "ignored_until": None})).rowcount


def did_fail(
    connection: WriteConnection,
    account_keys: Sequence[int],
    *,
    batch: str | None,
    by: str,
    at: datetime,
    action: str | None = None,
) -> int:
    """What was tried with these accounts failed: their open rows (those that suggest this) say so."""
    failed = _of(account_keys).where(candidates.c.status.in_(OPEN))
    if action is not None:
        failed = failed.where(candidates.c.suggested_action == action)
    values = {"status": Status.FAILED, "resolution": Resolution.DID_FAIL, "batch": batch}
    return connection.execute(failed.values({**values, "resolved_at": at, "resolved_by": by})).rowcount


def undid(connection: WriteConnection, account_keys: Sequence[int], *, batch: str) -> int:
    """Ask again what a change had answered that was taken back; not where the same is asked anew already."""
    return connection.execute(_UNDONE, {"accounts_wanted": list(account_keys), "batch_undone": batch}).rowcount


_PENDING: Mapping[str, Any] = {
    "status": Status.PENDING,
    "ignored_until": None,
    "resolution": None,
    "batch": None,
    "resolved_at": None,
    "resolved_by": None,
}


_OTHER: Final = candidates.alias()
_ASKED_ANEW: Final = select(_OTHER.c.key).where(
    _OTHER.c.account == candidates.c.account,
    _OTHER.c.reason_code == candidates.c.reason_code,
    _OTHER.c.status.in_(LIVE),
    _OTHER.c.key != candidates.c.key,
)
# Made once: every chunk of an undo asks, and making it costs more than running it.
_UNDONE: Final = (
    update(candidates)
    .where(
        Among(candidates.c.account, "accounts_wanted"),
        candidates.c.batch == bindparam("batch_undone"),
        candidates.c.status == Status.DONE,
        ~_ASKED_ANEW.exists(),
    )
    .values(_PENDING)
)


def _of(account_keys: Sequence[int]) -> Update:
    return update(candidates).where(candidates.c.account.in_(account_keys))

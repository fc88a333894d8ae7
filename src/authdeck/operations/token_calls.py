"""One token call, from the note that it is about to be made to what came of it. A refresh token may work once only, so:

1. one call at a time for an account, across processes: a lease with a fencing number;
2. one at a time for an OAuth client: a lane. It paces, it does not protect: providers take many refreshes of one client
   at once for theft;
3. that a token is about to be sent is committed before it is sent;
4. what came back is committed before it is used; if something else became current meanwhile it is kept beside it;
5. an answer nobody could read is ``unknown``, not failed: that token may be spent. It is tried once more when the old
   access token has run out, then a person decides.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from hashlib import sha256
from typing import Final, TypeVar

import structlog

from authdeck import formats, tasks
from authdeck.access import AUTOMATION
from authdeck.account import Provider
from authdeck.clock import rfc3339
from authdeck.credential import Credential
from authdeck.errors import DeckError
from authdeck.evidence import Action, Confidence, Evidence, Signal, Source
from authdeck.exchange import Outgoing, Refreshed, RefreshOutcome
from authdeck.freshness import is_expired
from authdeck.hold import Owner
from authdeck.metrics import REFRESHES
from authdeck.operations import new_revision, seals, verify_restored
from authdeck.operations.bounds import Guard
from authdeck.operations.desk import Desk
from authdeck.operations.lend import Opened
from authdeck.operations.reconcile import settle
from authdeck.operations.records import changed
from authdeck.providers import PROVIDERS
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts, revisions
from authdeck.storage.reading import refreshing as reading
from authdeck.storage.reading.evidence import of_sign_in
from authdeck.storage.writing import accounts as account_writes
from authdeck.storage.writing import evidence, holds, refreshing
from authdeck.storage.writing import revisions as writing
from authdeck.upstream.failures import UpstreamFailure

LEASE: Final = 90.0
"""Seconds; longer than a token call may last, so never renewed."""

LANE: Final = 5.0
"""Seconds; renewed while the call lasts, so that a lane whose holder died is free again soon."""

RENEWED_EVERY: Final = 1.0
STORE_FOR: Final = 300.0
"""Seconds for which tokens that came back are tried to be stored, whatever ails the database."""

REFUSED: Final = "refresh_refused"
_PAUSES: Final = (0.05, 0.2, 1.0, 2.0, 5.0)
_NEXT: Final = timedelta(microseconds=1)
_NOBODY: Final = 0
"""No revision has this number: one with this parent never becomes current."""

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class Cause(Enum):
    """Why a refresh is made: the token ends soon or has ended, the provider rejected it, or a person asked."""

    ENDS = "ends"
    REJECTED = "rejected"
    PERSON = "person"


class NotBegun(Enum):
    """Why no call was made: another revision is current already, or somebody else has the account or the lane."""

    MOVED = "moved"
    ACCOUNT_TAKEN = "account_taken"
    LANE_TAKEN = "lane_taken"


@dataclass(frozen=True, slots=True)
class Lease:
    name: str
    fence: int


@dataclass(frozen=True, slots=True)
class Call:
    """A token call that was written down. ``lost_at``: an earlier one's answer was lost."""

    opened: Opened
    cause: Cause
    entry: int
    lease: Lease
    lane: Lease
    lost_at: datetime | None

    @property
    def credential(self) -> Credential:
        return self.opened.credential


def lane_of(desk: Desk, provider: Provider) -> str:
    """``lane:<provider>:<client_id>``; of a client id that is too long for a name, its digest."""
    client = PROVIDERS[provider].client_id(desk.settings.providers)
    return f"lane:{provider}:{client if len(client) <= 64 else sha256(client.encode()).hexdigest()}"  # noqa: PLR2004


async def begin(desk: Desk, opened: Opened, cause: Cause) -> Call | NotBegun:
    """Transaction 1: lease, lane and journal.

    Raises ``refresh_unknown`` where a lost answer forbids the call, ``refresh_refused`` where this token was refused.
    """
    begun = await desk.write(lambda connection: _begun(desk, connection, opened, cause))
    if isinstance(begun, DeckError):
        raise begun
    return begun


async def answered(desk: Desk, call: Call, outgoing: Outgoing) -> Refreshed:
    """Send the token, and hold the lane meanwhile. Never raises: whatever happens has to be written down."""
    credential = call.credential
    try:
        sending = tasks.start(desk.calls.send(outgoing), name=f"token call {credential.auth_index}")
        while not (await asyncio.wait({sending}, timeout=RENEWED_EVERY))[0]:
            await _keep_lane(desk, call)
        return PROVIDERS[credential.provider].read_refresh(sending.result(), credential, desk.now())
    except UpstreamFailure as error:
        outcome = RefreshOutcome.UNKNOWN if error.sent else RefreshOutcome.FAILED
        return Refreshed(outcome, error.code)
    except BaseException as error:  # noqa: BLE001 - see above
        _log.exception("token call failed", auth_index=credential.auth_index)
        return Refreshed(RefreshOutcome.UNKNOWN, type(error).__name__.lower())


async def finish(desk: Desk, call: Call, read: Refreshed) -> DeckError | None:
    """Transaction 2: what came of it. ``None``: a newer revision is current now, this call's or somebody else's.

    Tokens that came back exist nowhere else: storing them is repeated until it works, for ``STORE_FOR`` seconds.
    """
    REFRESHES.labels(call.credential.provider.value, read.outcome.value).inc()
    if read.outcome is RefreshOutcome.OK:
        await _persistently(desk, lambda connection: _commit_tokens(desk, connection, call, read))
        return None
    return await _persistently(desk, lambda connection: _commit_end(desk, connection, call, read))


async def _persistently(desk: Desk, work: Callable[[WriteConnection], T]) -> T:
    began, tries = desk.clock.monotonic(), 0
    while True:
        try:
            return await desk.write(work)
        except Exception:
            if desk.clock.monotonic() - began > STORE_FOR:
                raise
            _log.exception("the outcome of a token call could not be stored; trying again")
            await asyncio.sleep(_PAUSES[min(tries, len(_PAUSES) - 1)])
            tries += 1


async def _keep_lane(desk: Desk, call: Call) -> None:
    lane = call.lane
    try:
        await desk.write(lambda connection: refreshing.renew_lease(connection, lane.name, desk.boot, lane.fence, LANE))
    except Exception:  # noqa: BLE001 - the call matters, the lane only paces
        _log.exception("lane not renewed", lane=lane.name)


# ---- transaction 1 ----


def _begun(desk: Desk, connection: WriteConnection, opened: Opened, cause: Cause) -> Call | NotBegun | DeckError:
    """The lease comes first: what is read after it is what its last holder left."""
    credential, key = opened.credential, opened.account_key
    lane_name = lane_of(desk, credential.provider)
    if refreshing.is_leased(connection, lane_name):
        return NotBegun.LANE_TAKEN
    lease = _taken(desk, connection, _lease_name(credential.auth_index), LEASE)
    if lease is None:
        return NotBegun.ACCOUNT_TAKEN
    if revisions.current(connection, credential.auth_index).number != credential.revision:
        _release(desk, connection, lease)
        return NotBegun.MOVED
    if (left := reading.open_entry(connection, key)) is not None:
        # Its lease ran out, so whoever made the call is gone.
        refreshing.end_call(connection, left, outcome="unknown", at=desk.now(), code="process_ended")
    lost = reading.unknown_calls(connection, key, credential.revision)
    if cause is not Cause.PERSON and (error := _forbidden(desk, connection, opened, lost, cause)) is not None:
        _release(desk, connection, lease)
        return error
    lane = _taken(desk, connection, lane_name, LANE)
    if lane is None:
        _release(desk, connection, lease)
        return NotBegun.LANE_TAKEN
    entry = refreshing.begin_call(
        connection, key, from_revision=credential.revision, fence=lease.fence, boot=desk.boot, at=desk.now()
    )
    return Call(opened, cause, entry, lease, lane, lost[-1] if lost else None)


def _forbidden(
    desk: Desk, connection: WriteConnection, opened: Opened, lost: list[datetime], cause: Cause
) -> DeckError | None:
    """Why this token may not be presented again without a person.

    A refused one stays refused. After a lost answer: not while the old access token lives, then once more.
    """
    credential = opened.credential
    refusal = reading.refusal_of(connection, opened.account_key, credential.revision)
    if refusal is not None:
        return DeckError("refresh_refused", status=503, reason=refusal)
    if not lost or (not _is_for_a_person(desk, lost) and _is_dead(desk, credential, cause)):
        return None
    _hold_if_spent(desk, connection, opened, lost, cause)
    return DeckError("refresh_unknown", status=503, at=rfc3339(lost[-1]))


def _is_for_a_person(desk: Desk, lost: list[datetime]) -> bool:
    return len(lost) > (1 if desk.settings.refresh.retry_unknown == "once" else 0)


def _is_dead(desk: Desk, credential: Credential, cause: Cause) -> bool:
    return cause is Cause.REJECTED or is_expired(credential, desk.now())


def _hold_if_spent(desk: Desk, connection: WriteConnection, opened: Opened, lost: list[datetime], cause: Cause) -> None:
    """As long as the old access token lives, the account goes on serving with it."""
    if _is_for_a_person(desk, lost) and _is_dead(desk, opened.credential, cause):
        refused(desk, connection, opened, "refresh_unknown", {"at": rfc3339(lost[-1])})


def _taken(desk: Desk, connection: WriteConnection, name: str, seconds: float) -> Lease | None:
    fence = refreshing.take_lease(connection, name, desk.boot, seconds)
    return None if fence is None else Lease(name, fence)


def _release(desk: Desk, connection: WriteConnection, lease: Lease) -> None:
    refreshing.release_lease(connection, lease.name, desk.boot, lease.fence)


def _lease_name(auth_index: str) -> str:
    return f"refresh:{auth_index}"


# ---- transaction 2 ----


def _commit_tokens(desk: Desk, connection: WriteConnection, call: Call, read: Refreshed) -> None:
    """The new revision, the journal's end and the leases' end, together.

    It becomes current if its parent still is, and nobody took the lease meanwhile. It is stored in any case, once: a
    commit whose confirmation was lost is found by the journal.
    """
    if reading.new_revision_of(connection, call.entry) is not None:
        return
    credential, key, auth_index = call.credential, call.opened.account_key, call.credential.auth_index
    content = formats.patch(call.opened.content, read.changes)
    document = formats.opened(content)
    module = PROVIDERS[credential.provider]
    is_ours = refreshing.holds_lease(connection, call.lease.name, desk.boot, call.lease.fence)
    number = writing.next_number(connection, key)
    new = writing.NewRevision(
        account_key=key,
        number=number,
        parent=credential.revision if is_ours else _NOBODY,
        generation=credential.generation,
        why="refreshed",
        source="refresh",
        actor=AUTOMATION.name,
        at=desk.now(),
        sealed=seals.seal_file(desk.vault, auth_index, number, content),
        changed_fields=sorted(read.changes),
        expires_at=module.tokens(document).expires_at,
    )
    became_current = writing.add(connection, new)
    prints = [(kind, desk.vault.keyed_hash("fingerprint", text)) for kind, text in module.secrets(document)]
    writing.add_fingerprints(connection, key, number, prints)
    _end(desk, connection, call, read, code="" if became_current else "kept_beside", new_revision=number)
    if became_current:
        new_revision.learn(desk, connection, auth_index, document)
        code = verify_restored.CODE
        holds.release(connection, key, Owner.CREDENTIAL, by=AUTOMATION.name, at=desk.now(), code=code)
        _proven(desk, connection, call.opened)
    changed(desk, connection, "account", auth_index)


def _commit_end(desk: Desk, connection: WriteConnection, call: Call, read: Refreshed) -> DeckError | None:
    """Without new tokens. ``None``: somebody else brought a newer revision; the refusal is of the old one."""
    credential, key = call.credential, call.opened.account_key
    _end(desk, connection, call, read, code=read.code)
    if revisions.current(connection, credential.auth_index).number != credential.revision:
        return None
    if read.outcome is RefreshOutcome.REFUSED:
        if call.lost_at is not None:
            lost_at = rfc3339(call.lost_at)
            refused(desk, connection, call.opened, "refresh_answer_lost", {"at": lost_at, "reason": read.code})
            return DeckError("refresh_answer_lost", status=503, at=lost_at)
        refused(desk, connection, call.opened, REFUSED, {"reason": read.code})
        return DeckError("refresh_refused", status=503, reason=read.code)
    if read.outcome is RefreshOutcome.FAILED:
        return DeckError("refresh_failed", status=503, reason=read.code)
    lost = reading.unknown_calls(connection, key, credential.revision)
    _hold_if_spent(desk, connection, call.opened, lost, call.cause)
    return DeckError("refresh_unknown", status=503, at=rfc3339(desk.now()))


def _end(
    desk: Desk, connection: WriteConnection, call: Call, read: Refreshed, *, code: str, new_revision: int | None = None
) -> None:
    refreshing.end_call(
        connection, call.entry, outcome=read.outcome.value, at=desk.now(), code=code, new_revision=new_revision
    )
    for lease in (call.lease, call.lane):
        _release(desk, connection, lease)


def refused(desk: Desk, connection: WriteConnection, opened: Opened, code: str, detail: dict[str, str]) -> None:
    """The account waits for a person: why, and on what evidence. Whether it is held, bounds, lock and settings say.

    Only a refusal is certain; an answer that nobody could read is no reason to switch an account off.
    """
    now, auth_index = desk.now(), opened.credential.auth_index
    account_writes.claim(connection, [auth_index])
    account = accounts.by_index(connection, auth_index)
    seen = Evidence(
        opened.credential.generation, Source.REFRESH, Signal.CREDENTIAL, code, now, now, action=Action.REAUTH,
        confidence=Confidence.HIGH if code == REFUSED else Confidence.MEDIUM, may_automate=True, detail=detail,
    )  # fmt: skip
    evidence.note(connection, account.key, Guard(desk, connection).bounded(account, seen))
    settle(desk, connection, [account])
    changed(desk, connection, "account", auth_index)


def _proven(desk: Desk, connection: WriteConnection, opened: Opened) -> None:
    """New tokens end what was said of the old ones. Written down only where something was said.

    They came later, whatever the clocks of the processes say: the lease puts the calls in order.
    """
    account_writes.claim(connection, [opened.credential.auth_index])
    account = accounts.by_index(connection, opened.credential.auth_index)
    known = of_sign_in(connection, [account.key]).get(account.key, ())
    said = [row.last_at for row in known if row.signal is Signal.CREDENTIAL]
    if said:
        now = max(desk.now(), max(said) + _NEXT)
        row = Evidence(opened.credential.generation, Source.REFRESH, Signal.SUCCESS, "refreshed", now, now)
        evidence.note(connection, account.key, row)
        settle(desk, connection, [account])

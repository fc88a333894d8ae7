"""Refreshing sign-ins. A refresh token may work once only, so:

1. one call at a time for an account, across processes: a lease with a fencing number, one task in a process;
2. that a token is about to be sent is committed before it is sent;
3. what came back is committed before it is used; if something else became current meanwhile it is kept beside it;
4. an answer nobody could read is ``unknown``, not failed: that token may be spent. It is tried once more when the old
   access token has run out, then a person decides.

A call goes on when whoever waited for it leaves; ``close`` waits for all of them.
"""

import asyncio
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from authdeck import formats, tasks
from authdeck.access import AUTOMATION
from authdeck.account import Account, Provider, RefreshBy
from authdeck.clock import rfc3339
from authdeck.credential import Credential
from authdeck.errors import DeckError
from authdeck.evidence import Action, Evidence, Signal, Source
from authdeck.exchange import Outgoing, Refreshed, RefreshOutcome
from authdeck.hold import Hold, Owner
from authdeck.metrics import REFRESHES
from authdeck.operations import new_revision, seals
from authdeck.operations.desk import Desk
from authdeck.operations.lend import Lender, Opened
from authdeck.operations.reconcile import settle
from authdeck.operations.records import changed
from authdeck.providers import PROVIDERS
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts, revisions
from authdeck.storage.reading import refreshing as reading
from authdeck.storage.reading.evidence import of_sign_in
from authdeck.storage.writing import evidence, holds, refreshing
from authdeck.storage.writing import revisions as writing
from authdeck.upstream.failures import UpstreamFailure

LEASE: Final = 90.0
"""Seconds; longer than a token call may last, so never renewed."""

EXPIRED: Final = timedelta(seconds=60)
UNKNOWN_LIFETIME_LEAD: Final = timedelta(minutes=5)
BACK_OFF: Final = (5.0, 30.0, 300.0)
TRIES_AT_ONCE: Final = 4

_HOLD_CODES: Final = ("refresh_refused", "refresh_answer_lost", "refresh_unknown", "restored_unverified")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Call:
    """A token call that was written down. ``lost_at``: an earlier one's answer was lost."""

    opened: Opened
    entry: int
    fence: int
    lost_at: datetime | None

    @property
    def credential(self) -> Credential:
        return self.opened.credential


@dataclass(frozen=True, slots=True)
class _Wait:
    """After failures: not before ``until``. ``step`` counts them."""

    until: datetime
    step: int


class Refresher:
    """Keeps credentials usable. Credentials go in and come out; what is stored is stored on the way."""

    def __init__(self, desk: Desk, lender: Lender) -> None:
        self._desk: Final = desk
        self._lender: Final = lender
        self._running: dict[str, asyncio.Task[Credential]] = {}
        self._waits: dict[str, _Wait] = {}
        self._minted: dict[str, Credential] = {}
        self._lanes: dict[Provider, asyncio.Lock] = {}
        self._hints = asyncio.Semaphore(TRIES_AT_ONCE)
        desk.feed.subscribe("account", self._forget)

    async def usable(self, credential: Credential) -> Credential:
        """A credential that can be sent now. Waits only for one that has run out, and at most ``refresh.request_wait``.

        Raises ``DeckError`` where that can't be: ``refresh_is_elsewhere``, ``refresh_running``, ``refresh_refused``,
        ``refresh_failed``, ``refresh_unknown``, ``refresh_not_possible``.
        """
        now = self._desk.now()
        if not PROVIDERS[credential.provider].KEEPS_TOKEN:
            return await self._with_token_in_memory(credential, now)
        if is_expired(credential, now):
            return await self._awaited(credential)
        if is_due(credential, now) and self._may_refresh(credential, now):
            self._start(credential)
        return credential

    async def renewed(self, credential: Credential) -> Credential | None:
        """A newer credential after the provider did not accept this one; ``None`` where there is none to be had."""
        try:
            newer = await self._lender.credential(credential.auth_index)
            if newer.revision > credential.revision:
                return newer
            if not PROVIDERS[credential.provider].KEEPS_TOKEN:
                self._minted.pop(credential.auth_index, None)
                return await self._with_token_in_memory(newer, self._desk.now())
            return await self._awaited(credential) if self.can_refresh(credential) else None
        except DeckError as error:
            _log.info("not renewed", auth_index=credential.auth_index, code=error.code)
            return None

    async def refresh(self, auth_index: str) -> Credential:
        """Refresh now, because a person asked: back-off and lost answers do not count. Raises like ``usable``."""
        credential = (await self._lender.opened(auth_index)).credential
        if not self.can_refresh(credential):
            raise self._cannot(credential)
        return await asyncio.shield(self._start(credential, by_person=True))

    def hint(self, account: Account) -> None:
        """An account was passed over because its token has run out: refresh it in the background, if it is in use."""
        entry = self._desk.directory.get(account.auth_index)
        used = entry.account.last_request_at if entry is not None else None
        unused = timedelta(days=self._desk.settings.refresh.keep_warm_days)
        if used is not None and self._desk.now() - used < unused and account.auth_index not in self._running:
            tasks.start(self._warm(account.auth_index), name="refresh hint")

    async def give_up_others(self) -> int:
        """At start, on SQLite: calls of former runs are ``unknown``, their leases void. How many calls there were."""
        desk = self._desk
        return await desk.write(lambda connection: refreshing.give_up_others(connection, desk.boot, desk.now()))

    async def close(self) -> None:
        """Wait until no call is under way: its answer is committed, or known to be lost."""
        while self._running:
            await asyncio.wait(list(self._running.values()))
            await asyncio.sleep(0)

    # ---- who waits, who may ----

    async def _awaited(self, credential: Credential) -> Credential:
        if not self.can_refresh(credential):
            raise self._cannot(credential)
        now = self._desk.now()
        if (wait := self._waits.get(credential.auth_index)) is not None and now < wait.until:
            left = (wait.until - now).total_seconds()
            raise DeckError("refresh_failed", status=503, retry_after=left, reason="back_off")
        task = self._start(credential)
        try:
            return await asyncio.wait_for(asyncio.shield(task), self._desk.settings.refresh.request_wait)
        except TimeoutError:
            raise DeckError("refresh_running", status=503, retry_after=5) from None

    def _start(self, credential: Credential, *, by_person: bool = False) -> asyncio.Task[Credential]:
        """The account's refresh of this process: the one under way, or a new one."""
        auth_index = credential.auth_index
        task = self._running.get(auth_index)
        if task is None:
            task = tasks.start(self._refresh(credential, by_person=by_person), name=f"refresh {auth_index}")
            self._running[auth_index] = task
            task.add_done_callback(lambda _: self._running.pop(auth_index, None))
        return task

    def can_refresh(self, credential: Credential) -> bool:
        """Whether there is a refresh token, and it is ours to use."""
        return credential.refresh_token is not None and self._refresh_by(credential) is RefreshBy.AUTHDECK

    def _may_refresh(self, credential: Credential, now: datetime) -> bool:
        wait = self._waits.get(credential.auth_index)
        return self.can_refresh(credential) and (wait is None or now >= wait.until)

    def _cannot(self, credential: Credential) -> DeckError:
        elsewhere = credential.refresh_token is not None
        return DeckError("refresh_is_elsewhere" if elsewhere else "refresh_not_possible", status=503)

    def _refresh_by(self, credential: Credential) -> RefreshBy:
        entry = self._desk.directory.get(credential.auth_index)
        return entry.account.refresh_by if entry is not None else RefreshBy.OTHER

    async def _warm(self, auth_index: str) -> None:
        async with self._hints:
            try:
                credential = await self._lender.credential(auth_index)
                if self._may_refresh(credential, self._desk.now()) and is_expired(credential, self._desk.now()):
                    await asyncio.shield(self._start(credential))
            except DeckError as error:
                _log.info("not refreshed", auth_index=auth_index, code=error.code)

    async def _forget(self, auth_index: str) -> None:
        self._minted.pop(auth_index, None)
        self._waits.pop(auth_index, None)

    # ---- tokens that live in memory ----

    async def _with_token_in_memory(self, credential: Credential, now: datetime) -> Credential:
        """For logins whose key makes a new token at any time: nothing can be lost, so nothing is stored."""
        outgoing = None
        minted = self._minted.get(credential.auth_index)
        if minted is not None and minted.revision == credential.revision and not is_expired(minted, now):
            return minted
        outgoing = PROVIDERS[credential.provider].refresh_request(credential, self._desk.settings.providers, now)
        if outgoing is None:
            return credential
        task = self._running.get(credential.auth_index)
        if task is None:
            task = tasks.start(self._mint(credential, outgoing), name=f"token {credential.auth_index}")
            self._running[credential.auth_index] = task
            task.add_done_callback(lambda _: self._running.pop(credential.auth_index, None))
        return await asyncio.shield(task)

    async def _mint(self, credential: Credential, outgoing: Outgoing) -> Credential:
        module = PROVIDERS[credential.provider]
        read = module.read_refresh(await self._desk.calls.send(outgoing), credential, self._desk.now())
        REFRESHES.labels(credential.provider.value, read.outcome.value).inc()
        if read.outcome is not RefreshOutcome.OK:
            raise DeckError("refresh_failed", status=503, reason=read.code)
        document = {**credential.document, **read.changes}
        tokens = module.tokens(document)
        minted = replace(
            credential,
            document=document,
            bearer=tokens.bearer,
            expires_at=tokens.expires_at,
            issued_at=tokens.issued_at or self._desk.now(),
        )
        self._minted[credential.auth_index] = minted
        return minted

    # ---- one refresh ----

    async def _refresh(self, stale: Credential, *, by_person: bool) -> Credential:
        lane = self._lanes.setdefault(stale.provider, asyncio.Lock())
        async with lane:
            opened = await self._lender.opened(stale.auth_index)
            credential = opened.credential
            if credential.revision > stale.revision and not is_expired(credential, self._desk.now()):
                return credential
            outgoing = PROVIDERS[credential.provider].refresh_request(
                credential, self._desk.settings.providers, self._desk.now()
            )
            if outgoing is None:
                raise DeckError("refresh_not_possible", status=503)
            call = await self._begin(opened, by_person=by_person)
            if call is None:
                return await self._lender.credential(stale.auth_index)
            return await self._finish(call, await self._ask(call, outgoing))

    async def _begin(self, opened: Opened, *, by_person: bool) -> _Call | None:
        """Transaction 1: lease and journal. ``None``: another revision is current already, take that."""
        desk, credential = self._desk, opened.credential
        lease = _lease(credential.auth_index)

        def work(connection: WriteConnection) -> _Call | DeckError | None:
            if revisions.current(connection, credential.auth_index).number != credential.revision:
                return None
            fence = refreshing.take_lease(connection, lease, desk.boot, LEASE)
            if fence is None:
                return DeckError("refresh_running", status=503, retry_after=5)
            if (left := reading.open_entry(connection, opened.account_key)) is not None:
                # Its lease ran out, so whoever made the call is gone.
                refreshing.end_call(connection, left, outcome="unknown", at=desk.now(), code="process_ended")
            lost = reading.unknown_calls(connection, opened.account_key, credential.revision)
            if not by_person and (error := self._lost_too_often(lost, credential)) is not None:
                self._hold(connection, opened, "refresh_unknown", {"at": rfc3339(lost[-1])})
                refreshing.release_lease(connection, lease, desk.boot, fence)
                return error
            entry = refreshing.begin_call(
                connection, opened.account_key,
                from_revision=credential.revision, fence=fence, boot=desk.boot, at=desk.now(),
            )  # fmt: skip
            return _Call(opened, entry, fence, lost[-1] if lost else None)

        begun = await desk.write(work)
        if isinstance(begun, DeckError):
            self._back_off(credential.auth_index, Refreshed(RefreshOutcome.FAILED))
            raise begun
        return begun

    def _lost_too_often(self, lost: list[datetime], credential: Credential) -> DeckError | None:
        """After a lost answer: not while the old access token lives, then once more, then not without a person."""
        allowed = 1 if self._desk.settings.refresh.retry_unknown == "once" else 0
        if len(lost) <= allowed and (not lost or is_expired(credential, self._desk.now())):
            return None
        return DeckError("refresh_unknown", status=503, at=rfc3339(lost[-1]))

    async def _ask(self, call: _Call, outgoing: Outgoing) -> Refreshed:
        """Send the token. Never raises: whatever happens has to be written down."""
        credential = call.credential
        try:
            reply = await self._desk.calls.send(outgoing)
            return PROVIDERS[credential.provider].read_refresh(reply, credential, self._desk.now())
        except UpstreamFailure as error:
            outcome = RefreshOutcome.UNKNOWN if error.sent else RefreshOutcome.FAILED
            return Refreshed(outcome, error.code)
        except BaseException as error:  # noqa: BLE001 - see above
            _log.exception("token call failed", auth_index=credential.auth_index)
            return Refreshed(RefreshOutcome.UNKNOWN, type(error).__name__.lower())

    async def _finish(self, call: _Call, read: Refreshed) -> Credential:
        """Write the outcome down, then act on it."""
        auth_index = call.credential.auth_index
        REFRESHES.labels(call.credential.provider.value, read.outcome.value).inc()
        if read.outcome is RefreshOutcome.OK:
            await self._desk.write(lambda connection: self._commit_tokens(connection, call, read))
            self._waits.pop(auth_index, None)
            return await self._lender.credential(auth_index)
        error = await self._desk.write(lambda connection: self._commit_end(connection, call, read))
        if error is None:
            return await self._lender.credential(auth_index)
        if read.outcome is not RefreshOutcome.REFUSED:
            self._back_off(auth_index, read)
        raise error

    def _commit_tokens(self, connection: WriteConnection, call: _Call, read: Refreshed) -> None:
        """Transaction 2: the new revision, the journal's end, the lease's end, together.

        It becomes current if its parent still is, and nobody took the lease meanwhile. It is stored in any case.
        """
        desk, credential = self._desk, call.credential
        key, auth_index = call.opened.account_key, credential.auth_index
        content = formats.patch(call.opened.content, read.changes)
        document = formats.opened(content)
        module = PROVIDERS[credential.provider]
        is_ours = refreshing.holds_lease(connection, _lease(auth_index), desk.boot, call.fence)
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
        self._end(connection, call, read, code="" if became_current else "kept_beside", new_revision=number)
        if became_current:
            new_revision.learn(desk, connection, auth_index, document)
            for code in _HOLD_CODES:
                holds.release(connection, key, Owner.CREDENTIAL, by=AUTOMATION.name, at=desk.now(), code=code)
            self._proven(connection, call.opened)
        changed(desk, connection, "account", auth_index)

    def _commit_end(self, connection: WriteConnection, call: _Call, read: Refreshed) -> DeckError | None:
        """Transaction 2 without new tokens. ``None``: somebody else brought a newer revision; the refusal is of old."""
        credential, key = call.credential, call.opened.account_key
        self._end(connection, call, read, code=read.code)
        if revisions.current(connection, credential.auth_index).number != credential.revision:
            return None
        if read.outcome is RefreshOutcome.REFUSED:
            if call.lost_at is not None:
                lost_at = rfc3339(call.lost_at)
                self._hold(connection, call.opened, "refresh_answer_lost", {"at": lost_at, "reason": read.code})
                return DeckError("refresh_answer_lost", status=503, at=lost_at)
            self._hold(connection, call.opened, "refresh_refused", {"reason": read.code})
            return DeckError("refresh_refused", status=503, reason=read.code)
        if read.outcome is RefreshOutcome.FAILED:
            return DeckError("refresh_failed", status=503, reason=read.code)
        lost = reading.unknown_calls(connection, key, credential.revision)
        if self._is_for_a_person(lost):
            self._hold(connection, call.opened, "refresh_unknown", {"at": rfc3339(lost[-1])})
        return DeckError("refresh_unknown", status=503, at=rfc3339(self._desk.now()))

    def _is_for_a_person(self, lost: list[datetime]) -> bool:
        return len(lost) > (1 if self._desk.settings.refresh.retry_unknown == "once" else 0)

    def _end(
        self, connection: WriteConnection, call: _Call, read: Refreshed, *, code: str, new_revision: int | None = None
    ) -> None:
        now = self._desk.now()
        refreshing.end_call(
            connection, call.entry, outcome=read.outcome.value, at=now, code=code, new_revision=new_revision
        )
        refreshing.release_lease(connection, _lease(call.credential.auth_index), self._desk.boot, call.fence)

    def _hold(self, connection: WriteConnection, opened: Opened, code: str, detail: dict[str, str]) -> None:
        """The account waits for a person: why, and on what evidence."""
        now, key, credential = self._desk.now(), opened.account_key, opened.credential
        seen = Evidence(
            credential.generation, Source.REFRESH, Signal.CREDENTIAL, code, now, now,
            action=Action.REAUTH, detail=detail,
        )  # fmt: skip
        row = evidence.note(connection, key, seen)
        hold = Hold(Owner.CREDENTIAL, code, since=now, actor=AUTOMATION.name, evidence=row.key or None, detail=detail)
        holds.place(connection, key, hold)
        settle(self._desk, connection, [accounts.by_index(connection, credential.auth_index)])
        changed(self._desk, connection, "account", credential.auth_index)

    def _proven(self, connection: WriteConnection, opened: Opened) -> None:
        """New tokens end what was said of the old ones. Written down only where something was said."""
        account = accounts.by_index(connection, opened.credential.auth_index)
        known = of_sign_in(connection, [account.key]).get(account.key, ())
        if any(row.signal is Signal.CREDENTIAL for row in known):
            now = self._desk.now()
            row = Evidence(opened.credential.generation, Source.REFRESH, Signal.SUCCESS, "refreshed", now, now)
            evidence.note(connection, account.key, row)
            settle(self._desk, connection, [account])

    def _back_off(self, auth_index: str, read: Refreshed) -> None:
        """5 s, 30 s, 5 min; longer where the provider says so; spread, so that many accounts do not come at once."""
        before = self._waits.get(auth_index)
        step = 0 if before is None else min(before.step + 1, len(BACK_OFF) - 1)
        pause = timedelta(seconds=BACK_OFF[step] * random.uniform(1, 1.25))  # noqa: S311 - no secret
        if read.retry_after is not None:
            pause = max(pause, read.retry_after)
        self._waits[auth_index] = _Wait(self._desk.now() + pause, step)


_NOBODY: Final = 0
"""No revision has this number: one with this parent never becomes current."""


def is_expired(credential: Credential, now: datetime) -> bool:
    """Whether less than a minute is left, or less than a tenth of its life."""
    if credential.expires_at is None:
        return credential.bearer is None
    lifetime = _lifetime(credential)
    margin = EXPIRED if lifetime is None else min(EXPIRED, lifetime / 10)
    return credential.expires_at - now < margin


def is_due(credential: Credential, now: datetime) -> bool:
    """Whether less than the provider's lead is left, or less than half of its life."""
    if credential.expires_at is None:
        return False
    lifetime, lead = _lifetime(credential), PROVIDERS[credential.provider].LEAD
    margin = min(lead, UNKNOWN_LIFETIME_LEAD) if lifetime is None else min(lead, lifetime / 2)
    return credential.expires_at - now < margin


def _lifetime(credential: Credential) -> timedelta | None:
    if credential.expires_at is None or credential.issued_at is None or credential.issued_at >= credential.expires_at:
        return None
    return credential.expires_at - credential.issued_at


def _lease(auth_index: str) -> str:
    return f"refresh:{auth_index}"

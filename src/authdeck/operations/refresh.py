"""Keeping sign-ins usable: who needs a new token, who waits for it, and who has to do without.

Only a token that has run out is waited for; one that ends soon is replaced while it is used. How a token call is made
without losing anything is in ``token_calls``. A call goes on when whoever waited leaves; ``close`` waits for all.
"""

import asyncio
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from authdeck import tasks
from authdeck.account import Account, Provider, RefreshBy
from authdeck.credential import Credential
from authdeck.entry import Entry
from authdeck.errors import DeckError
from authdeck.exchange import Outgoing
from authdeck.freshness import is_due, is_expired
from authdeck.hold import Owner
from authdeck.operations import token_calls
from authdeck.operations.desk import Desk
from authdeck.operations.lend import Lender, Opened
from authdeck.operations.minting import Mint
from authdeck.operations.token_calls import LEASE, Call, Cause, NotBegun
from authdeck.providers import PROVIDERS
from authdeck.storage.writing import refreshing

BACK_OFF: Final = (5.0, 30.0, 300.0)
REFUSED_FOR: Final = timedelta(hours=1)
TRIES_AT_ONCE: Final = 4
SLICE: Final = 1_000
"""Accounts that are looked at before the loop has its turn."""

LOOK_AGAIN: Final = 0.1
"""Seconds until an account or a lane that another process holds is looked at again."""

_REFUSED: Final = frozenset({"refresh_refused", "refresh_answer_lost"})
_ANSWERED: Final = _REFUSED | {"refresh_unknown"}
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Wait:
    """After failures: not before ``until``. ``step`` counts them; ``refused`` is what a later call would say again."""

    until: datetime
    step: int
    refused: DeckError | None = None


class Refresher:
    """Keeps credentials usable. Credentials go in and come out; what is stored is stored on the way."""

    def __init__(self, desk: Desk, lender: Lender) -> None:
        self._desk: Final = desk
        self._lender: Final = lender
        self._mint: Final = Mint(desk, lender)
        self._running: dict[str, asyncio.Task[Credential]] = {}
        self._waits: dict[str, _Wait] = {}
        self._lanes: dict[Provider, asyncio.Lock] = {}
        self._free_at: dict[Provider, float] = {}
        self._hints = asyncio.Semaphore(TRIES_AT_ONCE)
        self._is_closing = False
        desk.feed.subscribe("account", self._forget)

    async def usable(self, credential: Credential, patience: float | None = None) -> Credential:
        """A credential that can be sent now. Waits only for one that has run out, and at most ``patience`` seconds.

        Without ``patience`` it is as long as the setting ``refresh.request_wait``.
        Raises ``DeckError`` where that can't be: ``refresh_is_elsewhere``, ``refresh_running``, ``refresh_refused``,
        ``refresh_failed``, ``refresh_unknown``, ``refresh_not_possible``.
        """
        now = self._desk.now()
        if not PROVIDERS[credential.provider].KEEPS_TOKEN:
            return await self._mint.usable(credential)
        if is_expired(credential, now):
            return await self._awaited(credential, patience)
        if self._is_due(credential, now) and self._may_refresh(credential, now):
            self._start(credential)
        return credential

    async def renewed(self, credential: Credential, patience: float | None = None) -> Credential | None:
        """A newer credential after the provider did not accept this one; ``None`` where there is none to be had."""
        try:
            return await self.renew(credential, patience)
        except DeckError as error:
            _log.info("not renewed", auth_index=credential.auth_index, code=error.code)
            return None

    async def renew(self, credential: Credential, patience: float | None = None) -> Credential | None:
        """Likewise, for who wants to know why not. ``None``: it can't be tried. Raises like ``usable``."""
        newer = await self._lender.credential(credential.auth_index)
        if newer.revision > credential.revision:
            return newer
        if not PROVIDERS[credential.provider].KEEPS_TOKEN:
            self._mint.forget(credential.auth_index)
            return await self._mint.usable(newer)
        if not self.can_refresh(credential):
            return None
        return await self._awaited(credential, patience, Cause.REJECTED)

    async def refresh(self, auth_index: str) -> Credential:
        """Refresh now, because a person asked: back-off and lost answers do not count. Raises like ``usable``.

        It waits its turn among others that people asked for at the same provider.
        """
        credential = await self._lender.newest(auth_index)
        if not PROVIDERS[credential.provider].KEEPS_TOKEN:
            self._mint.forget(auth_index)
            return await self._mint.usable(credential)
        if not self.can_refresh(credential):
            raise self._cannot(credential)
        await self._rest(credential.provider)
        return await asyncio.shield(self._start(credential, Cause.PERSON))

    async def _rest(self, provider: Provider) -> None:
        """People's refreshes of one OAuth client begin ``refresh.pace`` seconds apart, however quickly they click."""
        now = asyncio.get_running_loop().time()
        free_at = max(now, self._free_at.get(provider, now))
        self._free_at[provider] = free_at + self._desk.settings.refresh.pace
        await asyncio.sleep(free_at - now)

    def hint(self, account: Account) -> None:
        """An account was passed over because its token has run out: refresh it in the background, if it is in use."""
        if self._is_in_use(account) and account.auth_index not in self._running:
            tasks.start(self._warm(account.auth_index), name="refresh hint")

    async def keep_warm(self) -> int:
        """Refresh what is due and in use before anybody has to wait for it. How many accounts were looked at."""
        now, due = self._desk.now(), []
        for place, entry in enumerate(list(self._desk.directory.entries())):
            if place % SLICE == 0:
                await asyncio.sleep(0)  # requests go first, however many accounts there are
            if _may_be_due(entry, now) and self._is_in_use(entry.account):
                due.append(entry.account.auth_index)
        await asyncio.gather(*(self._warm(auth_index) for auth_index in due))
        return len(due)

    async def give_up_others(self) -> int:
        """At start, on SQLite: calls of former runs are ``unknown``, their leases void. How many calls there were."""
        desk = self._desk
        return await desk.write(lambda connection: refreshing.give_up_others(connection, desk.boot, desk.now()))

    async def give_up_forgotten(self) -> int:
        """Calls whose process is gone are ``unknown``, so that everybody sees it. How many there were."""
        desk = self._desk
        return len(await desk.write(lambda connection: refreshing.give_up_forgotten(connection, desk.now())))

    async def close(self) -> None:
        """Wait until no call is under way: its answer is committed, or known to be lost."""
        self._is_closing = True
        while self._running:
            await asyncio.wait(list(self._running.values()))
            await asyncio.sleep(0)
        await self._mint.close()

    # ---- who waits, who may ----

    async def _awaited(self, credential: Credential, patience: float | None, cause: Cause = Cause.ENDS) -> Credential:
        if not self.can_refresh(credential):
            raise self._cannot(credential)
        now = self._desk.now()
        if (wait := self._waits.get(credential.auth_index)) is not None and now < wait.until:
            if wait.refused is not None:
                raise DeckError(wait.refused.code, status=503, **wait.refused.params)
            left = (wait.until - now).total_seconds()
            raise DeckError("refresh_failed", status=503, retry_after=left, reason="back_off")
        task = self._start(credential, cause)
        try:
            longest = self._desk.settings.refresh.request_wait
            return await asyncio.wait_for(asyncio.shield(task), longest if patience is None else patience)
        except TimeoutError:
            raise DeckError("refresh_running", status=503, retry_after=5) from None

    def _start(self, credential: Credential, cause: Cause = Cause.ENDS) -> asyncio.Task[Credential]:
        """The account's refresh of this process: the one under way, or a new one."""
        auth_index = credential.auth_index
        task = self._running.get(auth_index)
        if task is None:
            task = tasks.start(self._refresh(credential, cause), name=f"refresh {auth_index}")
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

    def _is_due(self, credential: Credential, now: datetime) -> bool:
        return is_due(credential, now, PROVIDERS[credential.provider].LEAD)

    def _is_in_use(self, account: Account) -> bool:
        """Whether it was used within the days for which accounts are kept warm."""
        entry = self._desk.directory.get(account.auth_index)
        used = entry.account.last_request_at if entry is not None else None
        return used is not None and self._desk.now() - used < timedelta(days=self._desk.settings.refresh.keep_warm_days)

    async def _warm(self, auth_index: str) -> None:
        async with self._hints:
            try:
                credential = await self._lender.credential(auth_index)
                now = self._desk.now()
                if self._is_due(credential, now) and self._may_refresh(credential, now) and not self._is_closing:
                    await asyncio.shield(self._start(credential))
            except DeckError as error:
                _log.info("not refreshed", auth_index=auth_index, code=error.code)

    async def _forget(self, auth_index: str) -> None:
        self._mint.forget(auth_index)
        self._waits.pop(auth_index, None)

    # ---- one refresh ----

    async def _refresh(self, stale: Credential, cause: Cause) -> Credential:
        """Until there is a newer revision: this process's, or one that another process is about to commit.

        The lane is let go while another process has the account: its holder may be gone, and the lease lasts.
        """
        until = self._desk.clock.monotonic() + LEASE + token_calls.LANE
        while True:
            async with self._lanes.setdefault(stale.provider, asyncio.Lock()):
                found = await self._tried(stale, cause)
            if isinstance(found, Credential):
                return found
            if self._is_closing or self._desk.clock.monotonic() > until:
                raise DeckError("refresh_running", status=503, retry_after=5)
            await asyncio.sleep(LOOK_AGAIN * random.uniform(1, 2))  # noqa: S311 - no secret

    async def _tried(self, stale: Credential, cause: Cause) -> Credential | NotBegun:
        """A newer credential, read or fetched; or why another process has to be waited for."""
        while True:
            opened = await self._lender.opened(stale.auth_index)
            if opened.credential.revision > stale.revision and not is_expired(opened.credential, self._desk.now()):
                return await self._lender.newest(stale.auth_index)
            self._request(opened.credential)
            call = await self._begun(opened, cause)
            if isinstance(call, Call):
                return await self._called(call)
            if call is NotBegun.ACCOUNT_TAKEN or self._is_closing:
                return call
            if call is NotBegun.LANE_TAKEN:
                await asyncio.sleep(LOOK_AGAIN * random.uniform(0.5, 1.5))  # noqa: S311 - no secret

    def _request(self, credential: Credential) -> Outgoing:
        """The token call. Raises before anything is written down where there is none."""
        desk = self._desk
        outgoing = PROVIDERS[credential.provider].refresh_request(credential, desk.settings.providers, desk.now())
        if outgoing is None:
            raise DeckError("refresh_not_possible", status=503)
        return outgoing

    async def _begun(self, opened: Opened, cause: Cause) -> Call | NotBegun:
        try:
            return await token_calls.begin(self._desk, opened, cause)
        except DeckError as error:
            if error.code in _ANSWERED:
                self._back_off(opened.credential.auth_index, error)
            raise

    async def _called(self, call: Call) -> Credential:
        """The token is sent, and what came of it is committed; then it is acted on."""
        desk, credential = self._desk, call.credential
        read = await token_calls.answered(desk, call, self._request(credential))
        error = await token_calls.finish(desk, call, read)
        if error is None:
            self._waits.pop(credential.auth_index, None)
            return await self._lender.newest(credential.auth_index)
        self._back_off(credential.auth_index, error, read.retry_after)
        raise error

    def _back_off(self, auth_index: str, error: DeckError, told: timedelta | None = None) -> None:
        """5 s, 30 s, 5 min; longer where the provider says so; spread, so that many accounts do not come at once.

        After a refusal only new tokens or a person help, and both end the waiting: nobody need ask the database.
        """
        if error.code in _REFUSED:
            self._waits[auth_index] = _Wait(self._desk.now() + REFUSED_FOR, 0, error)
            return
        before = self._waits.get(auth_index)
        step = 0 if before is None else min(before.step + 1, len(BACK_OFF) - 1)
        pause = timedelta(seconds=BACK_OFF[step] * random.uniform(1, 1.25))  # noqa: S311 - no secret
        if told is not None:
            pause = max(pause, told)
        self._waits[auth_index] = _Wait(self._desk.now() + pause, step)


def _may_be_due(entry: Entry, now: datetime) -> bool:
    """Told by what is in memory: its end is near, it is ours to refresh, and nobody switched it off."""
    account = entry.account
    if account.expires_at is None or account.refresh_by is not RefreshBy.AUTHDECK or account.trashed_at is not None:
        return False
    if any(hold.owner in _KEEPS_OUT and hold.scope is None for hold in entry.holds):
        return False
    return account.expires_at - now < PROVIDERS[account.provider].LEAD


_KEEPS_OUT: Final = frozenset({Owner.OPERATOR, Owner.INSPECTION, Owner.CREDENTIAL})

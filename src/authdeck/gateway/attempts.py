"""Trying accounts until one answers: whose turn it is, its credential, and what a failure says of it.

A failure that is the account's alone leads to the next account, as long as nothing of an answer has been passed on.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from math import ceil
from typing import Final, Protocol, TypeVar

from authdeck import models, request_errors
from authdeck.account import Account
from authdeck.clock import Clock
from authdeck.credential import Credential
from authdeck.errors import DeckError, NotFound
from authdeck.event import Attempt, FailureKind
from authdeck.exchange import Passed
from authdeck.gateway import coding
from authdeck.gateway.headers import Raw
from authdeck.gateway.wanted import Failed, Underway, Wanted
from authdeck.operations import observe
from authdeck.pool import Pool
from authdeck.protocols import asking
from authdeck.providers import PROVIDERS
from authdeck.routing import Ask, Route
from authdeck.settings import Settings
from authdeck.standing import Shortage
from authdeck.upstream.failures import UpstreamFailure
from authdeck.upstream.sockets import Socket, Sockets
from authdeck.upstream.streams import Stream, Streams
from authdeck.verdict import Verdict, unreached

FAILED_BODY_LIMIT: Final = 1024 * 1024
"""Bytes of a failed answer that are read and passed on."""

_PAUSES: Final = {
    FailureKind.QUOTA: 5.0,
    FailureKind.UPSTREAM: 10.0,
    FailureKind.TIMEOUT: 10.0,
    FailureKind.NETWORK: 10.0,
    FailureKind.AUTH: 59.0,
}
"""Seconds an account is passed over after a failure that names no time."""

T = TypeVar("T")

_NOT_IN_BODY: Final = frozenset({Route.GENERATE, Route.WEBSOCKET})
"""Where the model stands elsewhere: in the path, or in each message."""
_REDIRECTS: Final = range(300, 400)


class Lender(Protocol):
    """Gives opened credentials. ``operations.lend`` is the real one."""

    def ready(self, auth_index: str) -> Credential | None: ...

    async def credential(self, auth_index: str) -> Credential: ...


class Refresher(Protocol):
    """Keeps credentials usable. ``operations.refresh`` is the real one."""

    async def usable(self, credential: Credential, patience: float) -> Credential: ...

    async def renewed(self, credential: Credential, patience: float) -> Credential | None: ...

    def can_refresh(self, credential: Credential) -> bool: ...

    def hint(self, account: Account) -> None: ...


class Observer(Protocol):
    """Takes in what answers say of accounts. ``operations.observe`` is the real one."""

    def failed(self, failed: observe.Failed) -> None: ...

    def answered(self, account: Account, headers: Raw, request_id: str) -> None: ...


class Attempts:
    """Tries accounts for requests. What they answer is told to the pool and the observer."""

    def __init__(
        self,
        *,
        pool: Pool,
        lender: Lender,
        refresher: Refresher,
        streams: Streams,
        sockets: Sockets,
        observer: Observer,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._pool: Final = pool
        self._lender: Final = lender
        self._refresher: Final = refresher
        self._streams: Final = streams
        self._sockets: Final = sockets
        self._observer: Final = observer
        self._providers: Final = settings.providers
        self._gateway: Final = settings.gateway
        self._patience: Final = settings.refresh.request_wait
        self._clock: Final = clock

    async def in_turn(
        self, request: Underway, wanted: Wanted, tried: set[str]
    ) -> tuple[Stream | Socket | Failed, Account, bool]:
        """Try accounts until one answers. The last outcome, its account, and whether others were left untried.

        Those in ``tried`` are passed over; it gains the ones tried here. Raises ``DeckError`` where no account can be
        tried at all.
        """
        last: tuple[Failed, Account] | None = None
        for _ in range(max(1, self._gateway.max_attempts)):
            picked = self._pick(wanted, tried)
            if isinstance(picked, Shortage):
                if last is None:
                    raise self._refusal(wanted, picked)
                return *last, False
            tried.add(picked.auth_index)
            outcome = await self._attempt(request, wanted, picked)
            if not isinstance(outcome, Failed) or outcome.stops or not outcome.verdict.elsewhere:
                return outcome, picked, False
            last = outcome, picked
        assert last is not None
        is_more = wanted.only is None and self._pool.has_more(_ask(wanted, tried), self._clock.now().timestamp())
        return *last, is_more

    def _pick(self, wanted: Wanted, tried: set[str]) -> Account | Shortage:
        if wanted.only is not None:
            return Shortage() if wanted.only in tried else self._pool.only(wanted.only)
        picked = self._pool.pick(_ask(wanted, tried), self._clock.now().timestamp())
        while self._pool.stale:
            self._refresher.hint(self._pool.stale.popleft())
        if isinstance(picked, Shortage):
            picked.resting.rotate(1)
            return next((account for account in picked.resting if account.auth_index not in tried), picked)
        return picked

    async def _attempt(self, request: Underway, wanted: Wanted, account: Account) -> Stream | Socket | Failed:
        event, began = request.event, self._clock.monotonic()
        event.auth_index, event.file_name = account.auth_index, account.file_name
        event.provider, event.project = account.provider.value, account.settings.project_id
        outcome = await self._answered(request, wanted, account)
        kind = outcome.verdict.kind.value if isinstance(outcome, Failed) else None
        elapsed = (self._clock.monotonic() - began) * 1000
        event.attempts.append(Attempt(account.auth_index, outcome.status, kind, elapsed))
        if isinstance(outcome, Failed):
            self.pause(wanted, account, outcome.verdict)
            self.observe(request, wanted, account, outcome)
        else:
            self._observer.answered(account, outcome.headers, request.id)
        return outcome

    async def _answered(self, request: Underway, wanted: Wanted, account: Account) -> Stream | Socket | Failed:
        """One account's answer. A credential that was not accepted is renewed once."""
        renewed = None
        try:
            credential = self._lender.ready(account.auth_index) or await self._lender.credential(account.auth_index)
            if credential.expires_at is not None or credential.bearer is None:
                credential = await self._waited(request, self._refresher.usable, credential)
            outcome = await self._opened(wanted, account, credential)
            if isinstance(outcome, Failed) and outcome.verdict.refreshable:
                renewed = await self._waited(request, self._refresher.renewed, credential)
                if renewed is not None:
                    credential = renewed
                    outcome = await self._opened(wanted, account, renewed)
            if isinstance(outcome, Failed):
                outcome = replace(
                    outcome,
                    generation=credential.generation,
                    is_final=renewed is not None or not self._refresher.can_refresh(credential),
                    renewed_at=None if renewed is None else renewed.issued_at or self._clock.now(),
                )
        except UpstreamFailure as error:
            # What may have been carried out is not repeated elsewhere: only the client knows whether it may be.
            host = str(error.params.get("host", ""))
            return Failed(unreached(error.kind, error.code, elsewhere=not error.sent, host=host), error=error)
        except DeckError as error:
            kind = FailureKind.REQUEST if error.status == 404 else FailureKind.AUTH  # noqa: PLR2004 - not found
            elsewhere = kind is FailureKind.AUTH and not error.code.startswith("storage_")
            until = self._clock.now() + timedelta(seconds=error.retry_after) if error.retry_after else None
            return Failed(Verdict(kind, error.code, elsewhere=elsewhere, until=until), error=error)
        return outcome

    async def _waited(
        self, request: Underway, refresh: Callable[[Credential, float], Awaitable[T]], credential: Credential
    ) -> T:
        """What the refresher says. All waits of a request together last no longer than the setting allows."""
        began = self._clock.monotonic()
        try:
            return await refresh(credential, max(0.0, self._patience - request.waited))
        finally:
            request.waited += self._clock.monotonic() - began

    async def _opened(self, wanted: Wanted, account: Account, credential: Credential) -> Stream | Socket | Failed:
        passed = self._passed(wanted, account)
        opens: Streams | Sockets = self._sockets if wanted.route is Route.WEBSOCKET else self._streams
        stream = await opens.open(PROVIDERS[account.provider].prepare(passed, credential, self._providers))
        if stream.status < 300:  # noqa: PLR2004 - success
            return stream
        return await self._read_failed(stream, account, wanted.model)

    def _passed(self, wanted: Wanted, account: Account) -> Passed:
        """The request for this account: the model under the provider's name for it, all else as it came."""
        model = models.resolved(account, wanted.model) if wanted.model is not None else None
        body, sent = wanted.body, wanted.headers
        is_renamed = model is not None and model != wanted.asked and wanted.route not in _NOT_IN_BODY
        if is_renamed or wanted.route is Route.CODE_ASSIST:
            body = asking.renamed(wanted.opened, model) if is_renamed and model is not None else wanted.opened
            if wanted.body is not wanted.opened:
                sent = [pair for pair in sent if pair[0] != "content-encoding"]
        return Passed(wanted.method, wanted.route, wanted.call.tail, wanted.query, sent, body, model)

    async def _read_failed(self, stream: Stream | Socket, account: Account, model: str | None) -> Failed:
        """What a refusal says. One whose body is cut is answered all the same, so others may be tried.

        But half of its words are not passed on as if they were all. Raises ``UpstreamFailure`` where others would not
        help.
        """
        body, cut = await _whole(stream)
        if stream.status in _REDIRECTS:
            error = UpstreamFailure(FailureKind.UPSTREAM, "upstream_redirected", sent=True)
            return Failed(unreached(error.kind, error.code, elsewhere=False), stream.status, error=error)
        read = PROVIDERS[account.provider].read_failure
        known = {name.decode("latin-1"): value.decode("latin-1") for name, value in stream.headers}
        readable = _readable(body, known)
        observed = read(stream.status, known, readable, self._clock.now(), model)
        action = request_errors.decided(account.settings.request_scoped_errors, stream.status, readable)
        if action is not None:
            observed = request_errors.ruled(observed, action)
        if cut is not None and not observed.elsewhere:
            raise cut
        stops = request_errors.stops(action)
        return Failed(observed, stream.status, stream.headers, body, error=cut, stops=stops)

    def pause(self, wanted: Wanted, account: Account, observed: Verdict) -> None:
        """Pass the account over for a moment, so that the next requests need not find out again."""
        now = self._clock.now()
        pause = _PAUSES.get(observed.kind)
        says_something = observed.elsewhere or observed.kind is FailureKind.NETWORK
        if pause is None or not says_something or account.settings.disable_cooling:
            return
        until = observed.until or now + timedelta(seconds=pause)
        scope = observed.scope or (None if observed.is_account_wide else wanted.model)
        self._pool.block(
            account.auth_index,
            scope,
            until.timestamp(),
            observed.code,
            now.timestamp(),
            is_quota=observed.kind is FailureKind.QUOTA,
        )

    def observe(self, request: Underway, wanted: Wanted, account: Account, failed: Failed) -> None:
        """Hand over what the provider said, or that it could not be reached. Errors of ours say nothing of it."""
        if failed.status is None and not isinstance(failed.error, UpstreamFailure):
            return
        known = {name.decode("latin-1"): value.decode("latin-1") for name, value in failed.headers}
        generation = account.generation if failed.generation is None else failed.generation
        seen = observe.Failed(
            account, generation, failed.verdict, known, _readable(failed.body, known), request.id,
            wanted.model, failed.is_final, failed.renewed_at,
        )  # fmt: skip
        self._observer.failed(seen)

    def _refusal(self, wanted: Wanted, shortage: Shortage) -> DeckError:
        """What to tell a client that no account can serve."""
        if not shortage.serving:
            return NotFound("model_not_found", model=wanted.asked or "")
        if shortage.only_terms:
            provider = min(shortage.terms).value
            command = f"authdeck terms acknowledge {provider}"
            return DeckError("terms_not_acknowledged", status=403, provider=provider, command=command)
        reasons = dict(shortage.reasons)
        if shortage.only_quota and shortage.quota_until is not None:
            wait = max(1, ceil(shortage.quota_until - self._clock.now().timestamp()))
            return DeckError("no_account_available", status=429, retry_after=wait, reasons=reasons)
        return DeckError("no_account_available", status=503, reasons=reasons)


def _ask(wanted: Wanted, tried: set[str]) -> Ask:
    return Ask(wanted.route, wanted.model, wanted.prefix, frozenset(tried), wanted.providers, wanted.session)


async def _whole(stream: Stream | Socket) -> tuple[bytes, UpstreamFailure | None]:
    """The body, and how it broke off where it did."""
    body, cut = bytearray(), None
    try:
        while len(body) < FAILED_BODY_LIMIT and (piece := await stream.read()):
            body += piece
    except UpstreamFailure as failure:
        cut = failure
    finally:
        stream.close()
    return bytes(body[:FAILED_BODY_LIMIT]), cut


def _readable(body: bytes, known: Mapping[str, str]) -> bytes:
    try:
        reader = coding.decoder(known.get("content-encoding", ""))
        return reader.decode(body) if reader else body
    except coding.Undecodable:
        return b""

"""Serving one request: pick an account, put its credential in, pass the answer on while it arrives.

Before anything of an answer has been passed on, a failure that is the account's alone leads to the next account. After
that nothing is repeated: an answer that breaks off breaks off at the client too, so that no half answer looks whole.
"""

import json
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
from authdeck.event import Attempt, Failure, FailureKind, RequestEvent
from authdeck.exchange import Passed
from authdeck.gateway import coding, headers
from authdeck.gateway.headers import Raw
from authdeck.gateway.request import Request
from authdeck.gateway.traces import provider_trace
from authdeck.gateway.wanted import Failed, Underway, Wanted, check
from authdeck.gateway.witness import Witness
from authdeck.operations import observe
from authdeck.operations.client_keys import ClientKey
from authdeck.pool import Pool
from authdeck.protocols import asking
from authdeck.protocols.asking import NOTHING_NAMED
from authdeck.protocols.conversations import conversation
from authdeck.protocols.routes import Recognised
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
_UNAUTHORIZED: Final = frozenset({401, 407})


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

    def answered(self, account: Account, headers: Raw) -> None: ...


class Recorder(Protocol):
    async def record(self, event: RequestEvent) -> None: ...


class Forwarder:
    """Serves requests of recognised routes. ``saw`` is told of each event as it is recorded."""

    def __init__(
        self,
        *,
        pool: Pool,
        lender: Lender,
        refresher: Refresher,
        streams: Streams,
        sockets: Sockets,
        recorder: Recorder,
        observer: Observer,
        settings: Settings,
        clock: Clock,
        saw: Callable[[RequestEvent], None],
    ) -> None:
        self._pool: Final = pool
        self._lender: Final = lender
        self._refresher: Final = refresher
        self._streams: Final = streams
        self._sockets: Final = sockets
        self._recorder: Final = recorder
        self._observer: Final = observer
        self._providers: Final = settings.providers
        self._gateway: Final = settings.gateway
        self._patience: Final = settings.refresh.request_wait
        self._clock: Final = clock
        self._saw: Final = saw

    async def serve(self, request: Request, call: Recognised, query: str, key: ClientKey) -> None:
        """Answer the request. Raises ``DeckError`` where nothing was passed on; the caller says so to the client."""
        body = await request.body(self._gateway.body_limit)
        request.watch(self._gateway.total_timeout)
        wanted = self._wanted(request, call, query, body, key)
        request.event.model, request.event.prefix = wanted.model, wanted.prefix
        outcome, account, more = await self.tried_in_turn(request, wanted, set())
        if isinstance(outcome, Failed):
            await self._pass_failure(request, outcome, account, more)
        else:
            assert isinstance(outcome, Stream)
            await self._pass(request, wanted, account, outcome)

    def _wanted(self, request: Request, call: Recognised, query: str, body: bytes, key: ClientKey) -> Wanted:
        opened = body
        if compression := request.header(b"content-encoding"):
            opened = coding.opened(
                body,
                compression.decode("latin-1"),
                limit=self._gateway.body_limit,
                ratio=self._gateway.ratio_limit,
            )
        read = asking.asked(opened) if request.method == "POST" else None
        asked = call.model or (read.model if read else None)
        prefix, model = call.prefix, asked
        if prefix is None and asked and call.route is not None:
            prefix, model = self._pool.split(call.route, asked)
        check(key.scope, prefix, model)
        passed = headers.passed_on(request.headers)
        named = conversation(request.header, read.naming if read else NOTHING_NAMED)
        session = f"{key.id}:{named}" if named else None  # two callers may use one name
        return Wanted(
            call, request.method, query, passed, body, opened, asked, model, prefix, key.scope.providers, session,
            request.errand.account if request.errand else None,
        )  # fmt: skip

    async def tried_in_turn(
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
        return *last, not isinstance(self._pick(wanted, tried), Shortage)

    def _pick(self, wanted: Wanted, tried: set[str]) -> Account | Shortage:
        if wanted.only is not None:
            return Shortage() if wanted.only in tried else self._pool.only(wanted.only)
        ask = Ask(wanted.route, wanted.model, wanted.prefix, frozenset(tried), wanted.providers, wanted.session)
        picked = self._pool.pick(ask, self._clock.now().timestamp())
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
            self._observer.answered(account, outcome.headers)
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
        body = await _whole(stream)
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
        return Failed(observed, stream.status, stream.headers, body, stops=request_errors.stops(action))

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

    def _observe_inside(self, request: Underway, wanted: Wanted, account: Account, code: str) -> None:
        """An error inside a started answer, where its code is one that says something of the account."""
        body = json.dumps({"error": {"code": code}}).encode()
        verdict = PROVIDERS[account.provider].read_failure(200, {}, body, self._clock.now(), wanted.model)
        if verdict.code != "broken_answer":
            failed = observe.Failed(account, account.generation, verdict, {}, body, request.id, wanted.model)
            self._observer.failed(failed)

    async def _pass(self, request: Request, wanted: Wanted, account: Account, stream: Stream) -> None:
        """Pass the answer on. The piece that ends it waits until the event is durable; all others leave at once.

        The headers of a stream leave at once too; those of any other answer go with its first piece, in one write.
        """
        event = request.event
        witness = Witness(wanted.call.protocol, stream.headers)
        event.streamed = witness.streamed
        sent = headers.passed_back(stream.headers, self._marks(request, account))
        try:
            await request.start(stream.status, sent, with_first_piece=not witness.streamed)
            while piece := await stream.read():
                if event.ttfb_ms is None:
                    event.ttfb_ms = request.elapsed_ms()
                ends = witness.sees(piece)
                if ends and not request.is_recorded:
                    await self._record_answer(request, wanted, account, witness)
                if witness.is_counted_out:
                    await request.piece(piece, more=False)
                    return
                await request.piece(piece, more=True)
            witness.ends()
            if witness.streamed and not request.is_recorded:
                stream.must_be_whole()
        except UpstreamFailure as error:
            if not request.is_recorded:
                event.tokens = witness.tokens
                request.fails(Failure(error.kind, error.code))
                event.attempts[-1] = replace(event.attempts[-1], kind=error.kind.value)
                if not request.is_started:
                    raise
                await self.record(request)
                return  # without an end: the server closes the connection, and the client sees that it broke off
        finally:
            stream.close()
        if not request.is_recorded:
            await self._record_answer(request, wanted, account, witness)
        await request.piece(b"", more=False)

    async def _record_answer(self, request: Request, wanted: Wanted, account: Account, witness: Witness) -> None:
        event = request.event
        event.tokens = witness.tokens
        if witness.failure is not None:
            request.fails(Failure(FailureKind.UPSTREAM, witness.failure))
            self._observe_inside(request, wanted, account, witness.failure)
        else:
            self._pool.unblock(account.auth_index, wanted.model)
        await self.record(request)

    async def _pass_failure(self, request: Request, failed: Failed, account: Account, more: bool) -> None:
        """Pass a provider's refusal on as it is; but one of the account's credential is none of the client's.

        Where other accounts are left, how long this one has to wait is not said: clients would wait that long.
        """
        observed = failed.verdict
        request.fails(Failure(observed.kind, observed.code, observed.summary))
        request.event.trace = request.event.trace or provider_trace(failed.headers)
        if failed.error is not None:
            raise failed.error
        assert failed.status is not None
        if observed.kind is FailureKind.AUTH and failed.status in _UNAUTHORIZED:
            raise DeckError("no_account_available", status=503, reasons={observed.code: 1})
        raw = [pair for pair in headers.with_bounded_wait(failed.headers, more=more) if pair[0] != b"content-length"]
        length = (b"content-length", str(len(failed.body)).encode())
        sent = headers.passed_back(raw, [length, *self._marks(request, account)])
        request.event.status = failed.status
        await self.record(request)
        await request.start(failed.status, sent)
        await request.piece(failed.body, more=False)

    async def record(self, request: Underway) -> None:
        """Record the event, once, as it stands; returns when it is durable, or after the recorder's patience."""
        if request.is_recorded:
            return
        request.is_recorded = True
        request.event.latency_ms = request.elapsed_ms()
        self._saw(request.event)
        await self._recorder.record(request.event)

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

    def _marks(self, request: Request, account: Account) -> list[tuple[bytes, bytes]]:
        marks = [(b"x-authdeck-request-id", request.id.encode())]
        if self._gateway.account_header:
            marks.append((b"x-authdeck-account", account.auth_index.encode()))
        return marks


async def _whole(stream: Stream | Socket) -> bytes:
    body = bytearray()
    try:
        while len(body) < FAILED_BODY_LIMIT and (piece := await stream.read()):
            body += piece
    finally:
        stream.close()
    return bytes(body[:FAILED_BODY_LIMIT])


def _readable(body: bytes, known: Mapping[str, str]) -> bytes:
    try:
        reader = coding.decoder(known.get("content-encoding", ""))
        return reader.decode(body) if reader else body
    except coding.Undecodable:
        return b""

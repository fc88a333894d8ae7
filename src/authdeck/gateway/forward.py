"""Serving one request: what the client asks for, and passing the answer on while it arrives.

Which account answers is found by ``attempts``. Once anything of an answer has been passed on nothing is repeated: one
that breaks off breaks off at the client too, so that no half answer looks whole.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from authdeck.account import Account
from authdeck.clock import Clock
from authdeck.errors import DeckError
from authdeck.event import Failure, FailureKind, RequestEvent
from authdeck.gateway import coding, headers
from authdeck.gateway.attempts import Attempts, Observer
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
from authdeck.protocols.routes import ProtocolModule, Recognised
from authdeck.providers import PROVIDERS
from authdeck.settings import Settings
from authdeck.upstream.failures import UpstreamFailure
from authdeck.upstream.streams import Stream

_UNAUTHORIZED: Final = frozenset({401, 407})


class Recorder(Protocol):
    async def record(self, event: RequestEvent) -> None: ...


class Forwarder:
    """Serves requests of recognised routes. ``saw`` is told of each event as it is recorded."""

    def __init__(
        self,
        *,
        attempts: Attempts,
        pool: Pool,
        recorder: Recorder,
        observer: Observer,
        settings: Settings,
        clock: Clock,
        saw: Callable[[RequestEvent], None],
    ) -> None:
        self._attempts: Final = attempts
        self._pool: Final = pool
        self._recorder: Final = recorder
        self._observer: Final = observer
        self._gateway: Final = settings.gateway
        self._clock: Final = clock
        self._saw: Final = saw

    async def serve(self, request: Request, call: Recognised, query: str, key: ClientKey) -> None:
        """Answer the request. Raises ``DeckError`` where nothing was passed on; the caller says so to the client."""
        request.watch(self._gateway.idle_timeout, self._gateway.total_timeout)
        body = await request.body(self._gateway.body_limit)
        wanted = self._wanted(request, call, query, body, key)
        del body
        request.event.model, request.event.prefix = wanted.model, wanted.prefix
        outcome, account, more = await self._attempts.in_turn(request, wanted, set())
        if isinstance(outcome, Failed):
            await self._pass_failure(request, outcome, account, more)
        else:
            assert isinstance(outcome, Stream)
            protocol, model = call.protocol, wanted.model
            del wanted  # bodies and headers are not needed any more, and an answer may last for minutes
            request.forget_names()
            await self._pass(request, protocol, model, account, outcome)

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

    def observe_inside(self, request: Underway, model: str | None, account: Account, code: str) -> None:
        """An error inside a started answer, where its code is one that says something of the account."""
        body = json.dumps({"error": {"code": code}}).encode()
        verdict = PROVIDERS[account.provider].read_failure(200, {}, body, self._clock.now(), model)
        if verdict.code != "broken_answer":
            failed = observe.Failed(account, account.generation, verdict, {}, body, request.id, model)
            self._observer.failed(failed)

    async def _pass(
        self, request: Request, protocol: ProtocolModule, model: str | None, account: Account, stream: Stream
    ) -> None:
        """Pass the answer on. The piece that ends it waits until the event is durable; all others leave at once.

        The headers of a stream leave at once too; those of any other answer go with its first piece, in one write.
        """
        event = request.event
        witness = Witness(protocol, stream.headers)
        event.streamed = witness.streamed
        sent = headers.passed_back(stream.headers, self._marks(request, account))
        try:
            await request.start(stream.status, sent, with_first_piece=not witness.streamed)
            while piece := await stream.read():
                if event.ttfb_ms is None:
                    event.ttfb_ms = request.elapsed_ms()
                ends = witness.sees(piece)
                if ends and not request.is_recorded:
                    await self._record_answer(request, model, account, witness)
                if witness.is_counted_out or (request.is_recorded and stream.is_over):
                    await request.piece(piece, more=False)
                    return
                await request.piece(piece, more=True)
            witness.ends()
            if witness.streamed and not (request.is_recorded or witness.is_whole):
                stream.must_be_whole()
        except UpstreamFailure as error:
            if not request.is_recorded:
                event.tokens = witness.tokens
                _broke_off(request, error.kind, error.code)
                if not request.is_started:
                    raise
                await self.record(request)
                return  # without an end: the server closes the connection, and the client sees that it broke off
        finally:
            stream.close()
        if not request.is_recorded:
            await self._record_answer(request, model, account, witness)
        await request.piece(b"", more=False)

    async def _record_answer(self, request: Request, model: str | None, account: Account, witness: Witness) -> None:
        event = request.event
        event.tokens = witness.tokens
        if witness.failure is not None:
            request.fails(Failure(FailureKind.UPSTREAM, witness.failure))
            self.observe_inside(request, model, account, witness.failure)
        elif witness.lacks_its_end:  # passed on as the provider ended it, but an answer it is not
            _broke_off(request, FailureKind.UPSTREAM, "upstream_reset")
        else:
            self._pool.unblock(account.auth_index, model)
        await self.record(request)

    async def _pass_failure(self, request: Request, failed: Failed, account: Account, more: bool) -> None:
        """Pass a provider's refusal on as it is; but one of the account's credential is none of the client's.

        Where other accounts are left the answer is ours: the refusal tells of one account's limits, in headers and
        body, and clients would take them for their own.
        """
        observed = failed.verdict
        request.fails(Failure(observed.kind, observed.code, observed.summary))
        request.event.trace = request.event.trace or provider_trace(failed.headers)
        if more:
            status = 429 if observed.kind is FailureKind.QUOTA else 503
            raise DeckError("attempts_used_up", status=status, retry_after=1, attempts=len(request.event.attempts))
        if failed.error is not None:
            raise failed.error
        assert failed.status is not None
        if observed.kind is FailureKind.AUTH and failed.status in _UNAUTHORIZED:
            raise DeckError("no_account_available", status=503, reasons={observed.code: 1})
        raw = [pair for pair in headers.with_bounded_wait(failed.headers) if pair[0] != b"content-length"]
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

    def _marks(self, request: Request, account: Account) -> list[tuple[bytes, bytes]]:
        marks = [(b"x-authdeck-request-id", request.id.encode())]
        if self._gateway.account_header:
            marks.append((b"x-authdeck-account", account.auth_index.encode()))
        return marks


def _broke_off(request: Request, kind: FailureKind, code: str) -> None:
    """The account's answer began and did not come to its end."""
    attempts = request.event.attempts
    request.fails(Failure(kind, code))
    attempts[-1] = replace(attempts[-1], kind=kind.value)

"""The gateway: what clients point at. Plain ASGI: who may come in, what is asked for, errors in the client's words."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import parse_qsl

import structlog

from authdeck import tasks
from authdeck.clock import Clock
from authdeck.errors import DeckError
from authdeck.event import Failure, FailureKind, RequestEvent
from authdeck.gateway import headers, refusals
from authdeck.gateway.attempts import Attempts, Lender, Observer, Refresher
from authdeck.gateway.errand import CALLER
from authdeck.gateway.forward import Forwarder, Recorder
from authdeck.gateway.request import ClientGone, Message, Receive, Request, Send
from authdeck.gateway.sockets import Client, Conversation
from authdeck.gateway.talks import Talks
from authdeck.gateway.traces import client_trace
from authdeck.operations.client_keys import ClientKey
from authdeck.pool import Pool
from authdeck.protocols import anthropic_messages, gemini_generate, openai_responses
from authdeck.protocols.routes import Recognised, language, recognise, recognise_websocket
from authdeck.routing import Route
from authdeck.scrub import scrub
from authdeck.settings import Settings
from authdeck.upstream.sockets import Sockets
from authdeck.upstream.streams import Streams

_log = structlog.get_logger(__name__)

_CLIENT_CLOSED: Final = 499
_MINUTE: Final = 60.0
_ROUTES_OF: Final = {
    anthropic_messages: (Route.MESSAGES,),
    gemini_generate: (Route.GENERATE, Route.CODE_ASSIST),
}
_OPENAI_ROUTES: Final = (Route.RESPONSES, Route.CHAT)
_JSON: Final = b"application/json"


class ClientKeys(Protocol):
    """Finds client keys in memory. ``operations.client_keys`` is the real one."""

    def find(self, presented: str) -> ClientKey | None: ...


@dataclass(slots=True)
class Counts:
    """Since the start, for metrics. ``unknown_keys`` are refused without an event: anyone can send them."""

    requests: int = 0
    unknown_keys: int = 0
    client_closed: int = 0
    in_flight: int = 0


class Gateway:
    """The ASGI app. Give it paths for which ``protocols.routes.is_gateway`` is true, with all collaborators started.

    ``saw`` is told of each event. At the end uvicorn waits for the requests under way; then close the recorder.
    """

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
        client_keys: ClientKeys,
        settings: Settings,
        clock: Clock,
        saw: Callable[[RequestEvent], None] = lambda _: None,
    ) -> None:
        self.counts: Final = Counts()
        self.talks: Final = Talks()
        self._pool: Final = pool
        self._keys: Final = client_keys
        self._clock: Final = clock
        self._cors: Final = frozenset(origin.encode() for origin in settings.gateway.cors_origins)
        self._idle_timeout: Final = settings.gateway.idle_timeout
        self._total_timeout: Final = settings.gateway.total_timeout
        self._rates: Final = Rates(clock)
        self._attempts: Final = Attempts(
            pool=pool, lender=lender, refresher=refresher, streams=streams, sockets=sockets, observer=observer,
            settings=settings, clock=clock,
        )  # fmt: skip
        self._forwarder: Final = Forwarder(
            attempts=self._attempts, pool=pool, recorder=recorder, observer=observer,
            settings=settings, clock=clock, saw=saw,
        )  # fmt: skip

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._converse(scope, receive, send)
        elif scope["type"] == "http":
            await self._serve(Request(scope, receive, self._allowing(scope, send), self._clock))

    async def _converse(self, scope: Message, receive: Receive, send: Send) -> None:
        """A websocket, where an account takes one. Else 426: Codex then goes on by POST at once, silently."""
        await receive()
        raw, query = scope["headers"], scope["query_string"].decode("latin-1")
        self.counts.requests += 1
        try:
            key, passed = self._known(raw, query)
            call = self._recognise_websocket(scope)
            self._rates.take(key)
        except DeckError as error:
            await _refuse_upgrade(error, send)
            return
        client = Client(receive, send)
        await client.accept()
        conversation = Conversation(
            self._attempts, self._forwarder, self._pool, self._clock, client, call, raw, passed,
            admit=lambda: self._admitted(raw, query), idle_timeout=self._idle_timeout,
        )  # fmt: skip
        self.counts.in_flight += 1
        try:
            with self.talks.holding(conversation):
                await conversation.run()
        finally:
            self.counts.in_flight -= 1

    def _recognise_websocket(self, scope: Message) -> Recognised:
        call = recognise_websocket(scope["path"], scope.get("raw_path") or scope["path"].encode())
        if not self._pool.offers(Route.WEBSOCKET):
            raise DeckError("websocket_not_enabled", status=426)
        return call

    async def _serve(self, request: Request) -> None:
        self.counts.requests += 1
        self.counts.in_flight += 1
        try:
            await self._answer(request)
        except ClientGone:
            await self._gone(request)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or not (request.is_gone or request.is_late or request.is_stalled):
                raise
            task.uncancel()
            request.unwatch()
            await self._given_up(request)
        finally:
            request.unwatch()
            self.counts.in_flight -= 1

    async def _answer(self, request: Request) -> None:
        try:
            if request.method == "OPTIONS" and request.header(b"origin") in self._cors:
                await _answer_preflight(request)
                return
            key, query = self._caller(request)
            request.event.client_key = key.name
            request.event.trace = client_trace(request.header(b"traceparent"))
            call = self._recognise(request, key)
            if call.route is None:
                await self._list_models(request, call, key)
            else:
                await self._forwarder.serve(request, call, query, key)
        except DeckError as error:
            if request.is_started:
                raise
            await self._refuse(request, error)
        except Exception:
            _log.exception("gateway failed", request=request.id)
            if request.is_started:
                raise
            await self._refuse(request, DeckError("internal", status=500, request_id=request.id))

    def _caller(self, request: Request) -> tuple[ClientKey, str]:
        return (CALLER, request.query) if request.errand else self._known(request.headers, request.query)

    def _admitted(self, raw: headers.Raw, query: str) -> ClientKey:
        """The client's key. Raises ``client_key_invalid``, ``client_key_rate_limited``."""
        key, _ = self._known(raw, query)
        self._rates.take(key)
        return key

    def _known(self, raw: headers.Raw, query: str) -> tuple[ClientKey, str]:
        """The client's key, and the query without it. Raises ``client_key_invalid``."""
        query, in_query = _without_key(query)
        for presented in (*_presented(raw), *in_query):
            if (key := self._keys.find(presented)) is not None:
                return key, query
        self.counts.unknown_keys += 1
        raise DeckError("client_key_invalid", status=401)

    def _recognise(self, request: Request, key: ClientKey) -> Recognised:
        """What is asked for. What is nothing we have counts for the key's rate too. Raises as ``recognise`` does."""
        try:
            call = recognise(request.method, request.path, request.raw_path, request.header)
            request.event.endpoint = call.endpoint
            return call
        finally:
            self._rates.take(key)

    async def _list_models(self, request: Request, call: Recognised, key: ClientKey) -> None:
        routes = _ROUTES_OF.get(call.protocol, _OPENAI_ROUTES)  # type: ignore[call-overload]
        names = [name for name in self._names(routes, call.prefix, key) if key.scope.allows_model(name[1])]
        body = call.protocol.models([name for name, _ in names])
        await self._say(request, 200, body)

    def _names(self, routes: tuple[Route, ...], prefix: str | None, key: ClientKey) -> Iterator[tuple[str, str]]:
        """What to ask for, and the model that means; with ``prefix/`` before it where no URL says the prefix."""
        if key.scope.allows_prefix(prefix):
            yield from ((name, name) for name in self._pool.names(routes, prefix, key.scope.providers))
        if prefix is None:
            for each in self._pool.prefixes():
                if key.scope.allows_prefix(each):
                    named = self._pool.names(routes, each, key.scope.providers)
                    yield from ((f"{each}/{name}", name) for name in named)

    async def _refuse(self, request: Request, error: DeckError) -> None:
        """Answer with an error of ours in the client's language; it is recorded, except that of an unknown key."""
        protocol = language(request.path, request.header)
        body = protocol.error(error.status, error.code, refusals.sentence(error), request.id)
        added = [] if error.retry_after is None else [headers.wait(error.retry_after)]
        if error.retry_after is not None and error.retry_after > headers.LONGEST_WAIT:
            added.append(headers.DONT_RETRY)
        if error.status == 426:  # noqa: PLR2004 - upgrade required: Codex goes on by POST at once
            added.append((b"upgrade", b"HTTP/1.1"))
        if request.is_stalled:
            added.append((b"connection", b"close"))  # RFC 9110 §15.5.9: the rest of the body is not waited for
        if request.event.failure is None:
            request.fails(Failure(refusals.kind(error), error.code, scrub(str(error.params.get("path", "")))))
        if error.code == "client_key_invalid":
            request.is_recorded = True
        await self._say(request, error.status, body, added)

    async def _say(
        self, request: Request, status: int, body: bytes, added: list[tuple[bytes, bytes]] | None = None
    ) -> None:
        request.event.status = status
        await self._forwarder.record(request)
        marks = [(b"x-authdeck-request-id", request.id.encode()), *(added or ())]
        await request.start(status, headers.own(_JSON, body, marks))
        await request.piece(body, more=False)

    async def _given_up(self, request: Request) -> None:
        if request.is_stalled:
            await self._refuse(request, DeckError("body_stalled", status=408, seconds=self._idle_timeout))
        elif request.is_late:
            await self._late(request)
        else:
            await self._gone(request)

    async def _late(self, request: Request) -> None:
        """Nothing more is waited for. An answer under way is left without its end, so that it does not look whole."""
        error = DeckError("request_timed_out", status=504, seconds=self._total_timeout)
        request.fails(Failure(FailureKind.TIMEOUT, error.code))
        if request.is_started:
            await self._forwarder.record(request)
        else:
            await self._refuse(request, error)

    async def _gone(self, request: Request) -> None:
        self.counts.client_closed += 1
        if not request.is_recorded:
            request.event.status = _CLIENT_CLOSED
            request.fails(Failure(FailureKind.CLIENT_CLOSED, "client_closed"))
            tasks.start(self._forwarder.record(request), name="record client closed")

    def _allowing(self, scope: Message, send: Send) -> Send:
        """Let pages of the configured origins read the answer."""
        if not self._cors:
            return send
        origin = next((value for name, value in scope["headers"] if name == b"origin"), None)
        if origin not in self._cors:
            return send

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                allowed = [
                    (b"access-control-allow-origin", origin),
                    (b"access-control-expose-headers", b"*"),
                    (b"vary", b"Origin"),
                ]
                message = {**message, "headers": [*message["headers"], *allowed]}
            await send(message)

        return sending


class Rates:
    """Requests a minute by client key: a full minute's worth at once at most, refilled steadily."""

    def __init__(self, clock: Clock) -> None:
        self._clock: Final = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: ClientKey) -> None:
        """Count one request. Raises ``DeckError('client_key_rate_limited')`` with the seconds until the next."""
        if key.rate_limit is None:
            return
        now = self._clock.monotonic()
        left, at = self._left.get(key.id, (float(key.rate_limit), now))
        left = min(float(key.rate_limit), left + (now - at) * key.rate_limit / _MINUTE)
        if left < 1:
            wait = (1 - left) * _MINUTE / key.rate_limit
            raise DeckError("client_key_rate_limited", status=429, retry_after=wait, rate_limit=key.rate_limit)
        self._left[key.id] = left - 1, now


def _presented(raw: headers.Raw) -> Iterator[str]:
    for name, value in raw:
        if name == b"authorization":
            scheme, _, text = value.decode("latin-1").partition(" ")
            yield text.strip() if scheme.lower() == "bearer" else value.decode("latin-1").strip()
        elif name in (b"x-api-key", b"x-goog-api-key"):
            yield value.decode("latin-1").strip()


def _without_key(query: str) -> tuple[str, list[str]]:
    if "key=" not in query:
        return query, []
    parts = query.split("&")
    kept = [part for part in parts if part.partition("=")[0] != "key"]
    keys = [value for name, value in parse_qsl(query) if name == "key"]
    return "&".join(kept), keys


async def _answer_preflight(request: Request) -> None:
    allowed = [
        (b"access-control-allow-methods", b"GET, POST"),
        (b"access-control-allow-headers", request.header(b"access-control-request-headers") or b"*"),
        (b"access-control-max-age", b"600"),
    ]
    await request.start(204, allowed)
    await request.piece(b"", more=False)


async def _refuse_upgrade(error: DeckError, send: Send) -> None:
    """An answer in place of the handshake's."""
    body = openai_responses.error(error.status, error.code, refusals.sentence(error), "")
    added = [(b"upgrade", b"HTTP/1.1")] if error.status == 426 else []  # noqa: PLR2004 - upgrade required
    own = headers.own(_JSON, body, added)
    await send({"type": "websocket.http.response.start", "status": error.status, "headers": own})
    await send({"type": "websocket.http.response.body", "body": body})

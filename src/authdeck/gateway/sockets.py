"""Websockets of Codex: a conversation on one account, message by message, with one event for each turn.

A turn begins with the client's ``response.create`` and ends with the protocol's terminal event. The account is picked
at the first one, when the model is known; the next ones stay on it, since they refer to what that connection holds.
Before anything of a turn has been passed on, and where it refers to nothing, another account may take it over.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import msgspec

from authdeck import models, tasks
from authdeck.account import Account, Provider
from authdeck.clock import Clock
from authdeck.errors import DeckError
from authdeck.event import Failure, FailureKind
from authdeck.gateway import headers, refusals
from authdeck.gateway.attempts import Attempts
from authdeck.gateway.forward import Forwarder
from authdeck.gateway.traces import client_trace, provider_trace
from authdeck.gateway.turns import ABNORMAL, Client, Turn
from authdeck.gateway.wanted import Failed, Wanted, check
from authdeck.operations.client_keys import ClientKey
from authdeck.pool import Pool
from authdeck.protocols import asking, openai_responses
from authdeck.protocols.conversations import conversation
from authdeck.protocols.routes import Recognised
from authdeck.providers import codex_messages
from authdeck.routing import Route
from authdeck.upstream.sockets import Message, Socket

POLICY: Final = 1008
RESTART: Final = 1012

_CREATE: Final = "response.create"
_SOON: Final = 0.001
_CLIENT_CLOSED: Final = 499


class _Create(msgspec.Struct):
    type: str = ""
    previous_response_id: Any = None


_create = msgspec.json.Decoder(_Create)


def routes(account: Account, *, enabled: bool) -> frozenset[Route]:
    """The websocket's route, where it is enabled for the account: by its own field, else by the setting."""
    own = account.settings.websockets
    if account.provider is not Provider.CODEX or not (enabled if own is None else own):
        return frozenset()
    return frozenset({Route.WEBSOCKET})


class Conversation:
    """One client's websocket. ``admit`` gives the key as long as it counts, once for each turn, or raises."""

    def __init__(
        self,
        attempts: Attempts,
        forwarder: Forwarder,
        pool: Pool,
        clock: Clock,
        client: Client,
        call: Recognised,
        raw: headers.Raw,
        query: str,
        *,
        admit: Callable[[], ClientKey],
        idle_timeout: float,
        total_timeout: float,
    ) -> None:
        self._attempts: Final = attempts
        self._forwarder: Final = forwarder
        self._pool: Final = pool
        self._clock: Final = clock
        self._client: Final = client
        self._call: Final = call
        self._passed: Final = headers.passed_on(raw)
        self._header: Final = dict(reversed(raw)).get
        self._trace: Final = client_trace(self._header(b"traceparent"))
        self._query: Final = query
        self._admit: Final = admit
        self._idle_timeout: Final = idle_timeout
        self._total_timeout: Final = total_timeout
        self._turn: Turn | None = None
        self._wanted: Wanted | None = None
        self._account: Account | None = None
        self._socket: Socket | None = None
        self._movable: bytes | None = None  # the question, where another account could answer it too
        self._tried: set[str] = set()
        self._pump: asyncio.Task[None] | None = None
        self._waiting: asyncio.Timeout | None = None
        self._is_last = False

    async def run(self) -> None:
        """Until one side ends it. Whatever happens, what is under way is recorded and the provider's side closed."""
        try:
            while (message := await self._client.receive()) is not None:
                await self._take(message)
        finally:
            await self._over()

    async def _take(self, message: Message) -> None:
        """One message of the client's. What is no question belongs to the turn under way."""
        data = _bytes(message)
        created = _decoded(_create, data)
        try:
            if created is not None and created.type == _CREATE:
                await self._begin(data, created)
            elif self._socket is not None:
                await self._socket.send(message)
        except DeckError as error:
            await self._refuse(error)

    async def ends_after_turn(self) -> None:
        """Close, so that the client begins anew elsewhere: at once, or when the turn under way has ended by itself."""
        self._is_last = True
        if not self._has_turn:
            await self._client.close(RESTART)

    @property
    def _has_turn(self) -> bool:
        return self._turn is not None and not self._turn.is_recorded

    # ---- a question ----

    async def _begin(self, data: bytes, created: _Create) -> None:
        """A turn. Each says which model it wants, and the key must still count and not be barred from it."""
        if self._is_last:
            return  # the client begins anew with it
        key = self._admit()
        await self._end_turn()
        turn = self._turn = Turn(self._clock, self._call.endpoint, key, self._trace)
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(asyncio.get_running_loop().time() + self._patience())
        wanted = self._wanted = self._asks(data, key)
        turn.event.model, turn.event.prefix = wanted.model, wanted.prefix
        self._tried.clear()
        if self._account is None:
            self._movable = data if created.previous_response_id is None else None
            await self._ask_anew(turn, wanted, data)
        elif self._pool.may_serve(self._account.auth_index, wanted.model, self._clock.now().timestamp()):
            self._movable = None
            turn.serves(self._account)
            await self._ask(data)
        else:  # somebody put the account away: the client begins anew, and gets another
            turn.fails(Failure(FailureKind.NO_ACCOUNT, "account_put_away"))
            await self._end_turn()
            await self._client.close(RESTART)

    async def _ask_anew(self, turn: Turn, wanted: Wanted, data: bytes) -> None:
        """Find an account that takes the websocket, and ask it."""
        outcome, account, _ = await self._attempts.in_turn(turn, wanted, self._tried)
        if isinstance(outcome, Failed):
            raise self._refused(turn, outcome)
        assert isinstance(outcome, Socket)
        self._account, self._socket = account, outcome
        await self._ask(data)
        self._pump = tasks.start(self._pass_on(outcome), name="websocket")

    async def _ask(self, data: bytes) -> None:
        assert self._socket is not None
        await self._socket.send(self._for_account(data).decode(errors="replace"))

    def _asks(self, data: bytes, key: ClientKey) -> Wanted:
        read = asking.asked(data)
        prefix, model = self._call.prefix, read.model
        if prefix is None and model:
            prefix, model = self._pool.split(Route.WEBSOCKET, model)
        check(key.scope, prefix, model)
        named = conversation(self._header, read.naming)
        session = f"{key.id}:{named}" if named else None
        return Wanted(
            self._call, "GET", self._query, self._passed, b"", b"", read.model, model, prefix, key.scope.providers,
            session,
        )  # fmt: skip

    def _for_account(self, data: bytes) -> bytes:
        """The message with the model under the provider's name for it, all else as it came."""
        wanted, account = self._wanted, self._account
        assert wanted is not None
        assert account is not None
        if wanted.model is None or (model := models.resolved(account, wanted.model)) == wanted.asked:
            return data
        return asking.renamed(data, model)

    # ---- the answer ----

    async def _pass_on(self, socket: Socket) -> None:
        """The provider's messages, until it closes; then the client's side closes too."""
        with suppress(OSError):  # the client has left, which ``run`` learns as well
            while (message := await self._next(socket)) is not None:
                self._take_limits(message)
                if await self._moved(message):
                    return
                await self._pass(message)
            await self._close_behind(socket)

    async def _close_behind(self, socket: Socket) -> None:
        if self._turn is not None and not self._turn.is_recorded:
            if self._turn.event.failure is None:
                self._turn.fails(Failure(FailureKind.UPSTREAM, "upstream_reset"))
            await self._end_turn()
            await self._client.close(ABNORMAL)
        else:
            await self._client.close(socket.closed)

    async def _next(self, socket: Socket) -> Message | None:
        """A message; ``None`` when the provider has closed, or a turn takes too long: in all, or in between."""
        while not self._is_late():
            try:
                async with asyncio.timeout(self._patience()) as self._waiting:
                    return await socket.receive()
            except TimeoutError:
                continue
            finally:
                self._waiting = None
        return None

    def _patience(self) -> float:
        """Seconds until it has to be looked whether the turn under way is late."""
        turn = self._turn
        if turn is None or turn.is_recorded:
            return self._idle_timeout
        left = min(self._idle_timeout - turn.silent_ms() / 1000, self._total_timeout - turn.elapsed_ms() / 1000)
        return max(_SOON, left)

    def _is_late(self) -> bool:
        turn = self._turn
        if turn is None or turn.is_recorded:
            return False
        if turn.elapsed_ms() >= self._total_timeout * 1000:
            turn.fails(Failure(FailureKind.TIMEOUT, "request_timed_out"))
        elif turn.silent_ms() >= self._idle_timeout * 1000:
            turn.fails(Failure(FailureKind.TIMEOUT, "upstream_timeout"))
        else:
            return False
        return True

    async def _pass(self, message: Message) -> None:
        """The message that ends a turn waits until the turn's event is durable; all others leave at once."""
        turn, ends = self._turn, False
        if turn is not None and not turn.is_recorded:
            turn.hears(_bytes(message))
            if turn.reader.ended:
                self._take_in(turn)
                await self._end_turn()
                ends = self._is_last
        await self._client.send(message)
        if ends:
            await self._client.close(RESTART)

    def _take_limits(self, message: Message) -> None:
        if self._account is not None and (told := codex_messages.limits(_bytes(message))):
            self._attempts.limits(self._account, told)

    def _take_in(self, turn: Turn) -> None:
        """What the end of a turn says of its account. A refusal was taken in as it came."""
        if self._account is None or self._wanted is None or turn.is_refused:
            return
        if turn.reader.failure is None:
            self._pool.unblock(self._account.auth_index, self._wanted.model)
        else:
            self._forwarder.observe_inside(turn, self._wanted.model, self._account, turn.reader.failure)

    async def _moved(self, message: Message) -> bool:
        """Whether a refusal that is the account's alone has led to another one, where nothing was passed on yet."""
        turn, wanted, account = self._turn, self._wanted, self._account
        refusal = codex_messages.refusal(_bytes(message))
        if refusal is None or turn is None or turn.is_recorded or wanted is None or account is None:
            return False
        failed = self._attempts.judged(account, wanted.model, refusal.status, refusal.headers, _bytes(message))
        self._attempts.pause(wanted, account, failed.verdict)
        # No newer token is tried on a connection that stands: it is the next one's handshake that tells.
        self._attempts.observe(turn, wanted, account, replace(failed, is_final=False))
        turn.ends_refused(failed)
        if self._movable is None or turn.is_passed_on or failed.stops or not failed.verdict.elsewhere:
            return False
        return await self._move(turn, wanted, self._movable)

    async def _move(self, turn: Turn, wanted: Wanted, question: bytes) -> bool:
        former = self._socket
        try:
            await self._ask_anew(turn, wanted, question)
        except DeckError:
            return False  # then this account's own words are what the client gets
        if former is not None:
            former.close()
        turn.goes_on()
        return True

    # ---- refusals and ends ----

    def _refused(self, turn: Turn, failed: Failed) -> DeckError:
        """Why no account took the websocket."""
        observed = failed.verdict
        turn.fails(Failure(observed.kind, observed.code, observed.summary))
        turn.event.trace = turn.event.trace or provider_trace(failed.headers)
        if failed.error is not None:
            return failed.error
        status = 429 if observed.kind is FailureKind.QUOTA else 503
        return DeckError("no_account_available", status=status, reasons={observed.code: 1})

    async def _refuse(self, error: DeckError) -> None:
        """An error event in the protocol's shape. With ``status`` beside ``status_code`` Codex ignores it and waits."""
        turn = self._turn
        if turn is not None and not turn.is_recorded:
            turn.event.status = error.status
            if turn.event.failure is None:
                turn.fails(Failure(refusals.kind(error), error.code))
            await self._end_turn()
        body = openai_responses.error(error.status, error.code, refusals.sentence(error), "")
        said = {"type": "error", "status_code": error.status, **msgspec.json.decode(body)}
        await self._client.send(msgspec.json.encode(said).decode())
        await self._client.close(POLICY)

    async def _end_turn(self) -> None:
        if self._turn is not None and not self._turn.is_recorded:
            self._turn.event.tokens = self._turn.reader.tokens
            await self._forwarder.record(self._turn)

    async def _over(self) -> None:
        if self._pump is not None:
            self._pump.cancel()
        if self._socket is not None:
            self._socket.close()
        if self._turn is not None and not self._turn.is_recorded:
            self._turn.event.status = _CLIENT_CLOSED
            self._turn.fails(Failure(FailureKind.CLIENT_CLOSED, "client_closed"))
            await self._end_turn()


def _bytes(message: Message) -> bytes:
    return message.encode() if isinstance(message, str) else message


def _decoded(decoder: msgspec.json.Decoder[Any], message: Message) -> Any:
    try:
        return decoder.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None

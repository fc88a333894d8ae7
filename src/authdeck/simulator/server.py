"""The simulated providers on a real loopback port: reads requests, delivers answers, disturbs them as ordered."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from aiohttp import web

from authdeck.clock import Clock, SystemClock
from authdeck.simulator import documents, websockets
from authdeck.simulator.accounts import Account
from authdeck.simulator.exchange import Answer, Asked, Said
from authdeck.simulator.faults import Fault
from authdeck.simulator.providers import play
from authdeck.simulator.world import CLIENT_ID, CLIENT_SECRET, World

_BODY_LIMIT: Final = 256 * 1024 * 1024
_REMEMBERED: Final = 1000


@dataclass(eq=False)
class Seen:
    """One request that arrived. ``finished`` once the whole answer was sent, ``client_left`` if nobody stayed."""

    asked: Asked
    account: Account | None
    status: int
    said: Said | None
    finished: bool = False
    client_left: bool = False


class Simulator:
    """All providers on one origin, told apart by path. ``pace`` is the seconds between two events of a stream.

    Run it with ``running`` (a thread of its own, for tests) or ``serving`` (in the loop at hand, for the demo). A loop
    of its own calls no other code of ours, so it can't slow or be slowed by what it is used to test.
    """

    def __init__(self, clock: Clock | None = None, *, pace: float = 0, newcomers: bool = False) -> None:
        self.world = World(clock or SystemClock(), newcomers=newcomers)
        self.pace = pace
        self.requests: deque[Seen] = deque(maxlen=_REMEMBERED)
        self._changed = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._released: asyncio.Event | None = None

    # Running

    @contextmanager
    def running(self) -> Iterator["Simulator"]:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="simulator", daemon=True)
        thread.start()
        serving = self.serving()
        asyncio.run_coroutine_threadsafe(serving.__aenter__(), loop).result(10)
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(serving.__aexit__(None, None, None), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
            loop.close()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Simulator"]:
        self._loop, self._released = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application(client_max_size=_BODY_LIMIT)
        application.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(
            application,
            handler_cancellation=True,
            auto_decompress=False,
            access_log=None,
            shutdown_timeout=0,
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.world.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield self
        finally:
            self._released.set()
            await runner.cleanup()

    @property
    def url(self) -> str:
        """The origin, ``http://127.0.0.1:<port>``; empty until it runs."""
        return self.world.url

    def settings(self) -> dict[str, str]:
        """The environment that points authdeck's providers here."""
        parts = {
            "CODEX__API_URL": "/backend-api",
            "CODEX__AUTH_URL": "/codex-auth",
            "CODEX__KEY_URL": "/openai/v1",
            "CLAUDE__API_URL": "/claude",
            "CLAUDE__AUTHORIZE_URL": "/claude/oauth/authorize",
            "CLAUDE__TOKEN_URL": "/claude/v1/oauth/token",
            "VERTEX__API_URL": "/vertex",
            "VERTEX__TOKEN_URL": "/google/token",
            "ANTIGRAVITY__API_URL": "/antigravity",
            "ANTIGRAVITY__AUTHORIZE_URL": "/google/authorize",
            "ANTIGRAVITY__TOKEN_URL": "/google/token",
            "ANTIGRAVITY__USERINFO_URL": "/google/userinfo",
            "GEMINI__API_URL": "/gemini",
            "KIMI__API_URL": "/kimi",
            "KIMI__AUTH_URL": "/kimi-auth",
            "XAI__API_URL": "/xai",
            "XAI__KEY_URL": "/xai/v1",
            "XAI__AUTH_URL": "/xai-auth",
        }
        urls = {f"AUTHDECK_PROVIDERS__{name}": self.url + path for name, path in parts.items()}
        return {
            **urls,
            "AUTHDECK_PROVIDERS__ANTIGRAVITY__CLIENT_ID": CLIENT_ID,
            "AUTHDECK_PROVIDERS__ANTIGRAVITY__CLIENT_SECRET": CLIENT_SECRET,
        }

    # Accounts

    def account(self, provider: str, identity: str, **given: Any) -> Account:
        """Adds one. ``given`` are the keywords of ``Accounts.add``: ``plan``, ``kind``, ``organization``, …."""
        return self.world.accounts.add(provider, identity, **given)

    def auth_file(self, account: Account, **extra: Any) -> tuple[str, bytes]:
        """File name and bytes of the account's current tokens, as CLIProxyAPI keeps them, with ``extra`` fields."""
        return documents.auth_file(account, self.url, extra)

    def expire(self, account: Account) -> None:
        """Every access token handed out so far ends now, whatever it says about itself."""
        account.access.update(dict.fromkeys(account.access, self.world.clock.now()))

    def revoke(self, account: Account) -> None:
        """Access and refresh tokens, or the key, are refused until ``sign_in``."""
        account.revoked = True

    def sign_in(self, account: Account, *, expires_in: timedelta | None = None) -> None:
        """The person signs in again: new tokens, and a new family of refresh tokens."""
        self.world.accounts.sign_in(account, expires_in=expires_in)

    def use_up(self, account: Account, *, for_: timedelta = timedelta(hours=1)) -> None:
        """The five-hour window is full and starts anew after ``for_``: requests get 429."""
        account.quota.primary = 100
        account.quota.primary_resets_at = self.world.clock.now() + for_

    def approve(self, account: Account) -> None:
        """This account is the one who signs in next at its provider (browser or device)."""
        self.world.signing_in[account.provider] = account

    # Failures

    def fail(self, **rule: Any) -> Fault:
        """Orders a failure: the fields of ``Fault``, for the next matching request unless ``times`` says otherwise."""
        return self.world.faults.add(Fault(**rule))

    def heal(self) -> None:
        self.world.faults.clear()

    def release(self) -> None:
        """Lets stalled answers go on, those of now and those to come."""
        assert self._loop is not None
        assert self._released is not None
        self._loop.call_soon_threadsafe(self._released.set)

    # Watching

    def seen(self, path: str = "", account: Account | None = None) -> list[Seen]:
        """The requests so far whose path contains ``path``, oldest first."""
        return [
            seen
            for seen in tuple(self.requests)
            if path in seen.asked.path and (account is None or seen.account is account)
        ]

    def wait_until(self, holds: Callable[[], bool], seconds: float = 10) -> None:
        """Returns when ``holds()``, tried whenever a request arrives or ends. ``TimeoutError`` otherwise.

        For threads other than the simulator's.
        """
        with self._changed:
            if not self._changed.wait_for(holds, seconds):
                raise TimeoutError

    # Answering

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        asked = await _asked(request)
        if websockets.is_upgrade(request):
            assert self._released is not None
            return await websockets.converse(request, asked, self.world, self._released, self._noted)
        answer, fault, account = play(self.world, asked)
        seen = Seen(asked, account, answer.status, answer.said)
        self._note(seen)
        try:
            return await self._deliver(request, answer, fault, seen)
        except (asyncio.CancelledError, ConnectionError):
            seen.client_left = True
            raise
        finally:
            self._note(seen)

    async def _deliver(self, request: web.Request, answer: Answer, fault: Fault, seen: Seen) -> web.StreamResponse:
        """Sends the pieces with their pace. A cut closes the connection without the end that its framing promised."""
        await asyncio.sleep(fault.delay)
        if fault.cut_after_events == 0:
            return _cut(request, web.Response(status=500))
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        pieces = answer.events
        if pieces is None:
            response.content_length = len(answer.body)
            pieces = _halves(answer.body, fault)
        await response.prepare(request)
        for number, piece in enumerate(pieces):
            await self._pause(number, fault)
            if number == fault.cut_after_events:
                return _cut(request, response)
            await response.write(piece)
        await response.write_eof()
        seen.finished = True
        return response

    async def _pause(self, number: int, fault: Fault) -> None:
        if number and self.pace:
            await asyncio.sleep(self.pace)
        if number == fault.stall_after_events:
            assert self._released is not None
            await self._released.wait()

    def _noted(self, asked: Asked, account: Account | None, status: int, said: Said | None) -> None:
        self._note(Seen(asked, account, status, said, finished=True))

    def _note(self, seen: Seen) -> None:
        with self._changed:
            if seen not in self.requests:
                self.requests.append(seen)
            self._changed.notify_all()


async def _asked(request: web.Request) -> Asked:
    return Asked(
        method=request.method,
        path=request.rel_url.raw_path,
        query=dict(request.query),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.read(),
    )


def _cut(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Pieces already written still arrive; what the framing promised after them never does."""
    if request.transport is not None:
        request.transport.close()
    return response


def _halves(body: bytes, fault: Fault) -> tuple[bytes, ...]:
    """A whole answer is one piece, unless it is to be cut or held in its middle."""
    if fault.cut_after_events is None and fault.stall_after_events is None:
        return (body,)
    middle = len(body) // 2
    return body[:middle], body[middle:]

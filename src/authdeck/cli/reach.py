"""Which way to the management API: over loopback to the server of this home, else into the home itself."""

import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from httpx2 import ASGITransport, AsyncClient, ConnectError, TransportError

from authdeck import ids
from authdeck.cli.management import TIMEOUT
from authdeck.clock import SystemClock
from authdeck.errors import DeckError
from authdeck.gate import local
from authdeck.gate.local import RunningServer
from authdeck.secret import Secret
from authdeck.settings import Settings

_PREFIX: Final = "/api/v1"


@asynccontextmanager
async def client_of(settings: Settings) -> AsyncIterator[AsyncClient]:
    """A client whose paths begin below ``/api/v1``. Raises ``home_in_use`` where another process has the home."""
    running = local.read(settings.home)
    if running is not None:
        async with _over_http(running, settings) as client:
            if await _answers(client, running):
                yield client
                return
    async with _in_process(settings) as client:
        yield client


async def _answers(client: AsyncClient, running: RunningServer) -> bool:
    """Whether the server is still there: one that was killed leaves its file behind."""
    try:
        await client.get(f"{running.address}/healthz")
    except ConnectError:
        return False
    except TransportError as error:
        raise DeckError("server_unreachable", address=running.address, problem=type(error).__name__) from None
    return True


def _over_http(running: RunningServer, settings: Settings) -> AsyncClient:
    return AsyncClient(
        base_url=running.address + _PREFIX,
        headers=_headers(running.token),
        timeout=TIMEOUT,
        verify=_trust(settings),
        trust_env=False,  # no proxy between us and our own server
    )


def _trust(settings: Settings) -> ssl.SSLContext:
    """Our own certificate and no other; its name need not be that of the loopback address.

    Nobody where the server has none: reading the system's authorities takes longer than most answers do.
    """
    if settings.tls_certificate is None:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.create_default_context(cafile=os.fspath(settings.tls_certificate))
    context.check_hostname = False
    return context


@asynccontextmanager
async def _in_process(settings: Settings) -> AsyncIterator[AsyncClient]:
    from authdeck import logs, server  # noqa: PLC0415 - everything; needed only where no server runs

    logs.set_up("warning")  # on stderr: what a command prints on stdout is its answer alone
    token = Secret(ids.new_key(local.PREFIX))
    built = await server.build(settings, SystemClock(), local_token=token)
    await built.start()
    try:
        transport = ASGITransport(built.app)
        base_url = f"http://localhost{_PREFIX}"
        async with AsyncClient(
            transport=transport, base_url=base_url, headers=_headers(token), timeout=TIMEOUT
        ) as client:
            yield client
    finally:
        await built.stop()


def _headers(token: Secret) -> dict[str, str]:
    return {"authorization": f"Bearer {token.open()}"}

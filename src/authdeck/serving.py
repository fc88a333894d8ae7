"""One process that serves: its port, its signals, its log, and the welcome on a terminal."""

import errno
import gc
import socket
import sys
from typing import Final

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp

from authdeck import __version__, ids, logs, tasks
from authdeck.clock import SystemClock
from authdeck.errors import DeckError
from authdeck.gate import local
from authdeck.home import Home
from authdeck.operations import sign_in
from authdeck.operations.desk import Desk
from authdeck.server import Built, SampleRequest, build, take_home
from authdeck.settings import Settings
from authdeck.stopping import Stopping

STOP_TIMEOUT: Final = 30
"""Seconds that open answers have to end in."""

SWITCH_INTERVAL: Final = 0.0001
"""Seconds after which a busy thread lets the event loop have its turn: list pages then don't delay the gateway."""

_log = structlog.get_logger(__name__)


def run(settings: Settings, *, sample: SampleRequest | None = None) -> None:
    """Serve until told to stop. Raises ``DeckError`` where home, port, database or vault refuse."""
    logs.set_up(settings.log_level)
    sys.setswitchinterval(SWITCH_INTERVAL)
    home = take_home(settings)
    try:
        with _listening(settings) as listening:
            uvloop.run(_serve(settings, home, listening, sample))
    finally:
        home.release()


async def _serve(settings: Settings, home: Home, listening: socket.socket, sample: SampleRequest | None) -> None:
    """Until SIGTERM or SIGINT, from the first moment on; a second one does not wait for open answers."""
    stopping = Stopping()
    boot = ids.new_id()
    address = _address(settings, listening)
    token = local.write(settings.home, address, boot)
    try:
        built = await build(settings, SystemClock(), home=home, boot=boot, local_token=token, sample=sample)
        await built.start()
        tasks.start(_complete(built), name="make the console")
        try:
            await _welcome(built.desk, address)
            await stopping.serve(_config(settings, built.app), listening, built.gateway.talks.end)
        finally:
            await built.stop()
    finally:
        local.remove(settings.home, boot)


async def _complete(built: Built) -> None:
    """The console is made before somebody asks, once the port is open; the API, when somebody does.

    A command line in its own process asks for the API alone.
    """
    built.api.then(calm_collector)
    await built.settled
    await built.console.ready()
    calm_collector()


def calm_collector() -> None:
    """What is loaded stays: the collector need not walk it, not even once. It took tens of milliseconds at a time."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


def _config(settings: Settings, app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=settings.gateway.body_limit,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=STOP_TIMEOUT,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )


async def _welcome(desk: Desk, address: str) -> None:
    """Where it is, and on a terminal a one-time link in: a link in a log file would be a key in a log file."""
    _log.info("serving", address=address, home=str(desk.settings.home), version=__version__)
    if not sys.stdout.isatty():
        return
    link = await sign_in.make_link(desk)
    where = (desk.settings.public_url or address).rstrip("/")
    way_in = f"{where}/sign-in/link/{link.token.open()}"
    sys.stdout.write(f"\nauthdeck is at {where}\nSign in within 10 minutes, once: {way_in}\n\n")
    sys.stdout.flush()


def _listening(settings: Settings) -> socket.socket:
    """The port, open: who connects before everything is loaded waits. Raises ``port_taken`` and ``bind_refused``."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        code = "port_taken" if error.errno == errno.EADDRINUSE else "bind_refused"
        raise DeckError(code, bind=settings.bind, problem=error.strerror or "") from None
    return listening


def _address(settings: Settings, listening: socket.socket) -> str:
    """How this machine reaches it: the port that was really given, and loopback where it listens everywhere."""
    port = listening.getsockname()[1]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - compared, not bound
    scheme = "https" if settings.tls_certificate else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"

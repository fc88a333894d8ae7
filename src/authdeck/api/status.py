"""``/healthz``, ``/readyz`` and ``/metrics``: what whoever runs authdeck asks it."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from authdeck import metrics
from authdeck.access import Role
from authdeck.gate.routes import PUBLIC, needs
from authdeck.operations.desk import Desk
from authdeck.operations.find_accounts import take_in
from authdeck.storage.reading.queue import count_incidents

_log = structlog.get_logger(__name__)

STATUS_PATHS: Final = ("/healthz", "/readyz", "/metrics")

Check = Callable[[], Awaitable[object]]
"""Returns when the part it asks is ready, else raises."""


def status_routes(desk: Desk, ready: Mapping[str, Check], events: Callable[[], Mapping[str, int]]) -> list[Route]:
    """The three routes. ``ready`` are the checks of ``/readyz`` by name; ``events`` are the recorder's counts."""

    @needs(PUBLIC)
    async def healthz(_request: Request) -> Response:
        """The process answers. It opens its port only once key, schema, pool and directory are there."""
        return PlainTextResponse("ok\n")

    @needs(PUBLIC)
    async def readyz(_request: Request) -> Response:
        """503 while a database does not answer. Names the parts, says no more of them."""
        states = {name: await _is_ready(name, check) for name, check in ready.items()}
        status = 200 if all(states.values()) else 503
        return JSONResponse({name: "ready" if state else "not ready" for name, state in states.items()}, status)

    @needs(Role.VIEWER)
    async def metrics_(_request: Request) -> Response:
        """Prometheus' text form."""
        await take_in(desk)
        metrics.accounts_are(desk.directory.states_by_provider(desk.now()))
        incidents = await desk.read(partial(count_incidents, is_open=True))
        metrics.queue_is({action.value: count for action, count in desk.directory.asking.items()}, incidents)
        metrics.events_are(events())
        return Response(generate_latest(metrics.REGISTRY), media_type=CONTENT_TYPE_LATEST)

    return [Route(path, each) for path, each in zip(STATUS_PATHS, (healthz, readyz, metrics_), strict=True)]


async def _is_ready(name: str, check: Check) -> bool:
    try:
        await check()
    except Exception as error:  # noqa: BLE001 - whatever is wrong, it is not ready
        _log.warning("not ready", part=name, error=str(error))
        return False
    return True

"""The one way to start a background task: it keeps a reference and reports a failure."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import structlog

from authdeck.errors import DeckError

T = TypeVar("T")

_running: set[asyncio.Task[Any]] = set()
_log = structlog.get_logger(__name__)


def start(work: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
    task = asyncio.get_running_loop().create_task(work, name=name)
    _running.add(task)
    task.add_done_callback(_finished)
    return task


async def to_its_end(doing: asyncio.Future[T]) -> T:
    """The result. Who is cancelled, even more than once, waits for the end before that is so."""
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        while not doing.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait({doing})
        if not doing.cancelled():
            doing.exception()  # seen, and of no use to anybody any more
        raise


async def finish() -> None:
    """Cancel what still runs and wait until it ended: at stop, when nothing may need it any more."""
    running = [task for task in _running if task is not asyncio.current_task()]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def _finished(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if task.cancelled() or (error := task.exception()) is None:
        return
    if isinstance(error, DeckError):
        # Foreseen, and told to whoever waits for it: a provider that refuses is no fault of the program.
        _log.info("task refused", task=task.get_name(), code=error.code)
    else:
        _log.error("task failed", task=task.get_name(), exc_info=error)

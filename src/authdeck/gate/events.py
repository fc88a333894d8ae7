"""A login's changes as server-sent events, for the API and for pages."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Final, TypeVar

T = TypeVar("T")

LASTS: Final = 20.0
"""Seconds of one stream: who follows asks again, and no stream holds up the server's stop."""

RETRY: Final = 1000
"""Milliseconds until a browser asks again."""


async def streamed(
    name: str,
    following: AsyncGenerator[T, None],
    data: Callable[[T], str],
    *,
    number: Callable[[T], int] | None = None,
    begins: int | None = None,
) -> AsyncIterator[bytes]:
    """Each thing as an event, until there are no more or the stream's time is over.

    ``number`` is where a browser goes on: it says it in ``Last-Event-ID`` when it asks again. ``begins`` is that
    before the first thing came.
    """
    yield (f"retry: {RETRY}\n\n" if begins is None else f"retry: {RETRY}\nid: {begins}\n\n").encode()
    ends = asyncio.get_running_loop().time() + LASTS
    try:
        while (left := ends - asyncio.get_running_loop().time()) > 0:
            now = await asyncio.wait_for(anext(following), left)
            mark = f"id: {number(now)}\n" if number is not None else ""
            yield f"event: {name}\n{mark}data: {data(now)}\n\n".encode()
    except (StopAsyncIteration, TimeoutError):
        return
    finally:
        await following.aclose()

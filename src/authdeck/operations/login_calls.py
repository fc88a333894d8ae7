"""What a login asks of its provider, through the proxy of the account that it is for."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from authdeck.exchange import Outgoing, Reply
from authdeck.operations import seals
from authdeck.operations.desk import Desk
from authdeck.operations.login_waiting import Pause
from authdeck.providers.signing_in import Login, Lookup
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading import revisions
from authdeck.upstream.failures import UpstreamFailure

BETWEEN_TURNS = 2.0
"""Seconds between two turns of a look-up that takes several."""


async def send(desk: Desk, expected: str | None, outgoing: Outgoing) -> Reply:
    """The answer. An account with a proxy of its own must not show its provider another address when it signs in again.

    Raises as ``Calls.send``.
    """
    if expected is None:
        return await desk.calls.send(outgoing)

    def proxy(connection: ReadConnection) -> Outgoing:
        stored = revisions.secret_settings(connection, expected)
        return replace(outgoing, proxy_url=seals.open_settings(desk.vault, expected, stored).proxy_url)

    return await desk.calls.send(await desk.read(proxy))


async def looked_up(
    desk: Desk, expected: str | None, described: Login, tokens: Mapping[str, Any], pause: Pause = asyncio.sleep
) -> dict[str, Any]:
    """The tokens, and what the provider says with them of whose they are.

    That is good to know, and no reason to lose them: a question that is not answered adds nothing.
    """
    document = dict(tokens)
    for lookup in described.lookups:
        for turn in range(lookup.turns):
            outgoing = lookup.ask(document, desk.settings.providers)
            if outgoing is None:
                break
            if turn:
                await pause(BETWEEN_TURNS)
            document |= await _answer(desk, expected, lookup, outgoing)
    return {name: value for name, value in document.items() if name not in described.passing}


async def _answer(desk: Desk, expected: str | None, lookup: Lookup, outgoing: Outgoing) -> Mapping[str, Any]:
    try:
        return lookup.read(await send(desk, expected, outgoing))
    except UpstreamFailure:
        return {}

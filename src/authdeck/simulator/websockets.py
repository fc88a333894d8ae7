"""Codex's websockets, simulated: each ``response.create`` is answered as its POST would be, an event a message."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from aiohttp import WSMsgType, web

from authdeck.simulator.accounts import Account
from authdeck.simulator.exchange import Answer, Asked, Said
from authdeck.simulator.faults import Fault
from authdeck.simulator.providers import play
from authdeck.simulator.world import World

HANDSHAKE: Final = "#handshake"
"""A rule whose ``path`` is this disturbs the upgrade itself."""

PATHS: Final = ("/backend-api/codex/responses", "/openai/v1/responses")
_PLAY: Final = "response.create"

Noted = Callable[[Asked, Account | None, int, Said | None], None]


def is_upgrade(request: web.Request) -> bool:
    return request.path in PATHS and request.headers.get("upgrade", "").lower() == "websocket"


async def converse(
    request: web.Request, asked: Asked, world: World, released: asyncio.Event, noted: Noted
) -> web.StreamResponse:
    """Until the client leaves. The turn's state goes back in the handshake's answer, as Codex gets it by POST."""
    fault = world.faults.take(replace(asked, path=f"{asked.path}{HANDSHAKE}"), None)
    if fault.status is not None:
        refused = fault.body or json.dumps({"error": {"type": fault.kind, "message": "refused"}}).encode()
        return web.Response(status=fault.status, headers=fault.headers, body=refused)
    socket = web.WebSocketResponse(max_msg_size=0)
    await socket.prepare(request)
    noted(asked, None, 101, None)
    async for message in socket:
        document = json.loads(message.data) if message.type is WSMsgType.TEXT else {}
        if document.get("type") == _PLAY:
            body = json.dumps({**document, "stream": True}).encode()  # a message has no such member: it always streams
            question = replace(asked, method="POST", body=body)
            answer, fault, account = play(world, question)
            noted(question, account, answer.status, answer.said)
            if not await _answered(socket, answer, fault, released):
                break
    return socket


async def _answered(socket: web.WebSocketResponse, answer: Answer, fault: Fault, released: asyncio.Event) -> bool:
    """Whether the conversation goes on."""
    if answer.events is None:
        said = {"type": "error", "status_code": answer.status, **json.loads(answer.body), "headers": {**answer.headers}}
        said.pop("status", None)
        await socket.send_str(json.dumps(said))
        return True
    if (limits := _limits(answer.headers))["rate_limits"]:
        await socket.send_str(json.dumps(limits))
    for number, event in enumerate(answer.events):
        if number == fault.stall_after_events:
            await released.wait()
        if number == fault.cut_after_events:
            if socket._req is not None and socket._req.transport is not None:  # noqa: SLF001 - no close frame is wanted
                socket._req.transport.close()  # noqa: SLF001
            return False
        await socket.send_str(event.decode().split("data: ", 1)[1].rstrip("\n"))
    return True


def _limits(headers: Mapping[str, str]) -> dict[str, Any]:
    """What the headers of a POST's answer tell, as an event (openai/codex ``codex-api/src/rate_limits.rs``)."""
    windows = {
        place: {
            "used_percent": float(headers[f"x-codex-{place}-used-percent"]),
            "window_minutes": int(headers[f"x-codex-{place}-window-minutes"]),
            "reset_at": int(headers[f"x-codex-{place}-reset-at"]),
        }
        for place in ("primary", "secondary")
        if f"x-codex-{place}-used-percent" in headers
    }
    return {
        "type": "codex.rate_limits",
        "plan_type": headers.get("x-codex-plan-type"),
        "rate_limits": windows,
        "credits": {"has_credits": False, "unlimited": False, "balance": None},
    }

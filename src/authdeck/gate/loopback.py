"""The loopback ports that providers lead browsers back to: open only while a login waits, and for that one answer.

No session and no cookie is here: the call-back's state says which login it is of. The answer shows nothing of it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from html import escape
from typing import Final

from authdeck import wording
from authdeck.errors import DeckError
from authdeck.gate.locale import best_of

HOSTS: Final = ("127.0.0.1", "::1")
LONGEST: Final = 16 * 1024
"""Bytes of a request's head."""
PATIENCE: Final = 10.0
"""Seconds that a browser has to send it."""

Arrived = Callable[[str], Awaitable[None]]

_PAGE: Final = (
    '<!doctype html><html lang="{locale}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>authdeck</title><h1>authdeck</h1><p>{sentence}</p></html>"
)
_HEAD: Final = (
    "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {length}\r\n"
    "content-security-policy: default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "cross-origin-opener-policy: same-origin\r\nreferrer-policy: no-referrer\r\ncache-control: no-store\r\n"
    "x-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
)


class LoopbackPorts:
    """``lead_to`` says who takes what arrives. It raises ``DeckError`` for what it does not take."""

    def __init__(self) -> None:
        self._open: Final[dict[int, list[asyncio.Server]]] = {}
        self._arrived: Arrived | None = None

    def lead_to(self, arrived: Arrived) -> None:
        self._arrived = arrived

    async def open(self, port: int) -> bool:
        """On IPv4, and on IPv6 where the machine has it: ``localhost`` may be either."""
        if port in self._open:
            return True
        servers: list[asyncio.Server] = []
        for host in HOSTS:
            try:
                servers.append(await asyncio.start_server(self._answer, host, port, limit=LONGEST))
            except OSError:
                if host == HOSTS[0]:
                    return False
        self._open[port] = servers
        return True

    async def close(self, port: int) -> None:
        for server in self._open.pop(port, []):
            server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
            writer.write(await self._answered(head.decode("latin-1")))
            await asyncio.wait_for(writer.drain(), PATIENCE)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # nobody is there, or nothing that a browser would send
        finally:
            writer.close()

    async def _answered(self, head: str) -> bytes:
        first, *lines = head.split("\r\n")
        method, _, rest = first.partition(" ")
        target = rest.partition(" ")[0]
        locale = best_of(_header(lines, "accept-language"))
        if method != "GET" or "?" not in target or self._arrived is None:
            return _page("404 Not Found", "login_nothing_here", {}, locale)
        try:
            await self._arrived(target)
        except DeckError as error:
            return _page("400 Bad Request", error.code, error.params, locale)
        return _page("200 OK", "login_came_back", {}, locale)


def _header(lines: list[str], name: str) -> str:
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for found, _, value in pairs if found.strip().lower() == name), "")


def _page(status: str, code: str, params: dict[str, object], locale: str) -> bytes:
    sentence = escape(wording.sentence(code, params, locale))
    body = _PAGE.format(locale=locale, sentence=sentence).encode()
    return _HEAD.format(status=status, length=len(body)).encode() + body

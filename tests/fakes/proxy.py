"""A proxy on loopback that speaks SOCKS5 and CONNECT; whatever place it is asked for, it leads to this machine."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Proxy:
    """Speaks SOCKS5 or CONNECT, whichever it is asked; ``asked`` are the places."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    refuses: bool = False


@asynccontextmanager
async def proxying() -> AsyncIterator[Proxy]:
    made = Proxy()

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await (
                _socks(made, reader, writer) if await reader.readexactly(1) == b"\5" else _connect(made, reader, writer)
            )
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serving, "127.0.0.1", 0)
    made.url = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield made
    server.close()


async def _socks(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly((await reader.readexactly(1))[0])
    writer.write(b"\5\0")
    _, _, _, kind = await reader.readexactly(4)
    length = 4 if kind == 1 else (await reader.readexactly(1))[0]
    raw = await reader.readexactly(length)
    host = socket.inet_ntoa(raw) if kind == 1 else raw.decode()
    port = int.from_bytes(await reader.readexactly(2), "big")
    proxy.asked.append(f"{host}:{port}")
    writer.write(b"\5" + (b"\5" if proxy.refuses else b"\0") + b"\0\1\0\0\0\0\0\0")
    if not proxy.refuses:
        await _piped(reader, writer, port)


async def _connect(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    place = head.split()[1].decode()
    proxy.asked.append(place)
    writer.write(b"HTTP/1.1 403 Forbidden\r\n\r\n" if proxy.refuses else b"HTTP/1.1 200 Connected\r\n\r\n")
    if not proxy.refuses:
        await _piped(reader, writer, int(place.rpartition(":")[2]))


async def _piped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    there, back = await asyncio.open_connection("127.0.0.1", port)

    async def copied(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while piece := await source.read(65536):
                target.write(piece)
        finally:
            target.close()

    await asyncio.gather(copied(reader, back), copied(there, writer), return_exceptions=True)

"""A provider that answers at once: 2 KB of JSON, or a stream with an event every ``PACE`` seconds, with its time."""

import asyncio
import json
import socket
import time
from typing import Any

import httptools
import uvloop

from parts.machine import pinned

USAGE = {"prompt_tokens": 500, "completion_tokens": 200}
ANSWER = json.dumps({"id": "1", "choices": [{"message": {"content": "y" * 1800}}], "usage": USAGE}).encode()
EVENTS = 100
PACE = 0.02
FILLING = "z" * 120
"""So that an event is as long as a real one, some 200 bytes."""


class Upstream(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)
        self.streamed = False

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.streamed = False

    def on_body(self, body: bytes) -> None:
        self.streamed = self.streamed or b'"stream":true' in body.replace(b" ", b"")

    def on_message_complete(self) -> None:
        if self.streamed:
            self.task = asyncio.get_running_loop().create_task(self.stream())
            return
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(ANSWER)}\r\n\r\n"
        self.transport.write(head.encode() + ANSWER)

    async def stream(self) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        self.transport.write(head)
        began = time.monotonic()
        for number in range(1, EVENTS + 1):
            await self.until(began + number * PACE)
            self.chunk(f'data: {{"at": {time.monotonic()}, "choices": [], "filling": "{FILLING}"}}\n\n'.encode())
        await self.until(began + (EVENTS + 1) * PACE)
        self.chunk(f": {time.monotonic()}\ndata: [DONE]\n\n".encode())
        self.transport.write(b"0\r\n\r\n")

    async def until(self, at: float) -> None:
        """By the clock: streams that only wait ``PACE`` after each event fall into step, more with every event."""
        await asyncio.sleep(max(0.0, at - time.monotonic()))

    def chunk(self, data: bytes) -> None:
        self.transport.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def serve(listening: socket.socket, core: int) -> None:
    pinned(core)

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Upstream, sock=listening)
        await server.serve_forever()

    uvloop.run(main())

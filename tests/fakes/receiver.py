"""Somebody who receives webhooks, on loopback over real HTTP, and answers as the test says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Receiver:
    """``got`` are the requests in their order, headers in lower case; ``status`` is what the next are answered."""

    url: str = ""
    status: int = 200
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [headers["x-authdeck-delivery"] for headers, _ in self.got]


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    found = Receiver()

    async def take(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        found.got.append((headers, await request.read()))
        return web.Response(status=found.status)

    app = web.Application()
    app.router.add_post("/hook/FAKE_secret_path", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    found.url = f"http://{host}:{port}/hook/FAKE_secret_path"
    try:
        yield found
    finally:
        await runner.cleanup()

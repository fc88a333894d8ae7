"""Real sockets on loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
import pytest_asyncio

from authdeck.event import FailureKind
from authdeck.exchange import Outgoing
from authdeck.secret import Secret
from authdeck.settings import Providers
from authdeck.upstream.calls import Calls
from authdeck.upstream.failures import UpstreamFailure
from authdeck.upstream.origins import Approval, Origins
from authdeck.upstream.sessions import Sessions
from authdeck.upstream.streams import Streams

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@dataclass
class Net:
    sessions: Sessions
    heads: list[bytes]
    url: str = ""

    def get(self, path: str = "/", **fields: object) -> Outgoing:
        return Outgoing("GET", self.url + path, [("authorization", "Bearer at_FAKE")], **fields)  # type: ignore[arg-type]


@pytest_asyncio.fixture
async def net() -> AsyncIterator[Callable[[Answer], Awaitable[Net]]]:
    servers, sessions = [], []

    async def start(answer: Answer) -> Net:
        origins = Origins(Providers(), own_host="127.0.0.1", own_port=1)
        made = Net(Sessions(origins, connect_timeout=2), [])

        async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while head := await reader.readuntil(b"\r\n\r\n"):
                    made.heads.append(head)
                    await answer(reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serving, "127.0.0.1", 0)
        made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        origins.replace([(made.url, Approval(private=True, plain_http=True))])
        servers.append(server)
        sessions.append(made.sessions)
        return made

    yield start
    for each in sessions:
        await each.close()
    for server in servers:
        server.close()


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


async def test_no_event_waits_for_the_next(net: Callable[[Answer], Awaitable[Net]]) -> None:
    """The upstream sends each event only when the one before has been read here."""
    read = asyncio.Semaphore(1)

    async def one_by_one(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        for number in range(20):
            await read.acquire()
            writer.write(chunk(f"data: {number}\n\n".encode()))
        await read.acquire()
        writer.write(b"0\r\n\r\n")

    made = await net(one_by_one)
    stream = await Streams(made.sessions).open(made.get())
    arrived = []
    async with asyncio.timeout(30):
        while piece := await stream.read():
            arrived.append(piece)
            read.release()
    assert arrived == [f"data: {number}\n\n".encode() for number in range(20)]


async def test_nothing_is_added_to_what_is_sent(net: Callable[[Answer], Awaitable[Net]]) -> None:
    async def short(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: 2\r\n\r\nok")

    made = await net(short)
    for _ in range(2):
        stream = await Streams(made.sessions).open(made.get("/a%2Fb?x=%20"))
        assert await stream.read() == b"ok"
        assert await stream.read() == b""
    names = {line.split(b":")[0].lower() for line in made.heads[1].split(b"\r\n")[1:-2]}
    assert names == {b"host", b"authorization"}
    assert made.heads[1].startswith(b"GET /a%2Fb?x=%20 HTTP/1.1")


async def test_a_redirect_is_an_answer(net: Callable[[Answer], Awaitable[Net]]) -> None:
    async def away(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 302 Found\r\nlocation: http://eve.example.com/\r\ncontent-length: 0\r\n\r\n")

    made = await net(away)
    assert (await Calls(made.sessions).send(made.get())).status == 302
    assert len(made.heads) == 1


async def _never(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def _cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
    raise ConnectionError


async def _babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example.com ESMTP\r\n\r\n")


async def _endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\n")
    for _n in range(9):
        writer.write(b"x" * 1_000_000)
        await writer.drain()


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (_never, FailureKind.TIMEOUT, "upstream_timeout"),
        (_cut, FailureKind.NETWORK, "upstream_reset"),
        (_babble, FailureKind.UPSTREAM, "upstream_malformed"),
        (_endless, FailureKind.UPSTREAM, "upstream_too_long"),
    ],
)
async def test_failures_after_sending(
    net: Callable[[Answer], Awaitable[Net]], answer: Answer, kind: FailureKind, code: str
) -> None:
    made = await net(answer)
    with pytest.raises(UpstreamFailure) as failure:
        await Calls(made.sessions).send(Outgoing("POST", made.url, [], b"", timeout=0.3))
    assert (failure.value.kind, failure.value.code, failure.value.sent) == (kind, code, True)
    assert len(made.heads) == 1, "what may have rotated a token is never sent again"


async def test_failures_before_sending(net: Callable[[Answer], Awaitable[Net]]) -> None:
    made = await net(_never)
    made.sessions.origins.replace([("http://127.0.0.1:1", Approval(private=True, plain_http=True))])
    made.sessions.origins._own_port = 2  # type: ignore[misc]
    nobody = "socks5://127.0.0.1:1"
    for proxy, code in ((None, "upstream_unreachable"), (nobody, "proxy_unreachable"), ("x", "proxy_invalid")):
        outgoing = Outgoing("GET", "http://127.0.0.1:1/", [], proxy_url=Secret(proxy) if proxy else None)
        with pytest.raises(UpstreamFailure) as failure:
            await Calls(made.sessions).send(outgoing)
        assert (failure.value.code, failure.value.sent) == (code, False)


async def test_a_stream_that_falls_silent_ends_as_a_failure(net: Callable[[Answer], Awaitable[Net]]) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + chunk(b"data: 1\n\n"))
        await reader.read()

    made = await net(silent)
    stream = await Streams(made.sessions, first_byte_timeout=5, idle_timeout=0.2).open(made.get())
    assert await stream.read() == b"data: 1\n\n"
    with pytest.raises(UpstreamFailure) as failure:
        await stream.read()
    stream.close()
    assert failure.value.kind is FailureKind.TIMEOUT


async def test_a_name_that_leads_elsewhere_is_refused_where_the_connection_is_made(
    net: Callable[[Answer], Awaitable[Net]],
) -> None:
    made = await net(_never)
    port = made.url.rpartition(":")[2]
    made.sessions.origins.replace([(f"http://localhost:{port}", Approval(plain_http=True))])
    with pytest.raises(UpstreamFailure) as failure:
        await Calls(made.sessions).send(Outgoing("GET", f"http://localhost:{port}/", []))
    assert failure.value.code == "upstream_address_refused"
    assert made.heads == []

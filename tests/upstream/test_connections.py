"""Connections that are kept, and how they are made: addresses, TLS, proxies. Real sockets on loopback."""

import asyncio
import ipaddress
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from authdeck.errors import DeckError
from authdeck.exchange import Outgoing
from authdeck.secret import Secret
from authdeck.settings import Providers
from authdeck.upstream.failures import UpstreamFailure
from authdeck.upstream.origins import Approval, Origins
from authdeck.upstream.sessions import Sessions
from authdeck.upstream.streams import Streams
from fakes.proxy import Proxy, proxying

Answer = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@dataclass
class Net:
    """A provider on loopback and the way there. ``heads`` are the requests that arrived, ``made`` the connections."""

    sessions: Sessions
    streams: Streams
    url: str = ""
    heads: list[bytes] = field(default_factory=list)
    made: int = 0

    async def ask(self, method: str = "POST", path: str = "/", body: bytes = b"", **fields: object) -> bytes:
        """The whole answer's body."""
        stream = await self.streams.open(Outgoing(method, self.url + path, [], body, **fields))  # type: ignore[arg-type]
        found = b""
        while piece := await stream.read():
            found += piece
        return found


Start = Callable[..., Awaitable[Net]]


async def ok(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(OK)


@pytest_asyncio.fixture
async def net() -> AsyncIterator[Start]:
    servers, nets = [], list[Net]()

    async def start(
        answer: Answer = ok,
        *,
        tls: ssl.SSLContext | None = None,
        trusted: ssl.SSLContext | None = None,
        **timeouts: float,
    ) -> Net:
        origins = Origins(Providers(), own_host="127.0.0.1", own_port=1)
        sessions = Sessions(origins, connect_timeout=2, tls=trusted)
        made = Net(sessions, Streams(sessions, **timeouts))

        async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            made.made += 1
            try:
                while head := await reader.readuntil(b"\r\n\r\n"):
                    made.heads.append(head)
                    await answer(head, reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serving, "127.0.0.1", 0, ssl=tls)
        scheme = "https" if tls else "http"
        made.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        origins.replace([(made.url, Approval(private=True, plain_http=True))])
        servers.append(server)
        nets.append(made)
        return made

    yield start
    for each in nets:
        await each.sessions.close()
        assert len(each.sessions.connections) == 0
    for server in servers:
        server.close()


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - what the other side does gives no sign of its own
            await asyncio.sleep(0.01)


# ---- kept ----


async def test_one_connection_serves_one_request_after_the_other(net: Start) -> None:
    made = await net()
    assert [await made.ask() for _ in range(5)] == [b"ok"] * 5
    assert (made.made, len(made.heads)) == (1, 5)


async def test_as_many_connections_as_there_are_answers_under_way(net: Start) -> None:
    together = asyncio.Barrier(10)

    async def at_once(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await together.wait()
        writer.write(OK)

    made = await net(at_once)
    assert await asyncio.gather(*(made.ask() for _ in range(10))) == [b"ok"] * 10
    assert made.made == 10


async def test_a_connection_that_the_provider_closed_is_not_asked_on(net: Start) -> None:
    async def once(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        writer.close()
        raise ConnectionError

    made = await net(once)
    for _ in range(3):
        assert await made.ask() == b"ok"
        await until(lambda: len(made.sessions.connections) == 0)
    assert made.made == 3


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_only_what_may_be_repeated_is_sent_again(net: Start, method: str) -> None:
    """The provider closes an idle connection just as the next request is on its way."""

    async def once_each(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(made.heads) == 2:
            writer.close()
            raise ConnectionError
        writer.write(OK)

    made = await net(once_each)
    assert await made.ask(method) == b"ok"
    if method == "GET":
        assert await made.ask(method) == b"ok"
        assert (made.made, len(made.heads)) == (2, 3)
        return
    with pytest.raises(UpstreamFailure) as failure:
        await made.ask(method)
    assert (failure.value.code, failure.value.sent) == ("upstream_reset", True)
    assert len(made.heads) == 2


async def test_a_new_connection_that_breaks_is_not_a_stale_one(net: Start) -> None:
    async def never(_head: bytes, _reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        raise ConnectionError

    made = await net(never)
    with pytest.raises(UpstreamFailure):
        await made.ask("GET")
    assert len(made.heads) == 1


async def test_a_provider_that_closes_at_once_leaves_nothing_behind(net: Start) -> None:
    made = await net()

    async def slams(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(slams, "127.0.0.1", 0) as server:
        made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        made.sessions.origins.replace([(made.url, Approval(private=True, plain_http=True))])
        for _ in range(50):
            with pytest.raises(UpstreamFailure) as failure:
                await made.ask()
            assert failure.value.code == "upstream_reset"
    await until(lambda: len(made.sessions.connections) == 0)


async def test_an_idle_connection_goes_before_the_provider_closes_it(net: Start) -> None:
    async def short(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nkeep-alive: timeout=1, max=9\r\ncontent-length: 2\r\n\r\nok")

    made = await net(short, idle_timeout=0.2)
    assert await made.ask() == b"ok"
    await until(lambda: len(made.sessions.connections) == 0)


async def test_a_request_that_is_given_up_ends_its_connection(net: Start) -> None:
    gone = asyncio.Event()

    async def waits(_head: bytes, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()
        gone.set()

    made = await net(waits)
    asking = asyncio.get_running_loop().create_task(made.ask())
    await until(lambda: made.heads)
    asking.cancel()
    await asyncio.wait_for(gone.wait(), 5)


async def test_a_long_body_arrives_whole(net: Start) -> None:
    arrived: list[int] = []

    async def counts(_head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.append(len(await reader.readexactly(8_000_000)))
        writer.write(OK)

    made = await net(counts)
    assert await made.ask(body=b"x" * 8_000_000) == b"ok"
    assert arrived == [8_000_000]
    assert b"content-length: 8000000\r\n" in made.heads[0]


# ---- chaos ----


async def _reset(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    raise ConnectionError


async def _cut(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
    raise ConnectionError


async def _stall(_head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
    await reader.read()


async def _garbage(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n\x00\xff\x00\r\n")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (_reset, "upstream_reset"),
        (_cut, "upstream_reset"),
        (_stall, "upstream_timeout"),
        (_garbage, "upstream_malformed"),
    ],
)
async def test_whatever_goes_wrong_the_rest_goes_on(net: Start, answer: Answer, code: str) -> None:
    """What had come is given first, then the failure; and the next request gets a connection of its own."""
    made = await net(lambda *each: answer(*each) if len(made.heads) % 2 else ok(*each), idle_timeout=0.3)
    for _ in range(3):
        stream = await made.streams.open(Outgoing("POST", made.url, [], b""))
        assert await stream.read() == b"hello"
        with pytest.raises(UpstreamFailure) as failure:
            await stream.read()
        assert failure.value.code == code
        assert await made.ask() == b"ok"


async def test_who_reads_slowly_is_not_taken_for_a_silent_provider(net: Start) -> None:
    async def much(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4000000\r\n\r\n" + b"x" * 4_000_000)

    made = await net(much, idle_timeout=0.1)
    stream = await made.streams.open(Outgoing("POST", made.url, [], b""))
    await asyncio.sleep(0.5)
    found = 0
    while piece := await stream.read():
        found += len(piece)
    assert found == 4_000_000


# ---- what is sent ----


@pytest.mark.parametrize(
    "header",
    [("x", "a\r\nx-injected: b"), ("x", "a\nb"), ("x", "a\rb"), ("x", "a\0b"), ("x\r\ny", "a"), ("x", "中")],
)
async def test_no_header_can_become_two(net: Start, header: tuple[str, str]) -> None:
    made = await net()
    with pytest.raises(DeckError) as failure:
        await made.streams.open(Outgoing("POST", made.url, [header], b""))
    assert failure.value.code == "header_not_sendable"
    assert made.made == 0


# ---- made ----


async def test_a_name_that_leads_elsewhere_is_refused_where_the_connection_is_made(net: Start) -> None:
    made = await net()
    made.url = made.url.replace("127.0.0.1", "localhost")
    made.sessions.origins.replace([(made.url, Approval(plain_http=True))])
    with pytest.raises(UpstreamFailure) as failure:
        await made.ask()
    assert (failure.value.code, failure.value.sent, made.made) == ("upstream_address_refused", False, 0)


async def test_a_name_is_resolved_and_asked(net: Start) -> None:
    made = await net()
    made.url = made.url.replace("127.0.0.1", "localhost")
    made.sessions.origins.replace([(made.url, Approval(private=True, plain_http=True))])
    assert await made.ask() == b"ok"
    assert f"host: {made.url.removeprefix('http://')}\r\n".encode() in made.heads[0]


async def test_a_name_that_nobody_knows(net: Start) -> None:
    made = await net()
    made.url = "http://nowhere.invalid"
    made.sessions.origins.replace([(made.url, Approval(private=True, plain_http=True))])
    with pytest.raises(UpstreamFailure) as failure:
        await made.ask()
    assert (failure.value.code, failure.value.sent) == ("upstream_name_unknown", False)


async def test_nobody_listens(net: Start) -> None:
    made = await net()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        made.url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    made.sessions.origins.replace([(made.url, Approval(private=True, plain_http=True))])
    with pytest.raises(UpstreamFailure) as failure:
        await made.ask()
    assert (failure.value.code, failure.value.sent) == ("upstream_unreachable", False)


@dataclass
class Authority:
    """Who signed, as a file, and a server's context for 127.0.0.1."""

    file: Path
    server: ssl.SSLContext


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "FAKE provider")])
    now = datetime.now(UTC)  # noqa: TID251 - the certificate is checked by the machine's clock
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file, keys = tmp_path / "certificate.pem", tmp_path / "key.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    keys.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file, keys)
    return Authority(file, server)


async def test_over_tls(net: Start, authority: Authority) -> None:
    trusted = ssl.create_default_context(cafile=str(authority.file))
    made = await net(tls=authority.server, trusted=trusted)
    assert [await made.ask() for _ in range(3)] == [b"ok"] * 3
    assert made.made == 1


async def test_a_certificate_that_nobody_vouches_for_is_refused(net: Start, authority: Authority) -> None:
    made = await net(tls=authority.server)
    with pytest.raises(UpstreamFailure) as failure:
        await made.ask()
    assert (failure.value.code, failure.value.sent, made.heads) == ("upstream_tls_failed", False, [])


async def test_a_certificate_for_another_name_is_refused(net: Start, authority: Authority) -> None:
    made = await net(tls=authority.server, trusted=ssl.create_default_context(cafile=str(authority.file)))
    made.url = made.url.replace("127.0.0.1", "localhost")
    made.sessions.origins.replace([(made.url, Approval(private=True))])
    with pytest.raises(UpstreamFailure) as failure:
        await made.ask()
    assert (failure.value.code, made.heads) == ("upstream_tls_failed", [])


# ---- proxies ----


@pytest_asyncio.fixture
async def proxy() -> AsyncIterator[Proxy]:
    async with proxying() as made:
        yield made


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "http"])
async def test_through_a_proxy_that_resolves_the_name(net: Start, proxy: Proxy, scheme: str) -> None:
    made = await net()
    place = made.url.removeprefix("http://").replace("127.0.0.1", "provider.example.com")
    made.url = f"http://{place}"
    made.sessions.origins.replace([(made.url, Approval(private=True, plain_http=True))])
    for _ in range(2):
        assert await made.ask(proxy_url=Secret(f"{scheme}://{proxy.url}")) == b"ok"
    assert proxy.asked == [place]
    assert made.made == 1


@pytest.mark.parametrize("scheme", ["socks5", "http"])
async def test_over_tls_through_a_proxy(net: Start, proxy: Proxy, authority: Authority, scheme: str) -> None:
    made = await net(tls=authority.server, trusted=ssl.create_default_context(cafile=str(authority.file)))
    for _ in range(2):
        assert await made.ask(proxy_url=Secret(f"{scheme}://{proxy.url}")) == b"ok"
    assert made.made == 1


async def test_an_account_with_a_proxy_never_goes_by_another_ones_connection(net: Start, proxy: Proxy) -> None:
    made = await net()
    assert await made.ask() == b"ok"
    assert await made.ask(proxy_url=Secret(f"socks5://{proxy.url}")) == b"ok"
    assert await made.ask(proxy_url=Secret("direct")) == b"ok"
    assert (made.made, len(proxy.asked)) == (2, 1)


@pytest.mark.parametrize("scheme", ["socks5", "http"])
async def test_a_proxy_that_refuses(net: Start, proxy: Proxy, scheme: str) -> None:
    made, proxy.refuses = await net(), True
    with pytest.raises(UpstreamFailure) as failure:
        await made.ask(proxy_url=Secret(f"{scheme}://ann:pw_FAKE@{proxy.url}"))
    assert (failure.value.code, failure.value.sent) == ("proxy_refused", False)
    assert "pw_FAKE" not in str(failure.value) + repr(failure.value.params)


@pytest.mark.parametrize(("url", "code"), [("socks5://127.0.0.1:1", "proxy_unreachable"), ("x", "proxy_invalid")])
async def test_no_proxy_there(net: Start, url: str, code: str) -> None:
    made = await net()
    with pytest.raises(UpstreamFailure) as failure:
        await made.ask(proxy_url=Secret(url))
    assert (failure.value.code, failure.value.sent) == (code, False)

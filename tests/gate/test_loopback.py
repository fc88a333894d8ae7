"""The loopback ports of logins, over real sockets."""

import asyncio
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authdeck.errors import Conflict
from authdeck.gate.loopback import LONGEST, LoopbackPorts
from authdeck.operations import call_backs


class Arrivals:
    def __init__(self) -> None:
        self.seen: list[str] = []

    async def __call__(self, url: str) -> None:
        self.seen.append(url)
        if "state=old" in url:
            raise Conflict("call_back_state_unknown")


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def arrivals() -> Arrivals:
    return Arrivals()


@pytest.fixture
def ports(arrivals: Arrivals) -> LoopbackPorts:
    made = LoopbackPorts()
    made.lead_to(arrivals)
    return made


async def ask(port: int, request: bytes) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer.decode()


def get(target: str, language: str = "en") -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept-Language: {language}\r\n\r\n".encode()


async def test_it_works(ports, port, arrivals):
    assert await ports.open(port)
    assert await ports.open(port)

    answer = await ask(port, get("/auth/callback?code=ac_FAKE&state=st_FAKE"))
    await ports.close(port)

    assert arrivals.seen == ["/auth/callback?code=ac_FAKE&state=st_FAKE"]
    assert answer.startswith("HTTP/1.1 200 OK")
    policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    assert f"content-security-policy: {policy}\r\n" in answer
    assert "FAKE" not in answer
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_what_is_wrong_is_said_in_the_browsers_language_without_the_address(ports, port):
    await ports.open(port)

    answer = await ask(port, get("/auth/callback?code=ac_FAKE&state=old", "zh-CN"))
    await ports.close(port)

    assert answer.startswith("HTTP/1.1 400")
    assert "该地址不属于" in answer
    assert "FAKE" not in answer


@pytest.mark.parametrize("request_", [get("/favicon.ico"), b"POST /?code=a&state=b HTTP/1.1\r\n\r\n", b"\r\n\r\n"])
async def test_nothing_else_is_here(ports, port, arrivals, request_):
    await ports.open(port)

    assert (await ask(port, request_)).startswith("HTTP/1.1 404")
    await ports.close(port)
    assert arrivals.seen == []


async def test_too_much_is_not_answered(ports, port, arrivals):
    await ports.open(port)

    try:
        answer = await ask(port, b"GET /?" + b"a" * 4 * LONGEST)
    except ConnectionError:
        answer = ""
    await ports.close(port)

    assert (answer, arrivals.seen) == ("", [])


async def test_a_taken_port(ports, port):
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        assert not await ports.open(port)


async def test_it_listens_on_loopback_alone(ports, port):
    await ports.open(port)
    names = {each.getsockname()[0] for server in ports._open[port] for each in server.sockets}
    await ports.close(port)

    assert names <= {"127.0.0.1", "::1"}


WORDS = st.sampled_from(
    [b"GET ", b"POST ", b"/auth/callback", b"?", b"code=ac_FAKE", b"&", b"state=st_FAKE", b"state=old", b"error=", b"#",
     b" HTTP/1.1\r\n", b"Host: localhost\r\n", b"Accept-Language: zh-CN\r\n", b"Accept-Language: \xff;q=\r\n",
     b"%00", b"[", b"\r\n"]
)  # fmt: skip
REQUESTS = st.binary(max_size=300) | st.lists(WORDS | st.binary(max_size=6), max_size=25).map(b"".join)


def test_whatever_is_sent_it_answers_or_closes_and_goes_on(port: int) -> None:
    """As ``Logins.arrived`` takes it: read, then known or not."""
    seen: list[str] = []

    async def arrived(url: str) -> None:
        seen.append(call_backs.read(url).state)
        raise Conflict("call_back_state_unknown")

    async def sent(request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            writer.write_eof()
            return await asyncio.wait_for(reader.read(), 10)
        except ConnectionError:
            return b""  # it closed before it had read all
        finally:
            writer.close()

    with asyncio.Runner() as runner:
        ports = LoopbackPorts()
        ports.lead_to(arrived)
        assert runner.run(ports.open(port))

        @settings(max_examples=200, deadline=None)
        @given(REQUESTS)
        def one(request: bytes) -> None:
            answer = runner.run(sent(request))
            assert not answer or answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 404 "))
            assert b"FAKE" not in answer

        one()
        assert b"belongs to no sign-in" in runner.run(sent(get("/auth/callback?code=a&state=the_last")))
        runner.run(ports.close(port))
    assert seen[-1] == "the_last"

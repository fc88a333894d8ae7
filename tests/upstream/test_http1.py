"""One connection: whatever bytes come back, an answer is what was sent, or a failure in our words; never a mixture.

``AUTHDECK_PROOF_INPUTS=100000`` says how many inputs each of the fuzz tests gets; without it a sample.
"""

import asyncio
import atexit
import os
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authdeck.upstream.failures import CODES, UpstreamFailure
from authdeck.upstream.http1 import BUFFER_LIMIT, HEAD_LIMIT, INTERIM_LIMIT, Connection
from fakes.transport import Transport

INPUTS = int(os.environ.get("AUTHDECK_PROOF_INPUTS", "200"))
SHARE = 5_000
"""Inputs of one test: the more it has had, the longer it looks for another."""
PROOF = settings(max_examples=min(INPUTS, SHARE), deadline=None)
SHARES = pytest.mark.parametrize("share", range(-(-INPUTS // SHARE)))
OK = b"HTTP/1.1 200 OK\r\n"
COUNTED = OK + b"content-length: 5\r\n\r\nhello"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"


@dataclass
class Outcome:
    """``failure`` is the code; ``is_kept``: the connection takes another request."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    failure: str | None
    is_kept: bool


async def played(pieces: list[bytes], end: Exception | bool = True) -> Outcome:
    """One request, and these bytes as its answer; then the connection ends, by itself or with an error."""
    freed: list[Connection] = []
    connection = Connection(asyncio.get_running_loop(), freed.append, lambda _: None)
    transport = Transport(connection)
    answer = connection.ask(b"GET / HTTP/1.1\r\n\r\n", None, "provider.example.com")

    async def read() -> tuple[bytes, str | None]:
        body = b""
        try:
            await answer.begun()
            while piece := await answer.read():
                body += piece
        except UpstreamFailure as error:
            return body, error.code
        return body, None

    reading = asyncio.get_running_loop().create_task(read())
    for piece in pieces:
        transport.arrive(piece)
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    is_kept = bool(freed) and connection.is_usable
    if end is not False:
        transport.lose(end if isinstance(end, Exception) else None)
    body, failure = await asyncio.wait_for(reading, 5)
    return Outcome(answer.status, answer.headers, body, failure, is_kept)


@cache
def runner() -> asyncio.Runner:
    """One loop for all: making one costs more than the conversation."""
    made = asyncio.Runner()
    atexit.register(made.close)
    return made


def play(*pieces: bytes, end: Exception | bool = True) -> Outcome:
    return runner().run(played(list(pieces), end))


def test_it_works() -> None:
    outcome = play(COUNTED, end=False)
    assert (outcome.status, outcome.body, outcome.failure, outcome.is_kept) == (200, b"hello", None, True)
    assert outcome.headers == [(b"content-length", b"5")]


def test_chunks_come_as_they_are_cut_and_trailers_are_no_headers() -> None:
    outcome = play(CHUNKED, b"3\r\nabc\r\n", b"2;x=y\r\nde\r\n", b"0\r\nset-cookie: a=b\r\n\r\n", end=False)
    assert (outcome.body, outcome.failure, outcome.is_kept) == (b"abcde", None, True)
    assert outcome.headers == [(b"transfer-encoding", b"chunked")]


def test_without_a_length_the_end_of_the_connection_is_the_end() -> None:
    outcome = play(OK + b"\r\n", b"some", b"thing")
    assert (outcome.body, outcome.failure, outcome.is_kept) == (b"something", None, False)


def test_without_a_length_a_reset_is_no_end() -> None:
    assert play(OK + b"\r\n", b"some", end=ConnectionResetError()).failure == "upstream_reset"


def test_interim_answers_are_passed_over() -> None:
    outcome = play(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" * INTERIM_LIMIT + COUNTED, end=False)
    assert (outcome.status, outcome.body, outcome.headers) == (200, b"hello", [(b"content-length", b"5")])
    assert outcome.is_kept


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_some_answers_have_no_body(status: bytes) -> None:
    outcome = play(b"HTTP/1.1 " + status + b"\r\n\r\n", end=False)
    assert (outcome.body, outcome.failure, outcome.is_kept) == (b"", None, True)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(OK + b"connection: close\r\ncontent-length: 5\r\n\r\nhello", id="says that it closes"),
        pytest.param(b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello", id="HTTP/1.0"),
        pytest.param(COUNTED + COUNTED, id="a second answer"),
        pytest.param(COUNTED + b"garbage", id="something after it"),
    ],
)
def test_what_can_be_followed_by_nothing_is_not_kept(answer: bytes) -> None:
    outcome = play(answer, end=False)
    assert (outcome.body, outcome.failure, outcome.is_kept) == (b"hello", None, False)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", id="length and chunks"),
        pytest.param(OK + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n", id="chunks and length"),
        pytest.param(OK + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello!", id="two lengths"),
        pytest.param(OK + b"content-length: 5, 5\r\n\r\nhello", id="a list of lengths"),
        pytest.param(OK + b"content-length: -5\r\n\r\nhello", id="a negative length"),
        pytest.param(OK + b"content-length: +5\r\n\r\nhello", id="a signed length"),
        pytest.param(OK + b"content-length: 99999999999999999999\r\n\r\nhello", id="an absurd length"),
        pytest.param(OK + b"content-length : 5\r\n\r\nhello", id="a space before the colon"),
        pytest.param(OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", id="a coding that would be lost"),
        pytest.param(OK + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n", id="an unknown coding"),
        pytest.param(CHUNKED + b"zz\r\nhello\r\n", id="a chunk length that is none"),
        pytest.param(CHUNKED + b"-1\r\nhello\r\n", id="a negative chunk"),
        pytest.param(CHUNKED + b"3\r\nhello\r\n0\r\n\r\n", id="a chunk longer than it says"),
        pytest.param(CHUNKED + b"fffffffffffffffff\r\nhello\r\n", id="an absurd chunk"),
        pytest.param(b"HTTP/1.1 200 OK\ncontent-length: 5\n\nhello", id="bare line feeds"),
        pytest.param(OK + b"x: a\r\n b\r\ncontent-length: 5\r\n\r\nhello", id="a folded header"),
        pytest.param(OK + b"x: a\0b\r\ncontent-length: 5\r\n\r\nhello", id="a NUL in a header"),
        pytest.param(OK + b"x: a\rcontent-length: 5\r\n\r\nhello", id="a return in a header"),
        pytest.param(OK + b"no colon\r\n\r\n", id="a line without a colon"),
        pytest.param(b"HTTP/1.1 99999 OK\r\n\r\n", id="an absurd status"),
        pytest.param(b"HTTP/2.0 200 OK\r\n\r\n", id="another protocol"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="no HTTP at all"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n", id="a switch"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" * (INTERIM_LIMIT + 1) + COUNTED, id="too many interim answers"),
        pytest.param(OK + b"x: " + b"y" * HEAD_LIMIT, id="a head without an end"),
        pytest.param(CHUNKED + b"0\r\nx: " + b"y" * 2 * HEAD_LIMIT, id="a trailer without an end"),
        pytest.param(OK + b"x: y\r\n" * (HEAD_LIMIT // 4) + b"\r\n", id="a million headers"),
    ],
)
@pytest.mark.parametrize("size", [1 << 16, 7])
def test_what_could_be_read_in_two_ways_is_no_answer(answer: bytes, size: int) -> None:
    outcome = play(*(answer[at : at + size] for at in range(0, len(answer), size)), end=False)
    assert (outcome.failure, outcome.is_kept) == ("upstream_malformed", False)


@pytest.mark.parametrize("cut", range(1, len(COUNTED)))
def test_wherever_it_breaks_off_it_is_not_whole(cut: int) -> None:
    outcome = play(COUNTED[:cut])
    assert outcome.failure == "upstream_reset"
    assert b"hello".startswith(outcome.body)


async def test_what_comes_unasked_is_not_the_next_answer() -> None:
    freed: list[Connection] = []
    connection = Connection(asyncio.get_running_loop(), freed.append, lambda _: None)
    transport = Transport(connection)
    answer = connection.ask(b"GET / HTTP/1.1\r\n\r\n", None, "provider.example.com")
    transport.arrive(COUNTED)
    await answer.begun()
    assert freed == [connection]
    transport.arrive(COUNTED)
    assert not connection.is_usable


async def test_an_answer_before_the_request_was_all_sent_ends_the_connection() -> None:
    freed: list[Connection] = []
    connection = Connection(asyncio.get_running_loop(), freed.append, lambda _: None)
    transport = Transport(connection)
    transport.unsent = 10
    answer = connection.ask(b"POST / HTTP/1.1\r\n\r\n", b"x" * 20, "provider.example.com")
    transport.arrive(COUNTED)
    await answer.begun()
    assert await answer.read() == b"hello"
    assert (freed, transport.is_closed) == ([], True)


async def test_a_slow_reader_holds_the_provider_back() -> None:
    connection = Connection(asyncio.get_running_loop(), lambda _: None, lambda _: None)
    transport = Transport(connection)
    answer = connection.ask(b"GET / HTTP/1.1\r\n\r\n", None, "provider.example.com")
    transport.arrive(OK + b"\r\n")
    await answer.begun()
    transport.arrive(b"x" * (BUFFER_LIMIT - 1))
    assert not transport.is_paused
    transport.arrive(b"x")
    assert transport.is_paused
    assert connection.is_waiting_for_its_reader
    assert len(await answer.read()) == BUFFER_LIMIT
    assert not transport.is_paused


async def test_a_late_reader_does_not_disturb_the_connections_next_answer() -> None:
    connection = Connection(asyncio.get_running_loop(), lambda _: None, lambda _: None)
    transport = Transport(connection)
    first = connection.ask(b"GET /1 HTTP/1.1\r\n\r\n", None, "provider.example.com")
    transport.arrive(COUNTED)
    second = connection.ask(b"GET /2 HTTP/1.1\r\n\r\n", None, "provider.example.com")
    transport.arrive(OK + b"\r\n" + b"x" * BUFFER_LIMIT)
    assert transport.is_paused
    assert await first.read() == b"hello"
    first.close()
    assert transport.is_paused
    assert not transport.is_closed
    assert len(await second.read()) == BUFFER_LIMIT
    assert not transport.is_paused


async def test_who_stops_reading_ends_the_connection() -> None:
    connection = Connection(asyncio.get_running_loop(), lambda _: None, lambda _: None)
    transport = Transport(connection)
    answer = connection.ask(b"GET / HTTP/1.1\r\n\r\n", None, "provider.example.com")
    transport.arrive(CHUNKED)
    await answer.begun()
    answer.close()
    assert transport.is_closed


# ---- fuzz ----

token = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12).map(str.encode)
value = st.text([chr(code) for code in range(33, 127)], max_size=20).map(str.encode)
framing_names = {b"content-length", b"transfer-encoding", b"connection", b"keep-alive", b"upgrade", b"proxy-connection"}


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, bytes, bool]:
    """A well-formed answer, its body, and whether its end shows."""
    headers = draw(st.lists(st.tuples(token.filter(lambda name: name not in framing_names), value), max_size=6))
    pieces = draw(st.lists(st.binary(min_size=1, max_size=40), max_size=6))
    kind = draw(st.sampled_from(["counted", "chunked", "until the end"]))
    body = b"".join(pieces)
    head = b"HTTP/1.1 %d Fine\r\n" % draw(st.integers(200, 599).filter(lambda status: status not in (204, 304)))
    head += b"".join(b"%s: %s\r\n" % pair for pair in headers)
    if kind == "counted":
        return head + b"content-length: %d\r\n\r\n" % len(body) + body, body, True
    if kind == "chunked":
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        return head + b"transfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n", body, True
    return head + b"\r\n" + body, body, False


def cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(marks)]


places = st.lists(st.integers(0, 10_000), max_size=8)


@SHARES
@PROOF
@given(answers(), places)
def test_however_it_is_cut_it_is_the_same_answer(
    share: int, answer: tuple[bytes, bytes, bool], places: list[int]
) -> None:
    del share
    sent, body, shows_its_end = answer
    outcome = play(*cut(sent, places), end=not shows_its_end)
    assert (outcome.body, outcome.failure, outcome.is_kept) == (body, None, shows_its_end)


@SHARES
@PROOF
@given(st.lists(st.binary(max_size=60), max_size=6))
def test_noise_is_no_answer(share: int, pieces: list[bytes]) -> None:
    del share
    outcome = play(*pieces)
    assert outcome.failure in {"upstream_malformed", "upstream_reset"}


@SHARES
@PROOF
@given(answers(), places, st.data())
def test_a_damaged_answer_is_an_answer_or_a_failure(
    share: int, answer: tuple[bytes, bytes, bool], places: list[int], data: st.DataObject
) -> None:
    del share
    damaged = bytearray(answer[0])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
        if not damaged:
            break
    outcome = play(*cut(bytes(damaged), places))
    assert outcome.failure is None or outcome.failure in CODES
    assert all(
        b"\r" not in text and b"\n" not in text and b"\0" not in text for pair in outcome.headers for text in pair
    )

"""Files that leave: their making ends with the client's patience, and they with their sending."""

import asyncio
from pathlib import Path

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from authdeck.gate.handing_out import handed_out
from authdeck.operations.export import Exported
from authdeck.operations.spool import Spool

SCOPE = {"type": "http", "method": "POST", "path": "/", "headers": [], "asgi": {"spec_version": "2.4"}}


async def waiting() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def gone() -> Message:
    return {"type": "http.disconnect"}


def exported(folder: Path) -> Exported:
    content = Spool(folder)
    content.write(b"rt_FAKE")
    content.end()
    return Exported("Ann's.json", "application/json", content, 1)


async def test_it_works(tmp_path: Path) -> None:
    made, sent = exported(tmp_path), list[Message]()

    async def making() -> Exported:
        return made

    async def send(message: Message) -> None:
        sent.append(message)

    answer = await handed_out(Request(SCOPE, waiting), making())
    assert answer.headers["content-length"] == "7"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''Ann%27s.json"
    await answer(SCOPE, waiting, send)
    assert b"".join(message.get("body", b"") for message in sent) == b"rt_FAKE"
    assert made.content.closed


async def test_a_client_that_goes_away_ends_the_making() -> None:
    ended = asyncio.Event()

    async def making() -> Exported:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    assert (await handed_out(Request(SCOPE, gone), making())).status_code == 499
    assert ended.is_set()


async def test_what_is_not_taken_to_its_end_is_let_go_too(tmp_path: Path) -> None:
    made = exported(tmp_path)

    async def making() -> Exported:
        return made

    async def send(message: Message) -> None:
        raise OSError(message["type"])

    answer = await handed_out(Request(SCOPE, waiting), making())
    with pytest.raises(ClientDisconnect):
        await answer(SCOPE, waiting, send)
    assert made.content.closed

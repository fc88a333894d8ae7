from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from httpx2 import AsyncClient

from authdeck.event import Attempt, Failure, FailureKind, RequestEvent, Tokens
from authdeck.operations.record import Recorder
from authdeck.storage.database import Database
from fakes.clock import NOON, SetClock

AT = int(NOON.timestamp() * 1000)
ANNS = "a" * 16


@pytest_asyncio.fixture
async def recorder(monitoring: Database, clock: SetClock) -> AsyncIterator[Recorder]:
    started = Recorder(monitoring, clock, wait=30)
    started.start()
    yield started
    await started.close()


def event(number: int, **fields: object) -> RequestEvent:
    given = {
        "id": number.to_bytes(16, "big"), "at_ms": AT + number, "endpoint": "/v1/responses", "model": "gpt-5.5",
        "provider": "codex", "auth_index": ANNS, "file_name": "ann.json", "client_key": "laptop", "status": 200,
        "latency_ms": 812.5, "ttfb_ms": 90.25, "streamed": True, "tokens": Tokens(12, 34, None, 5),
        "attempts": [Attempt(ANNS, 200, None, 800.0)],
    }  # fmt: skip
    return RequestEvent(**{**given, **fields})  # type: ignore[arg-type]


async def test_it_works(ann: AsyncClient, recorder: Recorder) -> None:
    await recorder.record(event(1))
    (shown,) = (await ann.get("/requests")).json()["items"]
    assert shown["id"] == f"{1:032x}"
    assert shown["at"] == "2026-11-23T12:00:00.001000Z"
    assert (shown["auth_index"], shown["file_name"], shown["client_key"]) == (ANNS, "ann.json", "laptop")
    assert (shown["latency_ms"], shown["ttfb_ms"]) == (812.5, 90.25)
    assert shown["tokens"] == {"input": 12, "output": 34, "cached": None, "reasoning": 5}
    assert (
        shown["attempts"] == [{"auth_index": ANNS, "status": 200, "kind": None, "ms": 800.0}] or not shown["attempts"]
    )
    assert shown["failure"] is None
    assert (await ann.get(f"/requests/{shown['id']}")).json() == shown


async def test_a_failure_says_its_kind(ann: AsyncClient, recorder: Recorder) -> None:
    failure = Failure(FailureKind.QUOTA, "usage_limit_reached", "The usage limit has been reached")
    await recorder.record(event(1, status=429, failure=failure))
    await recorder.record(event(2))
    (shown,) = (await ann.get("/requests", params={"status": "failed"})).json()["items"]
    assert shown["failure"] == {
        "kind": "quota",
        "code": "usage_limit_reached",
        "summary": "The usage limit has been reached",
    }
    assert (await ann.get("/requests", params={"failure": "quota"})).json()["items"] == [shown]
    assert (await ann.get("/requests", params={"status": "429"})).json()["items"] == [shown]


async def test_pages_go_back_in_time_without_a_total(ann: AsyncClient, recorder: Recorder) -> None:
    for number in range(1, 6):
        await recorder.record(event(number))
    first = (await ann.get("/requests", params={"page_size": 3})).json()
    assert [shown["id"][-1] for shown in first["items"]] == ["5", "4", "3"]
    assert first["total"] is None
    second = (await ann.get("/requests", params={"page_size": 3, "cursor": first["next"]})).json()
    assert [shown["id"][-1] for shown in second["items"]] == ["2", "1"]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"status": "sometimes"}, "request_invalid"),
        ({"since": "yesterday"}, "request_invalid"),
        ({"page_size": "many"}, "request_invalid"),
        ({"cursor": "x"}, "cursor_invalid"),
    ],
)
async def test_a_list_asked_wrongly_says_what_is_wrong(ann: AsyncClient, params: dict[str, str], code: str) -> None:
    answer = await ann.get("/requests", params=params)
    assert answer.status_code in {400, 422}
    assert answer.json()["error"]["code"] == code


@pytest.mark.parametrize("request_id", ["0" * 32, "none", "%00"])
async def test_an_unknown_request_is_not_found(ann: AsyncClient, request_id: str) -> None:
    answer = await ann.get(f"/requests/{request_id}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "request_not_found")

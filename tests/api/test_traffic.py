"""Requests as a whole by API: figures, groups, live events, a file out and in."""

import json
from dataclasses import replace

import pytest
from httpx2 import AsyncClient

from api.conftest import As
from api.test_requests import ANNS, AT, event, recorder
from authdeck.event import Failure, FailureKind, Tokens
from authdeck.ids import new_request_id
from authdeck.operations.record import Recorder
from authdeck.storage.database import Database
from authdeck.storage.reading.request_search import SCATTERED
from authdeck.storage.writing.requests import mark_gap, store
from fakes.people import BOB, VERA

__all__ = ("recorder",)

UNTIL = "2026-11-23T13:00:00Z"
QUOTA = Failure(FailureKind.QUOTA, "usage_limit_reached", "The usage limit has been reached")


async def test_it_works(ann: AsyncClient, recorder: Recorder, monitoring: Database) -> None:
    for number in range(1, 5):
        await recorder.record(event(number))
    await recorder.record(event(5, failure=QUOTA, status=429, ttfb_ms=None))
    monitoring.write_now(lambda c: mark_gap(c, AT - 60_000, AT - 30_000, "store_failed", 3))
    told = (await ann.get("/requests/summary", params={"until": "2026-11-23T13:00:00Z"})).json()
    assert (told["sums"]["requests"], told["sums"]["failures"], told["sums"]["tokens_input"]) == (5, 1, 60)
    assert told["times"]["p50"] == pytest.approx(812.5, rel=0.14)
    assert told["asked"] == told["covered"] == {"since": "2026-11-22T13:00:00Z", "until": "2026-11-23T13:00:00Z"}
    assert sum(part["sums"]["requests"] for part in told["parts"]) == 5
    assert told["causes"] == [{"kind": "quota", "code": "usage_limit_reached", "count": 1}]
    assert told["gaps"] == [
        {"since": "2026-11-23T11:59:00Z", "until": "2026-11-23T11:59:30Z", "why": "store_failed", "count": 3}
    ]


@pytest.mark.parametrize(("by", "name"), [("model", "gpt-5.5"), ("account", ANNS), ("client_key", "laptop")])
async def test_groups(ann: AsyncClient, recorder: Recorder, by: str, name: str) -> None:
    for number in range(1, 4):
        await recorder.record(event(number))
    await recorder.record(event(4, model="opus", auth_index="b" * 16, client_key="phone"))
    params = {"by": by, "until": "2026-11-23T13:00:00Z", "page_size": 1}
    first = (await ann.get("/requests/groups", params=params)).json()
    assert [(row["name"], row["sums"]["requests"]) for row in first["items"]] == [(name, 3)]
    assert first["covered"] == {"since": "2026-11-22T13:00:00Z", "until": "2026-11-23T13:00:00Z"}
    rest = (await ann.get("/requests/groups", params={**params, "cursor": first["next"]})).json()
    assert ([row["sums"]["requests"] for row in rest["items"]], rest["next"]) == ([1], None)


async def test_groups_of_the_newest_requests_say_since_when(
    ann: AsyncClient, recorder: Recorder, monitoring: Database
) -> None:
    """Nothing leads to failures of an account but its newest requests."""
    await recorder.record(event(1, failure=QUOTA, status=429))
    many = [replace(event(2), id=new_request_id(AT + at), at_ms=AT + at) for at in range(SCATTERED + 1)]
    monitoring.write_now(lambda c: store(c, many, {}))
    params = {"by": "account", "account": ANNS, "status": "ok", "until": "2026-11-23T13:00:00Z"}
    told = (await ann.get("/requests/groups", params=params)).json()
    assert told["covered"]["until"] == "2026-11-23T13:00:00Z"
    assert told["covered"]["since"] > "2026-11-23T11:00:00Z"
    assert told["gaps"] == []


async def test_groups_in_the_order_asked_for(ann: AsyncClient, recorder: Recorder) -> None:
    for number, name, in_, out in ((1, "a", 1, 50), (2, "a", 1, 50), (3, "b", 90, 9)):
        failed = {"failure": QUOTA, "status": 429, "latency_ms": 9_000.0} if name == "b" else {}
        named = {"model": name * 16, "auth_index": name * 16, "client_key": name * 16}
        await recorder.record(event(number, **named, **failed, tokens=Tokens(in_, out, 0, 0)))
    orders = {"requests": "ab", "failures": "ba", "tokens_input": "ba", "tokens_output": "ab", "latency_us": "ba"}
    for by in ("model", "account", "client_key"):
        for order, names in orders.items():
            told = (await ann.get("/requests/groups", params={"by": by, "order": order, "until": UNTIL})).json()
            assert "".join(row["name"][0] for row in told["items"]) == names, (by, order)


async def test_an_order_that_is_none_is_refused_by_its_name(ann: AsyncClient) -> None:
    error = (await ann.get("/requests/groups", params={"by": "model", "order": "zebra"})).json()["error"]
    assert "order" in json.dumps(error)
    assert "tokens_input" in json.dumps(error)


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("summary", {"zone": "Mars/Olympus"}, "zone_unknown"),
        ("summary", {"zone": "../../etc/passwd"}, "zone_unknown"),
        ("summary", {"since": "2026-11-23T13:00:00Z", "until": "2026-11-23T12:00:00Z"}, "time_empty"),
        ("summary", {"since": "1900-01-01T00:00:00Z"}, "time_empty"),
        ("groups", {"by": "shoe-size"}, "request_invalid"),
        ("groups", {}, "request_invalid"),
        ("groups", {"by": "model", "order": "zebra"}, "request_invalid"),
        ("summary", {"slower_than": "-1"}, "request_invalid"),
        ("summary", {"cache": "perhaps"}, "request_invalid"),
    ],
)
async def test_what_is_asked_wrongly_is_refused(ann: AsyncClient, path: str, params: dict[str, str], code: str) -> None:
    answer = await ann.get(f"/requests/{path}", params=params)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)


async def test_each_filter_chooses(ann: AsyncClient, recorder: Recorder) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    await recorder.record(event(1, project="p-1", prefix="team", trace=trace, latency_ms=9000))
    await recorder.record(event(2, tokens=event(2).tokens.__class__(100, 20, 50, 0)))
    await recorder.record(event(3, tokens=event(3).tokens.__class__(100, 20, 0, 0)))
    for params, expected in (
        ({"project": "p-1"}, ["1"]),
        ({"prefix": "team"}, ["1"]),
        ({"trace": trace}, ["1"]),
        ({"search": trace}, ["1"]),
        ({"slower_than": "1000"}, ["1"]),
        ({"cache": "hit"}, ["2"]),
        ({"cache": "none"}, ["3"]),
    ):
        found = (await ann.get("/requests", params=params)).json()["items"]
        assert [one["id"][-1] for one in found] == expected, params
    assert found[0]["trace"] is None


async def test_a_file_out_and_in(as_: As, recorder: Recorder) -> None:
    for number in range(1, 4):
        await recorder.record(event(number, file_name="codex-ann@example.com-plus.json"))
    out = await as_(BOB).get("/requests/export")
    assert out.headers["content-type"].startswith("application/x-ndjson")
    assert [json.loads(line)["id"][-1] for line in out.text.splitlines()] == ["3", "2", "1"]
    assert "ann@example.com" not in out.text
    back = out.content.replace(b'"id":"0', b'"id":"f') + b"nonsense\n"
    told = (await as_(BOB).post("/requests/import", content=back)).json()
    assert (told["added"], told["known"], told["refused"]) == (3, 0, 1)
    assert told["problems"][0]["line"] == 4


@pytest.mark.parametrize("path", ["export", "import"])
async def test_a_viewer_takes_nothing_away(as_: As, path: str) -> None:
    answer = await as_(VERA).request("GET" if path == "export" else "POST", f"/requests/{path}")
    assert answer.status_code == 403


@pytest.mark.parametrize("given", [{"until": "0001-01-01T00:30:00Z"}, {"since": "9999-12-31T23:30:00Z"}])
async def test_times_at_the_ends_of_the_calendar_hold_no_request(as_: As, given: dict[str, str]) -> None:
    for path in ("/requests/summary", "/requests/groups"):
        answer = await as_(VERA).get(path, params={"by": "model", "slower_than": 0, **given})
        assert answer.status_code == 422, answer.text


async def test_a_time_up_to_the_end_of_the_calendar_is_told(as_: As) -> None:
    given = {"by": "model", "slower_than": 0, "since": "9998-12-31T12:00:00Z", "until": "9999-12-31T23:59:59Z"}
    assert (await as_(VERA).get("/requests/groups", params=given)).status_code == 200

"""What a page must withstand: foreign words in every field, frames, forged forms, a session someone else prepared."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from authdeck import ids
from authdeck.clock import to_micros
from authdeck.event import Attempt, Failure, FailureKind, RequestEvent
from authdeck.operations import disable
from authdeck.operations.record import Recorder
from fakes.auth_files import take_in
from fakes.house import House, build
from fakes.people import ANN

CANARY = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>{{7*7}}"
RAW = ("<img src=x", "<svg/onload", "<script>alert(2)", "script&gt;49", "\"'><script")


def document() -> dict[str, Any]:
    """An auth file whose every text is the canary."""
    return {
        "type": "codex", "email": CANARY, "account_id": "<svg/onload=alert(3)>",
        "access_token": "at_FAKE", "refresh_token": "rt_FAKE",
        "expired": "2027-01-01T00:00:00Z", "label": CANARY, "note": CANARY, "project_id": CANARY, "plan_type": CANARY,
        "excluded_models": [CANARY], "disabled": True,
    }  # fmt: skip


@pytest_asyncio.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with build(tmp_path, filled=False) as made:
        report = await take_in(made.desk, ("codex&amp;.json", json.dumps(document()).encode()))
        (made.indexes["it"],) = [str(row.auth_index) for row in report.items if row.auth_index]
        await disable.disable(made.desk, made.index("it"), ANN, reason=CANARY)
        recorder = Recorder(made.monitoring, made.desk.clock)
        recorder.start()
        at_ms = to_micros(made.desk.now()) // 1000
        await recorder.record(
            RequestEvent(
                ids.new_request_id(at_ms), at_ms, f"/v1/{CANARY}", CANARY, "codex", made.index("it"), CANARY, CANARY,
                CANARY, None, 502, 8.0, None, True, failure=Failure(FailureKind.UPSTREAM, CANARY, CANARY),
                attempts=[Attempt(made.index("it"), 502, CANARY, 1.0)],
            )
        )  # fmt: skip
        await recorder.close()
        yield made


@pytest.mark.parametrize("masked", ["yes", "no"])
async def test_no_word_from_outside_becomes_markup(ann: Any, house: House, masked: str) -> None:
    await ann.post("/preferences", masked=masked)
    await ann.post("/auth-files/views", name=CANARY[:60], next=f"/auth-files?search={quote(CANARY)}")
    ordered = await ann.post("/batches", act="note", note=CANARY, account=[house.index("it")], next="/auth-files")
    await ann.post(f"{ordered.headers['location'].partition('?')[0]}/run")
    paths = [
        *(f"/auth-files?mode={mode}&search={quote(CANARY)}" for mode in ("table", "compact", "cards")),
        *(f"/auth-files?mode={mode}" for mode in ("table", "compact", "cards")),
        f"/auth-files?prefix={quote(CANARY)}&project={quote(CANARY)}&plan={quote(CANARY)}",
        f"/auth-files/{house.index('it')}",
        f"/auth-files/{quote(CANARY, safe='')}",
        f"/find?search={quote(CANARY)}",
        ordered.headers["location"],
        "/batches",
        "/monitoring",
        "/client-keys",
        f"/sign-in?next={quote(CANARY)}",
    ]
    seen = 0
    for path in paths:
        answer = await ann.get(path)
        seen += "&lt;img src=x" in answer.text
        assert [raw for raw in RAW if raw in answer.text] == [], path
        assert answer.status_code == 303 or answer.headers["content-type"].startswith("text/html"), path
    assert seen >= 8  # the canary is there, and it is text


async def test_a_toast_takes_only_our_own_addresses(ann: Any) -> None:
    ann.client.cookies.set("authdeck_toast", "eyJjb2RlIjogIjxpbWc-In0")
    assert "<img>" not in (await ann.get("/auth-files")).text


@pytest.mark.parametrize("path", ["/auth-files", "/sign-in", "/batches", "/monitoring", "/nowhere"])
async def test_no_page_is_shown_in_a_frame(ann: Any, path: str) -> None:
    answer = await ann.get(path)
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"


async def test_signing_in_makes_a_new_session(stranger: Any, house: House) -> None:
    """A session that someone else put into the browser is not the one that is signed in afterwards."""
    await stranger.get("/sign-in")
    planted = dict.fromkeys(("authdeck_session", "authdeck_session_8417"), "planted-FAKE")
    for name, value in planted.items():
        stranger.client.cookies.set(name, value)
    answer = await stranger.post("/sign-in", admin_key=house.admin_key)
    made = [line for line in answer.headers.get_list("set-cookie") if line.startswith("authdeck_session")]
    assert made
    assert all("planted" not in line and "HttpOnly" in line and "samesite=strict" in line.lower() for line in made)


async def test_a_session_ends_for_good(ann: Any) -> None:
    before = dict(ann.client.cookies)
    await ann.post("/sign-out")
    for name, value in before.items():
        ann.client.cookies.set(name, value)
    assert (await ann.get("/auth-files")).status_code == 303


async def test_two_sign_ins_are_two_sessions(ann: Any, house: House) -> None:
    first = dict(ann.client.cookies)
    ann.client.cookies.clear()
    await ann.get("/sign-in")
    await ann.post("/sign-in", admin_key=house.admin_key)
    assert not set(first.values()) & set(dict(ann.client.cookies).values())

"""Foreign words in every field that a file, a provider or a client can fill: text on every page, never markup."""

import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from authdeck import ids
from authdeck.access import Actor, Role
from authdeck.action import Cause
from authdeck.acts import Act
from authdeck.clock import to_micros
from authdeck.event import Attempt, Failure, FailureKind, RequestEvent, Tokens
from authdeck.evidence import Action, Evidence, Signal, Source
from authdeck.hold import Hold, Owner
from authdeck.notice import ChannelKind, Kind
from authdeck.operations import channels, disable, edit_accounts, operators, trash
from authdeck.operations.channels import RuleWish
from authdeck.operations.record import Recorder
from authdeck.operations.records import changed, record
from authdeck.quota import QuotaWindow
from authdeck.seen_headers import SeenAnswer
from authdeck.simulator import Simulator
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts
from authdeck.storage.tables import deliveries, inspection_results, inspections
from authdeck.storage.writing import evidence, holds, seen_headers
from fakes.auth_files import take_in
from fakes.house import House, build
from fakes.people import ANN
from fakes.questions import ask, break_down
from fakes.sign_ins import came_back, providers

CANARY = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>{{7*7}}"
SHORT = "<svg/onload=alert(3)>"
RAW = ("<img src=x", "<svg/onload", "<script>alert(2)", "script&gt;49", "\"'><script")


@pytest.fixture
def simulator():
    with Simulator().running() as made:
        yield made


@pytest_asyncio.fixture
async def house(tmp_path: Path, simulator: Simulator) -> AsyncIterator[House]:
    async with build(tmp_path, filled=False, providers=providers(simulator)) as made:
        report = await take_in(made.desk, ("it&amp;.json", from_a_file(1)), ("gone&lt;b&gt;.json", from_a_file(2)))
        made.indexes["it"], made.indexes["gone"] = [str(row.auth_index) for row in report.items if row.auth_index]
        await trash.delete(made.desk, made.index("gone"), ANN, version=None)
        await by_a_person(made)
        await made.desk.write(lambda connection: from_a_provider(made, connection))
        await from_a_client(made)
        yield made


def from_a_file(number: int) -> bytes:
    document = {
        "type": "codex", "email": CANARY, "account_id": f"{SHORT}{number}", "organization_name": CANARY,
        "access_token": f"at_FAKE{number}", "refresh_token": f"rt_FAKE{number}", "expired": "2027-01-01T00:00:00Z",
        "label": CANARY, "note": CANARY, "project_id": CANARY, "plan_type": CANARY, "excluded_models": [CANARY],
        "model_aliases": [{"name": CANARY, "alias": SHORT}], SHORT: CANARY,
        "request_scoped_errors": [
            {"status": 400, "match": [CANARY], "match-regexr": ["<svg/onload"], "action": "stop"},
        ],
    }  # fmt: skip
    return json.dumps(document).encode()


async def by_a_person(made: House) -> None:
    index, desk = made.index("it"), made.desk
    await edit_accounts.edit(desk, index, ANN, {"note": CANARY, "label": SHORT, "project_id": SHORT}, version=None)


def from_a_provider(made: House, connection: WriteConnection) -> None:
    """Limits, holds and observations as it may name them."""
    now, key = made.desk.now(), accounts.by_index(connection, made.index("it")).key
    windows = [
        QuotaWindow(CANARY[:60], 40, now, Source.HEADER, scope=SHORT, resets_at=now + timedelta(hours=2)),
        QuotaWindow("five_hour", 100, now, Source.HEADER, scope=CANARY, resets_at=now + timedelta(hours=2)),
    ]
    evidence.replace_windows(connection, {key: windows})
    detail = {"status": 429, "summary": CANARY, "link": f"https://x.example/{CANARY}"}
    seen = Evidence(1, Source.RESPONSE, Signal.QUOTA, CANARY[:40], now, now, scope=SHORT, detail=detail)
    row = evidence.note(connection, key, seen)
    shown = Hold(
        Owner.COOLDOWN, CANARY[:40], now, now + timedelta(hours=1), note=CANARY, actor=SHORT, scope=SHORT,
        evidence=row.key, detail={"provider": CANARY, "window": SHORT, "summary": CANARY},
    )  # fmt: skip
    holds.place(connection, key, shown)
    changed(made.desk, connection, "account", made.index("it"))
    said = {"x-codex-promo-message": CANARY, "x-codex-active-limit": SHORT, f"x-codex-{SHORT}": CANARY, "cf-ray": SHORT}
    seen_headers.store(connection, {made.index("it"): [SeenAnswer(now, said, f"{'f' * 31}{SHORT}")]}, now)


async def from_a_client(made: House) -> None:
    """A request whose every word is its own."""
    recorder = Recorder(made.monitoring, made.desk.clock)
    recorder.start()
    at_ms = to_micros(made.desk.now()) // 1000
    event = RequestEvent(
        ids.new_request_id(at_ms), at_ms, f"/v1/{CANARY}", CANARY, "codex", made.index("it"), CANARY, CANARY, CANARY,
        None, 502, 8.0, None, True, tokens=Tokens(1, 1), failure=Failure(FailureKind.UPSTREAM, CANARY, CANARY),
        attempts=[Attempt(made.index("it"), 502, CANARY, 1.0), Attempt(SHORT, 502, CANARY, 1.0)],
    )  # fmt: skip
    made.samples.append(event.id.hex())
    await recorder.record(event)
    await recorder.close()


async def clean(ann: Any, path: str) -> bool:
    """Whether the page says a canary, as text. Fails where one is markup."""
    answer = await ann.get(path)
    assert [raw for raw in RAW if raw in answer.text] == [], path
    assert answer.status_code < 500, path
    return "&lt;img src=x" in answer.text or "&lt;svg/onload" in answer.text


TABS = ("", "?tab=quota", "?tab=settings", "?tab=models", "?tab=document&edit=yes", "?tab=history", "?tab=diagnostics")


@pytest.mark.parametrize("masked", ["yes", "no"])
@pytest.mark.parametrize("tab", TABS)
async def test_on_every_tab_of_an_account(ann: Any, house: House, tab: str, masked: str) -> None:
    await ann.post("/preferences", masked=masked)
    assert await clean(ann, f"/auth-files/{house.index('it')}{tab}")


async def test_in_headers_of_answers(ann: Any, house: House) -> None:
    """Where they are shown as they are, and where they are words about limits."""
    for tab, times in (("diagnostics", 4), ("quota", 2)):
        page = (await ann.get(f"/auth-files/{house.index('it')}?tab={tab}")).text
        assert len(re.findall(r'class="mono[^"]*"[^>]*>[^<]*&lt;(?:img|svg)', page)) >= times


async def test_in_what_stands_around_accounts(ann: Any, house: House) -> None:
    await ann.post("/preferences", masked="no")
    index = house.index("it")
    paths = [
        "/auth-files", "/auth-files?mode=compact", "/auth-files?mode=cards", "/trash", "/audit",
        f"/audit?target={quote(CANARY)}",
        f"/export?account={index}", f"/monitoring/{house.samples[0]}", "/monitoring", f"/monitoring?q={quote(CANARY)}",
        f"/find?search={quote('<img')}", f"/oauth-login?account={index}",
    ]  # fmt: skip
    assert sum([await clean(ann, path) for path in paths]) >= 8  # the others show names only, and those are checked


async def test_in_an_import(ann: Any) -> None:
    """The preview, its choices and the report: of a file whose name and words are all foreign."""
    upload = [("file", (name, from_a_file(3), "application/json")) for name in ("three.json", "<img src=x>.json")]
    preview = await ann.client.post("/import", data={"csrf": ann.csrf}, files=upload, headers={"accept": "text/html"})
    assert [raw for raw in RAW if raw in preview.text] == []
    ticket = re.search(r'name="ticket" value="([^"]+)"', preview.text)
    assert ticket is not None
    report = await ann.post("/import/run", ticket=ticket[1])
    assert [raw for raw in RAW if raw in report.text] == []
    assert "&lt;" in preview.text


async def test_in_a_refused_import(ann: Any) -> None:
    for document in (CANARY, json.dumps({"type": CANARY}), json.dumps([{CANARY: CANARY}])):
        answer = await ann.post("/import", pasted=document, name=CANARY)
        assert [raw for raw in RAW if raw in answer.text] == []


async def test_in_a_login_whose_provider_names_the_person(ann: Any, simulator: Simulator, house: House) -> None:
    """E-mail, plan and organisation come from its token; another account than the expected one shows them all."""
    eve = simulator.account("codex", CANARY, organization=SHORT, plan=SHORT)
    simulator.approve(eve)
    begun = await ann.post("/oauth-login", provider="codex", way="browser", account=house.index("it"))
    path = begun.headers["location"]
    url = re.search(r'href="(http[^"]+/authorize[^"]+)"', (await ann.get(path)).text)
    assert url is not None
    await ann.post(f"{path}/callback", url=await came_back(url[1].replace("&amp;", "&")))
    await ann.post("/preferences", masked="no")
    assert await clean(ann, path)
    await ann.post(f"{path}/choice", choice="new")
    await clean(ann, path)  # the file's name is made of what file names may have
    await clean(ann, "/oauth-login")


async def test_in_names_of_people_keys_and_views(ann: Any, house: House) -> None:
    await operators.create(house.desk, "vera", ANN.role, ANN)
    for path, fields in (
        ("/client-keys", {"name": CANARY, "models": CANARY, "prefixes": SHORT}),
        ("/auth-files/views", {"name": SHORT, "next": f"/auth-files?search={quote(CANARY)}"}),
        ("/settings/upstreams", {"url": f"https://{SHORT}"}),
        ("/settings/retention", {"was.trash_days": "30", "trash_days": CANARY}),
        ("/oauth-login", {"provider": CANARY, "way": SHORT}),
        ("/batches", {"act": "note", "note": CANARY, "account": [house.index("it")], "next": "/auth-files"}),
    ):
        await ann.get("/auth-files")
        answer = await ann.post(path, **fields)
        assert [raw for raw in RAW if raw in answer.text] == [], path
        await clean(ann, answer.headers.get("location", "/auth-files"))
    assert await clean(ann, "/client-keys")
    assert await clean(ann, "/auth-files")


NAME = "<img src=x onerror=alert(1)>"
RUN = "e" * 32


async def everywhere(made: House) -> None:
    """Foreign words in everything that a page lists: rows of the queue, runs, schedules, channels, rules, the audit."""
    desk, index = made.desk, made.index("it")
    await ask(desk, index, (NAME[:40], Signal.REVIEW, Action.REVIEW, 403), link=f"https://x.example/{CANARY}")
    await break_down(desk, Cause.EGRESS, CANARY)
    schedule = await made.inspecting.schedules.create(
        {"name": NAME, "timing": {"every": 60}, "selection": {"search": CANARY}, "enabled": False}, ANN
    )
    channel = (await channels.add_channel(desk, NAME, ChannelKind.WEBHOOK, "https://hooks.example.com/x", ANN)).channel
    wish = RuleWish(f"{NAME} {SHORT}", channel.id, {Kind.STATE_CHANGED})
    rule = await channels.add_rule(desk, wish, ANN)
    await disable.disable(desk, index, Actor(NAME, Role.ADMIN), reason=CANARY)
    now = desk.now()

    def work(connection: WriteConnection) -> None:
        key = accounts.by_index(connection, index).key
        connection.execute(
            deliveries.insert().values(
                id="d" * 32, channel=channel.id, rule=rule.id, status="failed", count=1, attempts=1, created_at=now,
                message={"count": 1, "title": CANARY, "text": CANARY},
                error={"code": "notification_refused", "params": {"upstream_status": CANARY}},
            )
        )  # fmt: skip
        connection.execute(
            inspections.insert().values(
                id=RUN, status="completed", actor=NAME, schedule_name=NAME,
                policy=dict(schedule.policy), selection={"search": CANARY},
                selection_hash="0" * 64, accounts=bytes.fromhex(index), total=1, done=1, counts={"review": 1},
                dry_run=False, created_at=now, ended_at=now,
            )
        )  # fmt: skip
        connection.execute(
            inspection_results.insert().values(
                inspection=RUN, account=key, action="review", reason_code=NAME[:48], params={"summary": CANARY},
                evidence={"status": 403, "summary": CANARY, "code": NAME}, at=now, outcome="skipped",
                outcome_reason={"code": NAME, "params": {"file_name": CANARY}},
            )
        )  # fmt: skip
        for act in Act:
            told = {"name": NAME, "file_name": CANARY, "reason": CANARY}
            record(desk, connection, Actor(SHORT, Role.ADMIN), act, CANARY, before=told, after={"name": SHORT})

    await desk.write(work)


@pytest.mark.parametrize("masked", ["yes", "no"])
async def test_on_every_page_that_lists_something(ann: Any, house: House, masked: str) -> None:
    await everywhere(house)
    await ann.post("/preferences", masked=masked)
    ordered = await ann.post(
        "/batches", act="note", note=f"new {CANARY}", account=[house.index("it")], next="/auth-files"
    )
    batch = ordered.headers["location"].partition("?")[0]
    await ann.post(f"{batch}/run", next="/batches")
    said, silent = [], []
    for path in (
        "/queue", "/queue?view=incidents", f"/queue?q={quote(NAME)}", f"/queue?reason={quote(NAME[:40])}",
        f"/inspection/{RUN}", "/inspection/history", "/inspection/schedules", "/inspection/schedules/1",
        "/inspection", "/quota", f"/quota?search={quote(CANARY)}", "/settings/notifications", "/batches", batch,
        "/trash", f"/trash?search={quote(CANARY)}", "/audit", f"/audit?actor={quote(SHORT)}", "/monitoring",
        f"/monitoring?model={quote(CANARY)}", f"/monitoring/{house.samples[0]}", "/client-keys", "/settings/upstreams",
    ):  # fmt: skip
        (said if await clean(ann, path) else silent).append(path)
    quiet = {"/inspection", "/quota", "/batches", "/client-keys", "/settings/upstreams", "/trash", "/monitoring"}
    assert {path.partition("?")[0] for path in silent} <= quiet, silent

"""A whole console on real parts (SQLite, vault, gate, recorder), filled with fictional accounts and requests.

``build`` makes the app for a client in the same process; ``serving`` puts it on a loopback port for a browser.
"""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from authdeck import ids
from authdeck.access import Actor
from authdeck.clock import Clock, SystemClock, to_micros
from authdeck.directory import Directory
from authdeck.errors import DeckError
from authdeck.event import Attempt, Failure, FailureKind, RequestEvent, Tokens
from authdeck.evidence import Evidence, Signal, Source
from authdeck.exchange import Refreshed
from authdeck.gate.authenticate import Gate
from authdeck.gate.routes import guard
from authdeck.hold import Hold, Owner
from authdeck.operations import (
    adjust,
    admin_keys,
    client_keys,
    disable,
    documents,
    edit_accounts,
    operators,
    terms,
    trash,
)
from authdeck.operations.batch_runner import BatchRunner
from authdeck.operations.batches import Batches
from authdeck.operations.changes import ChangeFeed
from authdeck.operations.deliver import Deliverer
from authdeck.operations.desk import Desk
from authdeck.operations.edit_document import edit_document
from authdeck.operations.entries import Mirror
from authdeck.operations.inspecting import Inspecting
from authdeck.operations.log_in import Logins
from authdeck.operations.parts import Parts
from authdeck.operations.record import Recorder
from authdeck.operations.records import changed
from authdeck.operations.resealing import Resealer
from authdeck.operations.send_one import Send
from authdeck.pool import Pool
from authdeck.providers import PROVIDERS
from authdeck.quota import Accuracy, QuotaWindow
from authdeck.seen_headers import SeenAnswer
from authdeck.settings import Providers, Settings
from authdeck.storage import opening
from authdeck.storage.database import Database, WriteConnection
from authdeck.storage.reading import accounts
from authdeck.storage.writing import accounts as account_writes
from authdeck.storage.writing import evidence, holds, seen_headers
from authdeck.upstream.calls import Calls
from authdeck.upstream.origins import Origins
from authdeck.upstream.sessions import Sessions
from authdeck.vault.keys import MasterKey
from authdeck.vault.vault import Vault
from authdeck.web import console, error_page
from authdeck.wording import notifying
from fakes.auth_files import codex, take_in
from fakes.laid import lay
from fakes.people import ANN, BOB
from fakes.ports import FakePorts
from fakes.quota_queries import queries_of


@dataclass
class House:
    """``app`` stands behind its gate; ``admin_key`` signs the first operator in; ``indexes`` are by file name."""

    app: ASGIApp
    desk: Desk
    monitoring: Database
    admin_key: str
    indexes: dict[str, str]
    samples: list[str]
    inspecting: Inspecting
    ports: FakePorts

    def index(self, name: str) -> str:
        return self.indexes[name]


@asynccontextmanager
async def build(
    home: Path,
    clock: Clock | None = None,
    port: int = 8417,
    *,
    filled: bool = True,
    storybook: bool = False,
    providers: Mapping[str, Any] | None = None,
) -> AsyncIterator[House]:
    clock = clock or SystemClock()
    upstreams = Providers.model_validate(providers or {})
    settings = Settings(home=home, bind=f"127.0.0.1:{port}", storybook=storybook, providers=upstreams)
    lay(home)
    database = opening.control(f"sqlite:///{home / 'authdeck.db'}", clock)
    monitoring = opening.monitoring(f"sqlite:///{home / 'monitoring.db'}", clock)
    sessions = Sessions(Origins(settings.providers, own_host=settings.host, own_port=settings.port))
    telling = Sessions(Origins(None, own_host=settings.host, own_port=settings.port))
    vault = Vault.create(MasterKey.new()).vault
    desk = Desk(settings, clock, ids.new_id(), database, vault, ChangeFeed(), Directory(), Calls(sessions))
    recorder = Recorder(monitoring, clock)
    recorder.start()
    try:
        desk.feed.subscribe_many(adjust.CHANGE, lambda _names: adjust.take_in(desk))
        pool = Pool(lambda account: PROVIDERS[account.provider].routes(account.kind))
        await Mirror(desk, pool).load()
        await operators.ensure_first(desk)
        first = (await operators.list_operators(desk))[0].name
        made = await admin_keys.create(desk, first, ANN)
        indexes = await _fill(desk, recorder) if filled else {}
        samples: list[str] = []
        gate = Gate(desk, error_page=error_page)
        queries = queries_of(desk)
        batches = Batches(desk, runner := BatchRunner(desk, _does_not_rotate, queries.query_quota))
        logins = Logins(desk, ports := FakePorts())
        await logins.start()
        deliverer = Deliverer(desk, telling.origins, Calls(telling), notifying.told)
        await deliverer.load()
        sample = _sampler(recorder, clock, samples) if filled else None
        inspecting = Inspecting(desk, queries, batches)
        parts = Parts(
            desk=desk, monitoring=monitoring, pool=pool, batches=batches, logins=logins, quota=queries,
            inspecting=inspecting, deliverer=deliverer, resealer=Resealer(desk),
            refresh=_refresh, send=_sender(desk, recorder),
        )  # fmt: skip
        app = console(parts, gate, sample)
        yield House(guard(app, gate), desk, monitoring, made.key.open(), indexes, samples, inspecting, ports)
        await inspecting.runner.close()
        await logins.close()
        await runner.close()
    finally:
        await recorder.close()
        await sessions.close()
        await telling.close()
        monitoring.close()
        database.close()


@contextmanager
def serving(
    home: Path,
    *,
    filled: bool = True,
    storybook: bool = False,
    providers: Mapping[str, Any] | None = None,
    also: Callable[[House], Awaitable[None]] | None = None,
) -> Iterator[tuple[str, House]]:
    """The address and the house, until the block ends. ``also`` fills it further before anybody comes."""
    port = _free_port()
    ready, stop, found = threading.Event(), threading.Event(), list[House]()

    async def live() -> None:
        async with build(home, port=port, filled=filled, storybook=storybook, providers=providers) as house:
            if also is not None:
                await also(house)
            found.append(house)
            server = uvicorn.Server(uvicorn.Config(house.app, "127.0.0.1", port, log_level="warning", lifespan="off"))
            serve = asyncio.get_running_loop().create_task(server.serve())
            while not server.started:  # noqa: ASYNC110 - uvicorn tells it in no other way
                await asyncio.sleep(0.01)
            ready.set()
            await asyncio.to_thread(stop.wait)
            server.should_exit = True
            await serve

    thread = threading.Thread(target=lambda: asyncio.run(live()), daemon=True)
    thread.start()
    if not ready.wait(30):
        raise RuntimeError("the console did not start")
    try:
        yield f"http://127.0.0.1:{port}", found[0]
    finally:
        stop.set()
        thread.join(10)


PEOPLE = ("ann", "bob", "eve.stone", "mia", "sam", "leo", "noa", "tia", "kim", "zoe")


async def _fill(desk: Desk, recorder: Recorder) -> dict[str, str]:
    """Accounts in every state that can be had now, each with its story."""
    files = [
        (f"codex-{name}@example.com-plus.json", codex(f"{name}@example.com", f"acc-fake-{name}", f"user-fake-{name}"))
        for name in PEOPLE
    ]
    files += [
        (
            "claude-bob@example.com.json",
            _document(
                "claude",
                email="bob@example.com",
                access_token="at_FAKE_c",
                refresh_token="rt_FAKE_c",
                expired="2027-06-01T00:00:00Z",
            ),
        ),
        (
            "kimi-leo@example.com.json",
            _document("kimi", access_token="at_FAKE_k", refresh_token="rt_FAKE_k", expired="2027-06-01T00:00:00Z"),
        ),
        (
            "gemini-evaluation.json",
            _document("gemini", api_key="AIzaFAKE0000000000000000000000000000000", note="Evaluation"),
        ),
        ("claude-key.json", _document("claude", api_key="sk-ant-FAKE-key", note="Night builds", priority=20)),
    ]
    report = await take_in(desk, *files)
    indexes = {row.stored_as or row.file_name: str(row.auth_index) for row in report.items if row.auth_index}
    await terms.acknowledge(desk, "codex", ANN)
    await client_keys.create(desk, "ann-laptop", ANN)
    spare = await client_keys.create(desk, "ci-builds", ANN)
    await client_keys.revoke(desk, spare.id, ANN)
    by_person = [indexes[f"codex-{name}@example.com-plus.json"] for name in PEOPLE]
    await disable.disable(desk, by_person[1], BOB, reason="do not use until the audit is over")
    now = desk.now()
    await _hold(desk, by_person[2], Hold(Owner.CREDENTIAL, "refresh_refused", now - timedelta(hours=2)))
    await _hold(
        desk,
        by_person[3],
        Hold(Owner.COOLDOWN, "usage_limit_reached", now - timedelta(minutes=20), now + timedelta(hours=2, minutes=26)),
    )
    await _hold(
        desk,
        by_person[2],
        Hold(Owner.OPERATOR, "disabled", now - timedelta(minutes=4), note="ask Eve first", actor="bob"),
    )
    await _see_windows(
        desk,
        {
            by_person[0]: [_window("five_hour", 17, now, 4), _window("weekly", 24, now, 90)],
            by_person[3]: [_window("five_hour", 100, now, 2.5), _window("weekly", 36, now, 70)],
            by_person[4]: [_window("five_hour", 89, now, 1), _window("weekly", 63, now, 50)],
            by_person[5]: [_window("five_hour", 34, now, 3), _window("weekly", 48, now, 120)],
            by_person[6]: [_window("five_hour", None, now, None), _window("weekly", 59, now, 44)],
            by_person[7]: [_window("weekly", 100, now, 30)],
        },
    )
    await disable.set_lock(desk, by_person[5], ANN, locked=True)
    used = [by_person[0], by_person[4], by_person[5], by_person[7], indexes.get("claude-key.json", by_person[8])]
    for at in range(120):
        await recorder.record(_event(desk, used, at))
    seen = (
        (index, now - timedelta(minutes=7 * at + 1), now - timedelta(minutes=7 * at + 1))
        for at, index in enumerate(used)
    )

    def work(connection: WriteConnection) -> None:
        account_writes.remember_requests(connection, seen)
        for index in used:
            changed(desk, connection, "account", index)

    await desk.write(work)
    await _tell_more(desk, by_person)
    return indexes


async def _tell_more(desk: Desk, by_person: list[str]) -> None:
    """What an account's page has to tell: an edit, a second revision, quota windows, evidence; and one in the trash."""
    ann, mia, now = by_person[0], by_person[3], desk.now()
    await edit_accounts.edit(
        desk, ann, BOB, {"note": "Team pool, Ann", "priority": 20, "prefix": "team-a"}, version=None
    )
    document = (await documents.redacted_document(desk, ann)).content
    edited = json.dumps({**document, "organization_name": "Example team"}).encode()
    await edit_document(desk, ann, edited, BOB, revision=None)
    report = await take_in(desk, ("claude-old.json", _document("claude", api_key="sk-ant-FAKE-old", prefix="night")))
    await trash.delete(desk, str(report.items[0].auth_index), BOB, version=None)
    five, week = timedelta(hours=5), timedelta(days=7)
    windows = (
        QuotaWindow("five_hour", 42.0, now - timedelta(minutes=4), Source.HEADER, seconds=int(five.total_seconds()),
                    resets_at=now + timedelta(hours=3)),
        QuotaWindow("weekly", 59.0, now - timedelta(minutes=4), Source.HEADER, seconds=int(week.total_seconds()),
                    resets_at=now + timedelta(days=2)),
        QuotaWindow("image_generation", None, now - timedelta(hours=9), Source.QUOTA_QUERY, accuracy=Accuracy.UNKNOWN),
    )  # fmt: skip
    refused = Evidence(
        1, Source.RESPONSE, Signal.TRANSIENT, "upstream_overloaded", now - timedelta(hours=2),
        now - timedelta(minutes=50), count=3, detail={"status": 529, "summary": "Overloaded"},
    )  # fmt: skip
    used_up = Evidence(1, Source.RESPONSE, Signal.QUOTA, "usage_limit_reached", now, now, detail={"status": 429})

    said = {
        "x-codex-primary-used-percent": "42", "x-codex-primary-window-minutes": "300", "x-codex-plan-type": "plus",
        "x-codex-active-limit": "codex", "x-codex-credits-has-credits": "True", "x-codex-credits-balance": "25.5",
        "x-codex-promo-message": "Extra capacity is available until Friday",
        "x-oai-request-id": "0f9a1c3e-77aa-4b10-9b5e-0123456789ab", "cf-ray": "8a1b2c3d4e5f6789-FRA",
    }  # fmt: skip
    answers = [
        SeenAnswer(now - timedelta(minutes=4), said, f"{1:032x}"),
        SeenAnswer(now - timedelta(minutes=50), {"retry-after": "30", "x-should-retry": "true"}, None),
    ]

    def work(connection: WriteConnection) -> None:
        key = accounts.by_index(connection, ann).key
        evidence.replace_windows(connection, {key: windows})
        seen_headers.store(connection, {ann: answers}, now)
        evidence.add_snapshots(connection, [(key, window, False) for window in windows[:2]])
        evidence.note(connection, key, refused)
        evidence.note(connection, accounts.by_index(connection, mia).key, used_up)
        for index in (ann, mia):
            changed(desk, connection, "account", index)

    await desk.write(work)


def _document(kind: str, **fields: object) -> bytes:
    return json.dumps({"type": kind, **fields}).encode()


async def _hold(desk: Desk, auth_index: str, hold: Hold) -> None:
    entry = desk.directory.get(auth_index)
    assert entry is not None
    key = entry.account.key

    def work(connection: WriteConnection) -> None:
        holds.place(connection, key, hold)
        changed(desk, connection, "account", auth_index)

    await desk.write(work)


def _window(name: str, used: float | None, now: datetime, hours: float | None) -> QuotaWindow:
    ends = None if hours is None else now + timedelta(hours=hours)
    return QuotaWindow(name, used, now - timedelta(minutes=3), Source.HEADER, resets_at=ends)


async def _see_windows(desk: Desk, windows: dict[str, list[QuotaWindow]]) -> None:
    def work(connection: WriteConnection) -> None:
        for auth_index, seen in windows.items():
            entry = desk.directory.get(auth_index)
            assert entry is not None
            evidence.replace_windows(connection, {entry.account.key: seen})
            changed(desk, connection, "account", auth_index)

    await desk.write(work)


_FAILURES = (
    (429, Failure(FailureKind.QUOTA, "usage_limit_reached", "The usage limit has been reached")),
    (400, Failure(FailureKind.REQUEST, "invalid_request", "messages.0: field required")),
    (502, Failure(FailureKind.NETWORK, "connection_refused")),
    (401, Failure(FailureKind.AUTH, "token_revoked")),
)


def _event(desk: Desk, used: list[str], at: int) -> RequestEvent:
    """The ``at``-th newest: every ninth failed, every seventh took two tries."""
    at_ms = to_micros(desk.now()) // 1000 - at * 97_000
    index = used[at % len(used)]
    entry = desk.directory.get(index)
    assert entry is not None
    event = RequestEvent(
        ids.new_request_id(at_ms), at_ms, "/v1/responses", "gpt-5.6-codex", entry.account.provider.value, index,
        entry.account.file_name, "ann-laptop", None, None, 200, 8_312.0 + 37 * (at % 11), 912.0 + 11 * (at % 7), True,
        Tokens(41_302 + at, 1_204, 36_864, None), attempts=[Attempt(index, 200, None, 8_300.0)],
    )  # fmt: skip
    if at % 9 == 4:
        status, failure = _FAILURES[at % 4]
        return replace(
            event,
            status=status,
            failure=failure,
            latency_ms=312.0,
            ttfb_ms=None,
            tokens=Tokens(),
            attempts=[Attempt(index, status, failure.kind.value, 300.0)],
        )
    if at % 7 == 3:
        return replace(
            event,
            attempts=[Attempt(used[(at + 1) % len(used)], 429, "quota", 912.0), Attempt(index, 200, None, 7_400.0)],
        )
    return event


def _sampler(recorder: Recorder, clock: Clock, samples: list[str]):
    async def sample() -> str:
        at_ms = to_micros(clock.now()) // 1000
        event = RequestEvent(
            ids.new_request_id(at_ms), at_ms, "/v1/responses", "gpt-5.6-codex", status=200, latency_ms=12.0
        )
        await recorder.record(event)
        samples.append(event.id.hex())
        return event.id.hex()

    return sample


def _sender(desk: Desk, recorder: Recorder) -> Send:
    """What goes out is recorded and answered, and goes nowhere: sending is tested with the gateway."""

    async def send(path: str, headers: Mapping[str, str], body: bytes, account: str | None = None) -> str:
        del headers
        at_ms = to_micros(desk.now()) // 1000
        model = json.loads(body).get("model")
        event = RequestEvent(ids.new_request_id(at_ms), at_ms, path, model, auth_index=account, status=200)
        await recorder.record(event)
        return event.id.hex()

    return send


async def _refresh(auth_index: str, actor: Actor) -> Refreshed:
    del actor
    raise DeckError("refresh_refused", status=409, name=auth_index)


async def _does_not_rotate(auth_index: str) -> None:
    del auth_index
    raise DeckError("refresh_not_possible", status=503)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])

"""Cooldown, line by line: a whole server, the simulated providers, and one clock that both go by.

Each test is one line of what cooldown promises: what triggers it, until when, what ends it early, what survives.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from authdeck import server
from authdeck.access import AUTOMATION
from authdeck.entry import Entry
from authdeck.health import Health
from authdeck.hold import Hold, Owner
from authdeck.operations import client_keys, disable, edit_accounts
from authdeck.operations.import_files import Source, import_files
from authdeck.operations.reconcile import Reconciler
from authdeck.operations.release_hold import release_hold
from authdeck.operations.terms import acknowledge
from authdeck.settings import load
from authdeck.simulator import Account, Simulator
from fakes.clock import SetClock
from fakes.people import ANN, BOB
from fakes.quota_queries import queries_of
from fakes.sign_ins import providers

HERE = "http://127.0.0.1:8417"
USED_UP = {"error": {"type": "usage_limit_reached", "message": "The usage limit has been reached"}}


@dataclass
class Deck:
    """A running server, stopped and started on the same home as a test likes."""

    home: Path
    clock: SetClock
    simulator: Simulator
    built: server.Built
    client: httpx2.AsyncClient
    key: str = ""

    async def start(self) -> None:
        settings = load({}, home=self.home, providers=providers(self.simulator))
        self.built = await server.build(settings, self.clock)
        await self.built.start()
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.built.app), base_url=HERE)

    async def stop(self) -> None:
        await self.client.aclose()
        await self.built.stop()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def add(self, *people: Account) -> list[str]:
        report = await import_files(self.built.desk, [Source(*self.simulator.auth_file(one)) for one in people], ANN)
        return [str(row.auth_index) for row in report.items]

    async def ask(self, model: str = "gpt-5.5") -> int:
        """The status that a client gets; what was observed is written down by then."""
        headers = {"authorization": f"Bearer {self.key}"}
        body = {"model": model, "input": "Say hello", "stream": False}
        answer = await self.client.post("/v1/responses", json=body, headers=headers)
        for job in (self.built._observer.flush, self.built._uses.flush):
            await job()
        return answer.status_code

    async def later(self, **delta: float) -> None:
        """Time passes, and the timetable's reconciliation with it."""
        self.clock.move(**delta)
        await Reconciler(self.built.desk).run()

    def entry(self, index: str) -> Entry:
        entry = self.built.desk.directory.get(index)
        assert entry is not None
        return entry

    def cooldowns(self, index: str) -> list[Hold]:
        return [hold for hold in self.entry(index).holds if hold.owner is Owner.COOLDOWN]

    def health(self, index: str) -> Health:
        return self.built.desk.directory.health(self.entry(index), self.clock.now())

    def asked(self, account: Account) -> int:
        return len(self.simulator.seen("/responses", account))


@pytest_asyncio.fixture
async def deck(clock: SetClock, tmp_path: Path) -> AsyncIterator[Deck]:
    with Simulator(clock).running() as simulator:
        made = Deck(tmp_path, clock, simulator, None, None)  # type: ignore[arg-type]
        await made.start()
        for provider in ("codex", "xai"):
            await acknowledge(made.built.desk, provider, ANN)
        made.key = (await client_keys.create(made.built.desk, "ann's laptop", AUTOMATION)).key.open()
        yield made
        await made.stop()


@pytest_asyncio.fixture
async def ann(deck: Deck) -> Account:
    return deck.simulator.account("codex", "ann@example.com")


async def test_it_works(deck: Deck, ann: Account) -> None:
    """On by default; owner cooldown; until the provider's reset; nobody is asked meanwhile; serves at the end."""
    (index,) = await deck.add(ann)
    deck.simulator.use_up(ann, for_=timedelta(hours=2))
    assert await deck.ask() == 429
    (hold,) = deck.cooldowns(index)
    assert (hold.code, hold.until) == ("usage_limit_reached", ann.quota.primary_resets_at)
    assert deck.health(index) is Health.EXHAUSTED
    before = deck.asked(ann)
    assert await deck.ask() == 429
    assert deck.asked(ann) == before
    await deck.later(hours=2, seconds=1)
    assert deck.cooldowns(index) == []
    assert await deck.ask() == 200


@pytest.mark.parametrize(
    ("told", "hours"),
    [
        ({"headers": {"x-codex-primary-used-percent": "100", "x-codex-primary-window-minutes": "300",
                      "x-codex-primary-reset-after-seconds": "7200"}, "body": USED_UP}, 2),
        ({"body": {"error": {**USED_UP["error"], "resets_in_seconds": 10_800}}}, 3),
        ({"body": {"error": {**USED_UP["error"], "resetsAt": "2026-11-23T16:00:00Z"}}}, 4),
        ({"headers": {"retry-after": "30"}, "body": {"error": {**USED_UP["error"], "resets_in_seconds": 3600}}}, 1),
        ({"headers": {"x-codex-primary-used-percent": "100", "x-codex-primary-reset-after-seconds": "7200",
                      "x-codex-rate-limit-reached-type": "primary"}, "body": {}}, 2),
    ],
    ids=["headers", "seconds", "ISO, camel case", "the body before Retry-After", "headers alone"],
)  # fmt: skip
async def test_the_moment_is_read_wherever_it_is_told(
    deck: Deck, ann: Account, told: dict[str, Any], hours: int
) -> None:
    (index,) = await deck.add(ann)
    refuse(deck, told)
    await deck.ask()
    (hold,) = deck.cooldowns(index)
    assert hold.until == deck.clock.now() + timedelta(hours=hours)


@pytest.mark.parametrize(
    "told",
    [
        {"headers": {"retry-after": "7200"}, "body": {"error": {"message": "Too many requests"}}},
        {"body": {"error": {"type": "rate_limit_exceeded", "message": "Slow down"}}},
        {"status": 403, "body": {"error": {"message": "Forbidden"}}},
        {"status": 500, "body": {}},
    ],
    ids=["Retry-After alone", "too fast", "another status", "an outage"],
)
async def test_nothing_else_places_one(deck: Deck, ann: Account, told: dict[str, Any]) -> None:
    (index,) = await deck.add(ann)
    refuse(deck, told)
    await deck.ask()
    assert deck.cooldowns(index) == []


@pytest.mark.parametrize("status", [402, 429])
async def test_free_usage_of_xai_rests_a_rolling_day(deck: Deck, status: int) -> None:
    bob = deck.simulator.account("xai", "bob@example.com")
    (index,) = await deck.add(bob)
    text = "subscription:free-usage-exhausted tokens (actual/limit): 1200/1000"
    refuse(deck, {"status": status, "headers": {"retry-after": "60"}, "body": {"code": text, "error": text}})
    await deck.ask("grok-4.6")
    (hold,) = deck.cooldowns(index)
    assert hold.until == deck.clock.now() + timedelta(hours=24)


async def test_a_moment_too_far_off_is_capped(deck: Deck, ann: Account) -> None:
    (index,) = await deck.add(ann)
    refuse(deck, {"body": {"error": {**USED_UP["error"], "resets_in_seconds": 60 * 86_400}}})
    await deck.ask()
    (hold,) = deck.cooldowns(index)
    assert hold.until == deck.clock.now() + timedelta(days=35)


async def test_a_quota_query_that_contradicts_it_ends_it_early(deck: Deck, ann: Account) -> None:
    (index,) = await deck.add(ann)
    deck.simulator.use_up(ann, for_=timedelta(hours=3))
    await deck.ask()
    deck.clock.move(minutes=5)
    await queries_of(deck.built.desk).query_quota(index)
    assert len(deck.cooldowns(index)) == 1  # still full
    deck.clock.move(seconds=1)
    ann.quota.primary = 5
    await queries_of(deck.built.desk).query_quota(index)
    assert deck.cooldowns(index) == []
    assert await deck.ask() == 200


async def test_half_open_one_request_looks_and_a_served_one_ends_it(deck: Deck, ann: Account) -> None:
    """The provider named two days; somebody lifted the limit. After six hours one request is let through to see."""
    (index,) = await deck.add(ann)
    deck.simulator.use_up(ann, for_=timedelta(hours=48))
    await deck.ask()
    before = deck.asked(ann)
    await deck.later(hours=5)
    assert (await deck.ask(), deck.asked(ann)) == (429, before)
    ann.quota.primary = 0
    await deck.later(hours=1, seconds=1)
    assert await deck.ask() == 200
    await deck.later(seconds=1)
    assert deck.cooldowns(index) == []


async def test_half_open_a_refused_look_waits_as_long_again(deck: Deck, ann: Account) -> None:
    (index,) = await deck.add(ann)
    deck.simulator.use_up(ann, for_=timedelta(hours=48))
    await deck.ask()
    await deck.later(hours=6, seconds=1)
    assert await deck.ask() == 429
    after = deck.asked(ann)
    await deck.later(hours=5)
    assert (await deck.ask(), deck.asked(ann)) == (429, after)
    assert len(deck.cooldowns(index)) == 1


async def test_it_survives_a_restart_and_ends_while_nothing_ran(deck: Deck, ann: Account) -> None:
    (index,) = await deck.add(ann)
    deck.simulator.use_up(ann, for_=timedelta(hours=2))
    await deck.ask()
    until = deck.cooldowns(index)[0].until
    await deck.restart()
    assert [hold.until for hold in deck.cooldowns(index)] == [until]
    before = deck.asked(ann)
    assert (await deck.ask(), deck.asked(ann)) == (429, before)
    await deck.stop()
    deck.clock.move(hours=3)
    await deck.start()
    assert await deck.ask() == 200
    await deck.later(seconds=1)
    assert deck.cooldowns(index) == []


async def test_it_restores_only_what_it_held(deck: Deck, ann: Account) -> None:
    """A person switches the account off meanwhile: the cooldown's end leaves that alone, and so does fresh quota."""
    (index,) = await deck.add(ann)
    deck.simulator.use_up(ann, for_=timedelta(hours=2))
    await deck.ask()
    await disable.disable(deck.built.desk, index, BOB, reason="on leave")
    await deck.later(hours=3)
    await queries_of(deck.built.desk).query_quota(index)
    assert [hold.owner for hold in deck.entry(index).holds] == [Owner.OPERATOR]
    assert await deck.ask() == 503
    await disable.enable(deck.built.desk, index, BOB)
    assert await deck.ask() == 200


async def test_an_account_disabled_before_is_never_enabled_by_it(deck: Deck, ann: Account) -> None:
    (index,) = await deck.add(ann)
    await disable.disable(deck.built.desk, index, BOB, reason="on leave")
    deck.simulator.use_up(ann, for_=timedelta(hours=1))
    await queries_of(deck.built.desk).query_quota(index)
    await deck.later(hours=2)
    assert [hold.owner for hold in deck.entry(index).holds] == [Owner.OPERATOR]


async def test_a_person_ends_it_and_what_was_seen_before_does_not_raise_it_again(deck: Deck, ann: Account) -> None:
    (index,) = await deck.add(ann)
    deck.simulator.use_up(ann, for_=timedelta(hours=2))
    await deck.ask()
    ann.quota.primary = 0
    deck.clock.move(seconds=5)
    await release_hold(deck.built.desk, index, Owner.COOLDOWN, "usage_limit_reached", BOB)
    await deck.later(seconds=5)
    assert deck.cooldowns(index) == []
    assert await deck.ask() == 200


async def test_an_account_that_shall_not_cool_is_asked_all_the_same(deck: Deck, ann: Account) -> None:
    (index,) = await deck.add(ann)
    await edit_accounts.edit(deck.built.desk, index, ANN, {"disable_cooling": True}, version=None)
    deck.simulator.use_up(ann, for_=timedelta(hours=2))
    await deck.ask()
    assert deck.cooldowns(index) == []
    ann.quota.primary = 0
    assert await deck.ask() == 200


async def test_a_locked_account_is_left_alone(deck: Deck, ann: Account) -> None:
    (index,) = await deck.add(ann)
    await disable.set_lock(deck.built.desk, index, ANN, locked=True)
    deck.simulator.use_up(ann, for_=timedelta(hours=2))
    await deck.ask()
    assert deck.cooldowns(index) == []


async def test_the_others_serve_meanwhile(deck: Deck, ann: Account) -> None:
    bob = deck.simulator.account("codex", "bob@example.com")
    await deck.add(ann, bob)
    deck.simulator.use_up(ann, for_=timedelta(hours=2))
    assert [await deck.ask() for _ in range(6)] == [200] * 6
    assert deck.asked(ann) <= 1


def refuse(deck: Deck, told: dict[str, Any]) -> None:
    """The next answer, in the words given."""
    body = httpx2.Request("POST", HERE, json=told["body"]).content
    headers = {"content-type": "application/json", **told.get("headers", {})}
    deck.simulator.fail(path="/responses", status=told.get("status", 429), headers=headers, body=body)

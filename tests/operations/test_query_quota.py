"""Asking providers for limits: what is sent, what is written down, and what never happens by itself."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from authdeck import __version__
from authdeck.account import Provider, RefreshBy
from authdeck.entry import Entry
from authdeck.evidence import Signal, Source
from authdeck.health import Health
from authdeck.hold import Owner
from authdeck.notice import ChannelKind, Kind
from authdeck.operations import channels
from authdeck.operations.observe import Observer
from authdeck.operations.query_many import query_many
from authdeck.operations.query_quota import QuotaQueries
from authdeck.operations.quota_pace import Pace
from authdeck.quota_answer import Credits, Outcome, QuotaAnswer
from authdeck.secret import Secret
from authdeck.storage.database import Database
from authdeck.storage.reading import evidence as reading
from authdeck.storage.reading import notices
from authdeck.storage.reading import quota as answers
from fakes.clock import SetClock
from fakes.people import ANN
from fakes.shops import Shop, new_vault, open_shop, simulated


@dataclass
class Counter:
    """A shop whose provider can be asked."""

    shop: Shop
    queries: QuotaQueries

    @property
    def entry(self) -> Entry:
        return self.entry_of(self.shop.index)

    def entry_of(self, index: str) -> Entry:
        entry = self.shop.desk.directory.get(index)
        assert entry is not None
        return entry

    def health(self) -> Health:
        return self.shop.desk.directory.health(self.entry, self.shop.clock.now())

    async def asked(self, *, refresh: bool = False) -> QuotaAnswer:
        return await self.queries.query_quota(self.shop.index, refresh=refresh)

    async def noted(self) -> list[tuple[str, Mapping[str, Any]]]:
        """What the provider is said to have changed."""
        key = self.entry.account.key
        return [(note.code, note.params) for note in await self.shop.desk.read(lambda c: answers.notes(c, key))]

    async def last(self) -> answers.LastAnswer:
        key = self.entry.account.key
        found = await self.shop.desk.read(lambda connection: answers.last_answer(connection, key))
        assert found is not None
        return found


@pytest_asyncio.fixture
async def counter(database: Database, clock: SetClock, tmp_path: Path) -> AsyncIterator[Counter]:
    with simulated(clock, AUTHDECK_QUOTA__PACE="0", AUTHDECK_REFRESH__PACE="0") as simulator:
        ann = simulator.account("codex", "ann@example.com", plan="pro")
        async with open_shop(simulator, clock, tmp_path, database, new_vault(), ann) as shop:
            shop.index = await shop.take_in()
            yield Counter(shop, QuotaQueries(shop.desk, shop.lender, shop.refresher, Observer(shop.desk)))


async def test_it_works(counter: Counter) -> None:
    answer = await counter.asked()
    assert (answer.outcome, answer.status, answer.plan, answer.signal) == (Outcome.TOLD, 200, "pro", Signal.SUCCESS)
    assert {window.window: window.used_percent for window in answer.windows} == {"five_hour": 12, "weekly": 34}
    assert counter.entry.windows == answer.windows
    assert {window.source for window in answer.windows} == {Source.QUOTA_QUERY}
    assert (await counter.last()).extras.reset_credits is not None
    (seen,) = counter.shop.simulator.seen("/wham/usage")
    assert seen.asked.headers["user-agent"] == f"authdeck/{__version__}"


@pytest.mark.parametrize("provider", ["claude", "antigravity", "kimi", "xai"])
async def test_every_provider_that_tells_is_understood(counter: Counter, provider: str) -> None:
    person = counter.shop.simulator.account(provider, "bob@example.com", plan="pro")
    index = await counter.shop.take_in(person)
    answer = await counter.queries.query_quota(index)
    assert answer.outcome is Outcome.TOLD
    assert answer.windows
    assert all(window.resets_at is not None for window in answer.windows)


async def test_an_api_key_is_not_asked(counter: Counter) -> None:
    index = await counter.shop.take_in(counter.shop.simulator.account("gemini", "key@example.com"))
    answer = await counter.queries.query_quota(index)
    assert (answer.outcome, answer.code) == (Outcome.SKIPPED, "quota_not_offered")


async def test_a_token_that_ran_out_is_not_refreshed_unless_that_is_wanted(counter: Counter) -> None:
    await counter.shop.expired()
    answer = await counter.asked()
    assert (answer.outcome, answer.code) == (Outcome.SKIPPED, "quota_token_expired")
    assert counter.shop.calls() == 0
    assert (await counter.asked(refresh=True)).outcome is Outcome.TOLD
    assert counter.shop.calls() == 1


async def test_a_rejected_token_is_renewed_once_where_that_is_wanted(counter: Counter) -> None:
    counter.shop.simulator.expire(counter.shop.ann)
    assert (await counter.asked()).outcome is Outcome.REFUSED
    assert counter.shop.calls() == 0
    assert (await counter.asked(refresh=True)).outcome is Outcome.TOLD
    assert counter.shop.calls() == 1


async def test_a_token_that_was_just_made_and_is_called_expired_proves_nothing_once(counter: Counter) -> None:
    counter.shop.simulator.fail(path="/wham/usage", status=401, kind="token_expired", times=4)
    answer = await counter.asked(refresh=True)
    assert (answer.outcome, answer.code) == (Outcome.REFUSED, "new_token_expired")
    assert counter.shop.calls() == 1
    assert counter.entry.candidates == ()
    counter.shop.clock.move(minutes=1)
    await counter.asked(refresh=True)
    assert [(row.reason_code, row.action) for row in counter.entry.candidates] == [("new_token_expired", "reauth")]
    assert counter.entry.holds == ()


async def test_a_sign_in_that_another_program_refreshes_is_left_to_it(counter: Counter) -> None:
    bob = counter.shop.simulator.account("codex", "bob@example.com", expires_in=timedelta(seconds=5))
    index = await counter.shop.take_in(bob, refresh_by=RefreshBy.OTHER)
    answer = await counter.queries.query_quota(index, refresh=True)
    assert (answer.outcome, answer.code) == (Outcome.SKIPPED, "refresh_is_elsewhere")


async def test_a_full_window_holds_until_its_reset_and_a_newer_answer_ends_it_early(counter: Counter) -> None:
    quota = counter.shop.ann.quota
    quota.primary, quota.primary_resets_at = 100, counter.shop.clock.now() + timedelta(hours=2)
    await counter.asked()
    (hold,) = counter.entry.holds
    assert (hold.owner, hold.until) == (Owner.COOLDOWN, quota.primary_resets_at)
    assert counter.health() is Health.EXHAUSTED
    counter.shop.clock.move(minutes=5)
    quota.primary = 30
    await counter.asked()
    assert counter.entry.holds == ()


async def test_credits_serve_beyond_a_full_window(counter: Counter) -> None:
    body = (
        b'{"rate_limit":{"allowed":false,"limit_reached":true,"primary_window":{"used_percent":100,'
        b'"limit_window_seconds":18000,"reset_at":1795467600}},"credits":{"has_credits":true,"balance":"5"}}'
    )
    counter.shop.simulator.fail(path="/wham/usage", status=200, body=body)
    assert (await counter.asked()).outcome is Outcome.TOLD
    assert counter.entry.holds == ()


async def test_clear_words_about_the_sign_in_are_evidence(counter: Counter) -> None:
    counter.shop.simulator.fail(path="/wham/usage", status=401, kind="token_revoked")
    answer = await counter.asked(refresh=False)
    assert (answer.outcome, answer.code, answer.signal) == (Outcome.REFUSED, "token_revoked", Signal.CREDENTIAL)
    key = counter.entry.account.key
    page = await counter.shop.desk.read(lambda connection: reading.history(connection, key, 10))
    assert [(row.source, row.code) for row in page.items] == [(Source.QUOTA_QUERY, "token_revoked")]
    assert counter.entry.holds == ()  # a refresh was not tried: it may just have run out


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(403, Outcome.UNKNOWN), (404, Outcome.UNKNOWN), (429, Outcome.FAILED), (500, Outcome.FAILED)],
)
async def test_what_is_about_the_question_says_nothing_of_the_account(
    counter: Counter, status: int, outcome: Outcome
) -> None:
    counter.shop.simulator.fail(path="/wham/usage", status=status, body=b"{}", times=3)
    for _ in range(3):
        answer = await counter.asked()
        assert (answer.outcome, answer.status, answer.signal) == (outcome, status, None)
    assert counter.entry.holds == ()
    assert counter.entry.candidates == ()
    assert (await counter.last()).answer.outcome is outcome


async def test_a_failure_keeps_the_windows_and_what_was_told(counter: Counter) -> None:
    counter.shop.ann.reset_credits.append(counter.shop.clock.now() + timedelta(days=30))
    before = await counter.asked()
    counter.shop.clock.move(minutes=1)
    counter.shop.simulator.fail(path="/wham/usage", cut_after_events=0, times=3)
    answer = await counter.asked()
    assert (answer.outcome, answer.code) == (Outcome.FAILED, "upstream_reset")
    assert answer.windows == before.windows
    last = await counter.last()
    assert last.told_at == before.at
    assert last.extras.reset_credits is not None
    assert last.extras.reset_credits.count == 1


async def test_the_same_figures_are_newer_and_make_no_history(counter: Counter) -> None:
    await counter.asked()
    counter.shop.clock.move(minutes=3)
    await counter.asked()
    assert {window.observed_at for window in counter.entry.windows} == {counter.shop.clock.now()}
    key = counter.entry.account.key
    page = await counter.shop.desk.read(lambda connection: answers.history(connection, key, 10))
    assert page.total == 2


async def test_what_is_low_is_told_of(counter: Counter) -> None:
    """Whoever asked for it learns that less is left, whichever way the figures came."""
    desk = counter.shop.desk
    made = await channels.add_channel(desk, "On call", ChannelKind.WEBHOOK, "https://hooks.example.com/FAKE", ANN)
    wish = channels.RuleWish(name="low", channel=made.channel.id, kinds=(Kind.QUOTA_LOW,), below=20)
    rule = await channels.add_rule(desk, wish, ANN)
    counter.shop.ann.quota.primary = 50
    await counter.asked()
    assert (await desk.read(lambda connection: notices.waiting(connection, rule.id, 9)))[0] == []
    counter.shop.clock.move(minutes=20)
    counter.shop.ann.quota.primary = 90
    await counter.asked()
    (told,), _, _ = await desk.read(lambda connection: notices.waiting(connection, rule.id, 9))
    assert (told.subject, told.detail["left"]) == (counter.shop.index, 10.0)


async def test_a_reset_is_seen_and_what_the_provider_changed_is_noted(counter: Counter) -> None:
    counter.shop.ann.quota.primary = 80
    await counter.asked()
    counter.shop.clock.move(hours=4)
    counter.shop.ann.plan = "plus"
    await counter.asked()
    key = counter.entry.account.key
    page = await counter.shop.desk.read(lambda connection: answers.history(connection, key, 10))
    assert [window.window for window, is_reset in page.items if is_reset] == ["five_hour"]
    assert counter.entry.account.plan == "plus"
    assert ("plan_changed", {"before": "pro", "after": "plus"}) in await counter.noted()


async def test_many_are_asked_once_each_and_a_family_that_ends_is_not_refreshed_further(counter: Counter) -> None:
    simulator = counter.shop.simulator
    people = [
        simulator.account("codex", f"{name}@example.com", expires_in=timedelta(seconds=5)) for name in ("bob", "cy")
    ]
    indexes = [await counter.shop.take_in(person) for person in people]
    simulator.revoke(people[0])
    heard: dict[str, QuotaAnswer] = {}

    async def on_answer(answer: QuotaAnswer) -> None:
        assert answer.auth_index not in heard
        heard[answer.auth_index] = answer

    wanted = [*indexes, counter.shop.index, indexes[0], "0" * 16]
    await query_many(counter.shop.desk, counter.queries, wanted, on_answer, refresh=True)
    assert [heard[index].code for index in indexes] == ["refresh_refused", "quota_token_expired"]
    assert heard[counter.shop.index].outcome is Outcome.TOLD
    assert heard["0" * 16].code == "account_not_found"


async def test_so_many_at_a_time_for_one_provider_and_egress() -> None:
    """Two proxies of one host are two: what is shown of them is the same, their users are not."""
    pace, inside, leave = Pace(4, 0), [], asyncio.Event()
    proxies = [None, *(Secret(f"http://{user}:FAKE@proxy.example:8080") for user in ("ann", "bob"))]

    async def ask(proxy: Secret | None) -> None:
        async with pace.turn(Provider.CODEX, proxy):
            inside.append(proxy)
            await leave.wait()

    async with asyncio.TaskGroup() as group:
        for proxy in proxies:
            for _ in range(9):
                group.create_task(ask(proxy))
        for _ in range(200):
            await asyncio.sleep(0)
        assert [inside.count(proxy) for proxy in proxies] == [4, 4, 4]
        leave.set()
    assert len(inside) == 27


async def test_plan_and_credits_are_kept_though_no_window_was_told(counter: Counter) -> None:
    body = {"plan_type": "Plus", "rate_limit": None, "credits": {"has_credits": True, "balance": "7.5"}}
    counter.shop.simulator.fail(path="/wham/usage", status=200, body=json.dumps(body).encode())
    answer = await counter.asked()
    assert (answer.outcome, answer.code, answer.plan) == (Outcome.UNKNOWN, "quota_not_told", "plus")
    assert counter.entry.account.plan == "plus"
    last = await counter.last()
    assert last.extras.credits == Credits(granted=True, balance=7.5)
    assert last.told_at is not None


async def test_windows_that_come_or_go_are_noted(counter: Counter) -> None:
    def usage(*windows: int) -> bytes:
        limit = {
            place: {"used_percent": 5, "limit_window_seconds": seconds}
            for place, seconds in zip(("primary_window", "secondary_window"), windows, strict=False)
        }
        side = {
            "limit_name": "GPT Side",
            "rate_limit": {"primary_window": {"used_percent": 1, "limit_window_seconds": 0}},
        }
        if windows and windows[0] == 9_000:
            side["rate_limit"]["primary_window"]["limit_window_seconds"] = 18_060  # rounded: not another length
        return json.dumps({"plan_type": "pro", "rate_limit": limit, "additional_rate_limits": [side]}).encode()

    for windows in ((18_000, 604_800), (18_000,), (18_000,), (9_000,)):
        counter.shop.simulator.fail(path="/wham/usage", status=200, body=usage(*windows))
        await counter.asked()
        counter.shop.clock.move(minutes=1)
    noted = [(code, params.get("window"), params.get("scope")) for code, params in await counter.noted()]
    assert ("limit_gone", "weekly", "") in noted
    assert ("limit_added", "150m", "") in noted
    assert not [note for note in noted if note[0] == "limit_length"]

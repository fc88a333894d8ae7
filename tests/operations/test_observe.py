"""What answers say becomes holds, windows, queue rows and incidents; on SQLite and on PostgreSQL, by the clock."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from authdeck.account import Account
from authdeck.action import Cause
from authdeck.candidate import Status
from authdeck.entry import Entry
from authdeck.event import FailureKind, RequestEvent
from authdeck.evidence import Signal, Source
from authdeck.health import Health
from authdeck.hold import Owner
from authdeck.ids import new_request_id
from authdeck.operations import disable
from authdeck.operations.desk import Desk
from authdeck.operations.observe import Failed, Observer
from authdeck.operations.reconcile import SETTLED, Reconciler, rebuild_state
from authdeck.operations.release_hold import release_hold
from authdeck.operations.uses import Uses
from authdeck.providers import PROVIDERS
from authdeck.quota import Window
from authdeck.storage import opening
from authdeck.storage.reading import evidence as reading
from authdeck.storage.reading import quota as quota_reading
from authdeck.storage.writing import evidence as writing
from authdeck.vault.keys import MasterKey
from authdeck.vault.vault import Vault
from authdeck.verdict import unreached
from fakes.auth_files import codex, take_in
from fakes.clock import SetClock
from fakes.desks import CrashError, CrashingDatabase, desk_on
from fakes.laid import laid
from fakes.people import ANN, BOB

LIMIT = {"error": {"type": "usage_limit_reached"}}
REVOKED = {"error": {"code": "token_revoked", "message": "Encountered invalidated oauth token"}}
SEVEN_PM = datetime(2026, 11, 23, 19, tzinfo=UTC)


def figures(primary: float, secondary: float = 30, reset: datetime = SEVEN_PM) -> dict[str, str]:
    return {
        "x-codex-primary-used-percent": f"{primary:g}",
        "x-codex-primary-window-minutes": "300",
        "x-codex-primary-reset-at": str(int(reset.timestamp())),
        "x-codex-secondary-used-percent": f"{secondary:g}",
        "x-codex-secondary-window-minutes": "10080",
        "x-codex-secondary-reset-at": str(int((SEVEN_PM + timedelta(days=4)).timestamp())),
    }


def raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


class Story:
    """A running authdeck without a gateway: the test says what the gateway saw."""

    def __init__(self, desk: Desk, clock: SetClock, home: Path) -> None:
        self.clock = clock
        self.home = home
        self._take(desk)

    def _take(self, desk: Desk) -> None:
        self.desk = desk
        self.observer = Observer(desk)
        self.reconciler = Reconciler(desk)
        self.uses = Uses(desk)

    async def restart(self) -> None:
        self._take(await desk_on(self.desk.database, self.desk.vault, self.clock, self.home))

    async def sign_in(self, who: str = "ann", token: str = "rt_FAKE_1") -> str:
        content = codex(f"{who}@example.com", f"acc-fake-{who}", f"user-fake-{who}", refresh_token=f"{token}_{who}")
        (row,) = (await take_in(self.desk, (f"{who}.json", content))).items
        assert row.auth_index is not None
        return row.auth_index

    def entry(self, auth_index: str) -> Entry:
        found = self.desk.directory.get(auth_index)
        assert found is not None
        return found

    def account(self, auth_index: str) -> Account:
        return self.entry(auth_index).account

    def health(self, auth_index: str) -> Health:
        return self.desk.directory.health(self.entry(auth_index), self.clock.now())

    def holds(self, auth_index: str) -> list[str]:
        return [f"{hold.owner}:{hold.code}" for hold in self.entry(auth_index).holds]

    async def fails(
        self, auth_index: str, status: int, body: Any = "", headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        account, headers = self.account(auth_index), headers or {}
        content = json.dumps(body).encode()
        verdict = PROVIDERS[account.provider].read_failure(status, headers, content, self.clock.now(), "gpt-5")
        known = {
            "generation": account.generation,
            "request_id": new_request_id(0).hex(),
            "model": "gpt-5",
            "verdict": verdict,
        }
        self.observer.failed(Failed(account=account, headers=headers, body=content, **{**known, **more}))
        await self.observer.flush()

    async def answers(self, auth_index: str, headers: dict[str, str] | None = None) -> None:
        account, at = self.account(auth_index), self.clock.now()
        self.observer.answered(account, raw(headers or {}))
        at_ms = int(at.timestamp() * 1000)
        self.uses.saw(RequestEvent(new_request_id(at_ms), at_ms, "/v1/responses", auth_index=auth_index, status=200))
        await self.uses.flush()
        await self.observer.flush()

    async def at(self, hour: int, minute: int = 0) -> None:
        """Time passes; the timetable does its work."""
        then = datetime(2026, 11, 23, hour, minute, tzinfo=UTC)
        self.clock.move(seconds=(then - self.clock.now()).total_seconds())
        await self.reconciler.run()

    async def evidence(self, auth_index: str) -> list[tuple[str, str, int]]:
        key = self.account(auth_index).key
        page = await self.desk.read(lambda connection: reading.history(connection, key, 50))
        return [(row.signal.value, row.code, row.count) for row in page.items]

    async def incidents(self) -> list[tuple[Cause, str]]:
        return sorted(await self.desk.read(reading.open_incidents))

    async def state(self, auth_index: str) -> reading.DerivedState:
        key = self.account(auth_index).key
        return (await self.desk.read(lambda connection: reading.states(connection, [key])))[key]


@pytest_asyncio.fixture
async def story(desk: Desk, clock: SetClock, tmp_path: Path) -> Story:
    return Story(desk, clock, tmp_path)


async def test_it_works(story: Story) -> None:
    """Exhausted at 14:00, back at 19:00."""
    ann = await story.sign_in()
    await story.at(14)
    await story.fails(ann, 429, LIMIT, figures(100))
    (hold,) = story.entry(ann).holds
    assert (hold.owner, hold.code, hold.until) == (Owner.COOLDOWN, "usage_limit_reached", SEVEN_PM)
    assert hold.detail["window"] == "five_hour"
    assert story.health(ann) is Health.EXHAUSTED
    assert await story.evidence(ann) == [("quota", "usage_limit_reached", 1)]
    assert (await story.state(ann)).next_change_at == SEVEN_PM
    reason, _terms = story.desk.directory.reasons(story.entry(ann), story.clock.now())
    assert (reason.owner, reason.until, reason.params["source"]) == ("cooldown", SEVEN_PM, "response")
    assert reason.evidence is not None
    await story.at(18, 59)
    assert story.health(ann) is Health.EXHAUSTED
    await story.at(19)
    assert story.holds(ann) == []
    assert story.health(ann) is Health.UNKNOWN
    assert (await story.state(ann)).health == "unknown"


async def test_a_restart_in_between_loses_nothing(story: Story) -> None:
    ann = await story.sign_in()
    await story.at(14)
    await story.fails(ann, 429, LIMIT, figures(100))
    await story.at(15)
    await story.restart()
    assert story.holds(ann) == ["cooldown:usage_limit_reached"]
    assert story.health(ann) is Health.EXHAUSTED
    await story.at(19)
    assert story.holds(ann) == []


async def test_a_reset_while_nothing_ran_is_caught_up_with(story: Story) -> None:
    ann = await story.sign_in()
    await story.at(14)
    await story.fails(ann, 429, LIMIT, figures(100))
    story.clock.move(hours=8)
    await story.restart()
    assert story.health(ann) is Health.UNKNOWN
    await story.reconciler.run()
    assert story.holds(ann) == []


async def test_a_person_disables_in_between_and_stays_the_only_one_to_enable(story: Story) -> None:
    ann = await story.sign_in()
    await story.at(14)
    await story.fails(ann, 429, LIMIT, figures(100))
    await disable.disable(story.desk, ann, BOB, reason="audit")
    await story.at(19)
    assert story.holds(ann) == ["operator:disabled"]
    assert story.health(ann) is Health.DISABLED


async def test_a_new_sign_in_in_between_starts_anew(story: Story) -> None:
    ann = await story.sign_in()
    await story.at(14)
    await story.fails(ann, 401, REVOKED)
    assert story.health(ann) is Health.NEEDS_REAUTH
    old = story.account(ann).generation
    assert await story.sign_in(token="rt_FAKE_2") == ann
    await story.at(15)
    assert story.holds(ann) == []
    assert story.entry(ann).candidates == ()
    await story.fails(ann, 401, REVOKED, generation=old)
    assert story.holds(ann) == []


async def test_a_clock_that_ran_ahead_does_not_outlive_a_persons_word(story: Story) -> None:
    ann = await story.sign_in()
    await story.at(16)
    await story.fails(ann, 401, REVOKED)
    await story.at(14)
    await release_hold(story.desk, ann, Owner.CREDENTIAL, "token_revoked", ANN)
    await story.at(14, 30)
    assert story.holds(ann) == []
    await story.at(17)
    await story.fails(ann, 401, REVOKED)
    assert story.holds(ann) == ["credential:token_revoked"]


async def test_a_person_releases_a_cooldown_and_old_evidence_stays_down(story: Story) -> None:
    ann = await story.sign_in()
    await story.at(14)
    await story.fails(ann, 429, LIMIT, figures(100))
    await release_hold(story.desk, ann, Owner.COOLDOWN, "usage_limit_reached", BOB)
    await release_hold(story.desk, ann, Owner.COOLDOWN, "usage_limit_reached", BOB)
    await story.at(15)
    assert story.holds(ann) == []
    await story.fails(ann, 429, LIMIT, figures(100))
    assert story.holds(ann) == ["cooldown:usage_limit_reached"]


async def test_fresh_headers_contradict_a_cooldown(story: Story) -> None:
    ann = await story.sign_in()
    await story.at(14)
    await story.fails(ann, 429, LIMIT, figures(100))
    await story.at(15)
    await story.answers(ann, figures(2, reset=SEVEN_PM + timedelta(hours=1)))
    assert story.holds(ann) == []
    assert story.health(ann) is Health.AVAILABLE


async def test_a_success_alone_does_not(story: Story) -> None:
    ann = await story.sign_in()
    await story.at(14)
    await story.fails(ann, 429, LIMIT, figures(100))
    await story.at(15)
    await story.answers(ann)
    assert story.holds(ann) == ["cooldown:usage_limit_reached"]


async def test_equal_observations_are_one_row(story: Story) -> None:
    ann = await story.sign_in()
    for _ in range(3):
        await story.fails(ann, 429, LIMIT, figures(100))
        story.clock.move(minutes=10)
    assert await story.evidence(ann) == [("quota", "usage_limit_reached", 3)]
    assert len(story.entry(ann).holds) == 1


async def test_requests_own_faults_are_not_kept(story: Story) -> None:
    ann = await story.sign_in()
    await story.fails(ann, 400, {"error": {"code": "invalid_request"}})
    await story.fails(ann, 499)
    assert await story.evidence(ann) == []


async def test_a_served_request_ends_a_refusal(story: Story) -> None:
    ann = await story.sign_in()
    await story.fails(ann, 401, REVOKED)
    (row,) = story.entry(ann).candidates
    assert (row.reason_code, row.action, row.status) == ("token_revoked", "reauth", Status.PENDING)
    story.clock.move(minutes=1)
    await story.answers(ann)
    assert story.holds(ann) == []
    assert story.entry(ann).candidates == ()
    assert story.health(ann) is Health.AVAILABLE


async def test_a_token_that_could_still_be_exchanged_is_not_done_for(story: Story) -> None:
    ann = await story.sign_in()
    await story.fails(ann, 401, REVOKED, is_final=False)
    assert story.holds(ann) == []
    assert await story.evidence(ann) == [("credential", "token_revoked", 1)]


async def test_new_tokens_called_expired_are_a_question_after_the_second_and_never_a_hold(story: Story) -> None:
    ann = await story.sign_in()
    expired = {"error": {"code": "token_expired"}}
    for _ in range(2):  # two requests that waited for the same token
        await story.fails(ann, 401, expired, renewed_at=story.clock.now())
    assert story.entry(ann).candidates == ()
    story.clock.move(minutes=1)
    await story.fails(ann, 401, expired, renewed_at=story.clock.now())
    assert [(row.reason_code, row.action) for row in story.entry(ann).candidates] == [("new_token_expired", "reauth")]
    assert story.holds(ann) == []
    story.clock.move(minutes=1)
    await story.answers(ann)
    assert story.entry(ann).candidates == ()


async def test_a_bare_401_is_a_question_after_the_second_and_never_a_hold(story: Story) -> None:
    ann = await story.sign_in()
    await story.fails(ann, 401)
    assert story.entry(ann).candidates == ()
    story.clock.move(minutes=1)
    await story.fails(ann, 401)
    assert [row.reason_code for row in story.entry(ann).candidates] == ["unauthorized"]
    assert story.holds(ann) == []


async def test_windows_are_kept_with_their_history_and_resets(story: Story) -> None:
    ann = await story.sign_in()
    await story.answers(ann, figures(40))
    story.clock.move(minutes=1)
    await story.answers(ann, figures(40.4))
    story.clock.move(minutes=1)
    await story.answers(ann, figures(41.5))
    await story.at(19, 5)
    await story.answers(ann, figures(0, reset=SEVEN_PM + timedelta(hours=5)))
    five_hour, weekly = story.entry(ann).windows
    assert (five_hour.window, five_hour.used_percent, weekly.window) == (Window.FIVE_HOUR, 0, Window.WEEKLY)
    key = story.account(ann).key
    found = await story.desk.read(partial(reading.snapshots, account_key=key))
    assert [(row.used_percent, is_reset) for row, is_reset in found if row.window == Window.FIVE_HOUR] == [
        (40.0, False),
        (41.5, False),
        (0.0, True),
    ]


async def test_a_window_nearly_used_up_is_low(story: Story) -> None:
    ann = await story.sign_in()
    await story.answers(ann, figures(85))
    assert story.health(ann) is Health.LOW
    assert (await story.state(ann)).health == "low"


async def test_automation_holds_a_tenth_of_the_accounts_and_leaves_the_rest_to_people(story: Story) -> None:
    everyone = [await story.sign_in(f"person{number}") for number in range(20)]
    for auth_index in everyone:
        await story.fails(auth_index, 401, REVOKED)
    held = [auth_index for auth_index in everyone if story.holds(auth_index)]
    assert held == everyone[:2]
    assert await story.incidents() == [(Cause.BOUNDS, "codex:token_revoked")]
    assert all(story.entry(auth_index).candidates for auth_index in everyone)


async def test_limits_are_not_bounded(story: Story) -> None:
    everyone = [await story.sign_in(f"person{number}") for number in range(4)]
    for auth_index in everyone:
        await story.fails(auth_index, 429, LIMIT, figures(100))
    assert all(story.holds(auth_index) for auth_index in everyone)
    assert await story.incidents() == []


async def test_an_outage_of_the_provider_is_one_incident_and_no_accounts(story: Story) -> None:
    everyone = [await story.sign_in(name) for name in ("ann", "bob", "mia", "sam")]
    for _ in range(3):
        for auth_index in everyone:
            await story.fails(auth_index, 503)
        story.clock.move(seconds=20)
    assert await story.incidents() == [(Cause.PROVIDER, "codex")]
    assert [story.holds(auth_index) for auth_index in everyone] == [[], [], [], []]
    assert [story.entry(auth_index).candidates for auth_index in everyone] == [(), (), (), ()]
    story.clock.move(minutes=14)
    await story.reconciler.run()
    assert await story.incidents() == [(Cause.PROVIDER, "codex")]
    story.clock.move(minutes=1)
    await story.reconciler.run()
    assert await story.incidents() == []


async def test_one_account_that_keeps_failing_rests(story: Story) -> None:
    ann = await story.sign_in()
    for _ in range(2):
        verdict = unreached(FailureKind.NETWORK, "upstream_unreachable", elsewhere=True, host="api.example.com")
        await story.fails(ann, 0, verdict=verdict)
        story.clock.move(seconds=20)
    assert story.holds(ann) == ["cooldown:upstream_unreachable"]
    assert story.entry(ann).holds[0].detail["host"] == "api.example.com"
    assert story.health(ann) is Health.COOLING


async def test_a_locked_account_is_watched_and_left_alone(story: Story) -> None:
    ann = await story.sign_in()
    await disable.set_lock(story.desk, ann, ANN, locked=True)
    await story.fails(ann, 401, REVOKED)
    assert story.holds(ann) == []
    assert [row.reason_code for row in story.entry(ann).candidates] == ["token_revoked"]
    await disable.set_lock(story.desk, ann, ANN, locked=False)
    await story.reconciler.run()
    assert story.holds(ann) == ["credential:token_revoked"]


async def test_derived_state_is_rebuilt_and_says_what_differed(story: Story) -> None:
    ann, bob = await story.sign_in("ann"), await story.sign_in("bob")
    await story.fails(ann, 429, LIMIT, figures(100))
    await story.reconciler.run()
    assert await rebuild_state(story.desk) == []
    key = story.account(ann).key
    wrong = reading.DerivedState("available", problem=False, risk=0, next_change_at=None)
    await story.desk.write(lambda connection: writing.store_states(connection, {key: wrong}, story.clock.now()))
    (found,) = await rebuild_state(story.desk)
    assert (found.auth_index, found.stored, found.computed) == (ann, "available", "exhausted")
    assert (await story.state(bob)).health == "unknown"


async def test_old_evidence_goes_unless_a_hold_names_it(story: Story) -> None:
    ann, bob = await story.sign_in("ann"), await story.sign_in("bob")
    await story.fails(ann, 401, REVOKED)
    await story.fails(bob, 403, {"error": {"code": "permission_denied"}}, generation=0)
    story.clock.move(days=story.desk.settings.evidence_days + 1)
    await story.reconciler.prune()
    assert await story.evidence(ann) == [("credential", "token_revoked", 1)]
    assert await story.evidence(bob) == []
    assert story.holds(ann) == ["credential:token_revoked"]


async def test_what_may_act_is_written_without_waiting_for_the_timetable(story: Story) -> None:
    ann = await story.sign_in()
    account = story.account(ann)
    body = json.dumps(LIMIT).encode()
    verdict = PROVIDERS[account.provider].read_failure(429, figures(100), body, story.clock.now(), None)
    story.observer.start()
    placed = story.desk.feed
    seen: list[str] = []

    async def note(auth_index: str) -> None:
        seen.append(auth_index)

    placed.subscribe(SETTLED, note)
    story.observer.failed(Failed(account, account.generation, verdict, figures(100), body, "r" * 32))
    await story.observer.close()
    assert story.holds(ann) == ["cooldown:usage_limit_reached"]
    assert ann in seen


async def test_sources_and_signals_survive_the_database(story: Story) -> None:
    ann = await story.sign_in()
    await story.fails(ann, 429, LIMIT, figures(100))
    key = story.account(ann).key
    rows = await story.desk.read(lambda connection: reading.of_sign_in(connection, [key]))
    (row,) = rows[key]
    assert (row.source, row.signal, row.window, row.is_told) == (Source.RESPONSE, Signal.QUOTA, "five_hour", True)
    assert row.until == SEVEN_PM


async def test_what_can_not_be_written_now_waits(clock: SetClock, tmp_path: Path) -> None:
    opening.control(laid(f"sqlite:///{tmp_path / 'authdeck.db'}"), clock).close()
    database = CrashingDatabase(f"sqlite:///{tmp_path / 'authdeck.db'}")
    story = Story(await desk_on(database, Vault.create(MasterKey.new()).vault, clock, tmp_path), clock, tmp_path)
    ann = await story.sign_in()
    database.crash_after(0)
    with pytest.raises(CrashError):
        await story.fails(ann, 429, LIMIT, figures(100))
    database.crash_after(None)
    assert await story.evidence(ann) == []
    await story.observer.flush()
    assert story.holds(ann) == ["cooldown:usage_limit_reached"]
    assert {window.used_percent for window in story.entry(ann).windows} == {100, 30}
    database.close()


async def test_a_plan_that_an_answer_tells_in_passing_is_the_newest_word(story: Story) -> None:
    ann = await story.sign_in()
    for told in ("Pro", "<b>"):
        await story.answers(ann, {**figures(4), "x-codex-plan-type": told})
        assert story.account(ann).plan == "pro"


async def test_what_a_provider_changed_is_noted_though_nobody_asked(story: Story) -> None:
    """Another plan and a window of another length, as headers tell; once each, and for as long as evidence is kept."""
    ann = await story.sign_in()
    await story.at(14)
    await story.answers(ann, {**figures(10), "x-codex-plan-type": "plus"})
    key = story.account(ann).key
    assert await story.desk.read(lambda c: quota_reading.notes(c, key)) == []
    await story.at(15)
    monthly = {**figures(10), "x-codex-secondary-window-minutes": "43200", "x-codex-plan-type": "team"}
    for _ in range(2):
        await story.answers(ann, monthly)
    notes = await story.desk.read(lambda c: quota_reading.notes(c, key))
    assert {note.code: note.params for note in notes} == {
        "plan_changed": {"before": "plus", "after": "team"},
        "limit_added": {"window": "monthly", "scope": ""},
    }
    assert {(note.at, note.source) for note in notes} == {(story.clock.now(), Source.HEADER)}
    story.clock.move(days=31)
    await story.reconciler.prune()
    assert await story.desk.read(lambda c: quota_reading.notes(c, key)) == []

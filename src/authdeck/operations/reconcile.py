"""Bringing accounts' holds, queue rows and derived state to what is known of them. What should be, ``reconcile`` says.

``settle`` does it inside the caller's transaction; ``Reconciler`` takes those that are due, by the timetable.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from authdeck import health, problem
from authdeck.access import AUTOMATION
from authdeck.account import Account
from authdeck.action import Incident
from authdeck.acts import Act
from authdeck.entry import Entry
from authdeck.hold import Hold, Owner
from authdeck.notice import Happening
from authdeck.operations.desk import Desk
from authdeck.operations.notices import changes_of, note, note_incidents
from authdeck.operations.records import changed, record
from authdeck.reconcile import Facts, Plan, Policy, is_ours, reconcile
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.reading import accounts
from authdeck.storage.reading import evidence as reading
from authdeck.storage.reading.evidence import DerivedState
from authdeck.storage.reading.holds import open_holds
from authdeck.storage.writing import accounts as account_writes
from authdeck.storage.writing import evidence as writing
from authdeck.storage.writing import holds, refreshing
from authdeck.storage.writing.quota import prune_notes

AT_ONCE: Final = 50
"""Accounts of one transaction: none may last 50 ms."""

SETTLED: Final = "settled"
"""The kind of change after which an account is as it should be already: what is known of it, not what it is itself.

Neither its settings nor its credential are different, and nobody needs to settle it again.
"""

_LEASE: Final = "job:reconcile"
_LEASE_SECONDS: Final = 30


def settle(desk: Desk, connection: WriteConnection, found: Sequence[Account]) -> list[Plan]:
    """Decide anew and write the differences down, with the derived state. Readers are told of what they show.

    Processes that settle the same account do so one after the other.
    """
    plans, now, happened = [], desk.now(), list[Happening]()
    account_writes.claim(connection, [account.auth_index for account in found])
    stored, computed = reading.states(connection, [account.key for account in found]), {}
    for facts in facts_of(connection, found):
        plan = reconcile(facts, now, policy_of(desk))
        _apply(desk, connection, facts.account, plan)
        key = facts.account.key
        computed[key] = _derived(facts, plan, now)
        happened += changes_of(facts, plan, stored.get(key), computed[key], now)
        plans.append(plan)
    differing = {key: state for key, state in computed.items() if stored.get(key) != state}
    writing.store_states(connection, differing, now)
    note(connection, happened)
    return plans


def facts_of(connection: ReadConnection, found: Sequence[Account]) -> Iterable[Facts]:
    """All that counts, asked for all of them together."""
    keys = [account.key for account in found]
    open_ones, windows = open_holds(connection, keys), reading.windows(connection, keys)
    evidence, queue = reading.of_sign_in(connection, keys), reading.queue_of(connection, keys)
    marks = reading.marks(connection, keys)
    for account in found:
        key = account.key
        yield Facts(
            account,
            open_ones.get(key, ()),
            evidence.get(key, ()),
            windows.get(key, ()),
            marks.get(key, {}),
            queue.get(key, ()),
        )


def policy_of(desk: Desk) -> Policy:
    allowed = desk.settings.automation
    return Policy(cooldown=allowed.cooldown, credential=allowed.credential_holds, disable=allowed.disable)


def _apply(desk: Desk, connection: WriteConnection, account: Account, plan: Plan) -> None:
    now = desk.now()
    for hold in plan.place:
        if holds.place(connection, account.key, hold) and _is_lasting(hold):
            _audit(desk, connection, account, Act.HOLD_PLACED, hold)
    for hold, why in plan.release:
        if holds.release_one(connection, hold.key, by=AUTOMATION.name, at=now) and _is_lasting(hold):
            _audit(desk, connection, account, Act.HOLD_RELEASED, hold, why=why)
    for candidate in (*plan.candidates, *plan.resolve):
        writing.store_candidate(connection, account.key, candidate, by=AUTOMATION.name)
    if not plan.is_empty:
        changed(desk, connection, SETTLED, account.auth_index)


def _is_lasting(hold: Hold) -> bool:
    """Whether it is an act worth an audit entry; cooldowns come and go, and the holds' own rows tell of them."""
    return hold.owner is not Owner.COOLDOWN


def _audit(desk: Desk, connection: WriteConnection, account: Account, act: Act, hold: Hold, **told: str) -> None:
    after = {"owner": hold.owner.value, "code": hold.code, "evidence": hold.evidence, **told}
    record(desk, connection, AUTOMATION, act, account.auth_index, after=after)


def _derived(facts: Facts, plan: Plan, now: datetime) -> DerivedState:
    state = health.of(facts.account, plan.holds, now, facts.windows)
    closed = {each.key for each in plan.resolve}
    live = {each.reason_code: each for each in facts.candidates if each.is_live and each.key not in closed}
    live |= {each.reason_code: each for each in plan.candidates}
    open_rows = tuple(each for each in live.values() if each.is_open)
    entry = Entry(facts.account, plan.holds, facts.windows, open_rows)
    return DerivedState(state.value, problem.is_problem(entry, now), health.RISK[state], plan.next_change_at)


# ---- by the timetable ----


class Reconciler:
    """Takes the accounts whose state time alone may have changed, and those whose facts somebody changed."""

    def __init__(self, desk: Desk) -> None:
        self._desk: Final = desk
        self._touched: dict[str, None] = {}
        desk.feed.subscribe_many("account", self._touch)

    def begin(self) -> None:
        """At start: look again at all that automation holds or asks for; much may have changed meanwhile."""
        entries = self._desk.directory.entries()
        self._touched.update((entry.account.auth_index, None) for entry in entries if _waits_for_proof(entry))

    async def run(self) -> int:
        """Settle what is due, some at a time. How many accounts. One process at a time does it."""
        due, ended = await self._desk.read(self._due)
        asked = [*self._touched, *(auth_index for auth_index in due if auth_index not in self._touched)]
        if not (asked or ended):
            return 0
        fence = await self._desk.write(self._take_turn)
        if fence is None:
            return 0
        self._touched.clear()
        try:
            await self._desk.write(partial(self._close, ended))
            return await settle_all(self._desk, asked)
        finally:
            await self._desk.write(lambda c: refreshing.release_lease(c, _LEASE, self._desk.boot, fence))

    async def prune(self) -> None:
        """Forget evidence, quota history and notes that are old and that nothing names any more."""
        before = self._desk.now() - timedelta(days=self._desk.settings.evidence_days)
        await self._desk.write(lambda connection: writing.prune(connection, before) + prune_notes(connection, before))

    async def _touch(self, indexes: Sequence[str]) -> None:
        self._touched.update(dict.fromkeys(indexes))

    def _due(self, connection: ReadConnection) -> tuple[list[str], list[Incident]]:
        """Accounts, each once, and incidents that nothing was heard of for long enough."""
        now = self._desk.now()
        ended = [incident for incident in reading.open_incidents(connection).values() if incident.is_over(now)]
        return reading.due(connection, now), ended

    def _take_turn(self, connection: WriteConnection) -> int | None:
        return refreshing.take_lease(connection, _LEASE, self._desk.boot, _LEASE_SECONDS)

    def _close(self, ended: Sequence[Incident], connection: WriteConnection) -> None:
        writing.claim_bounds(connection)
        closed = [
            writing.store_incident(connection, replace(incident, closed_at=self._desk.now(), closed_by=AUTOMATION.name))
            for incident in ended
        ]
        note_incidents(connection, closed, self._desk.now())


async def settle_all(desk: Desk, auth_indexes: Sequence[str]) -> int:
    """Settle these accounts, some at a time; those that are gone are passed over. How many there were."""

    def work(some: Sequence[str], connection: WriteConnection) -> int:
        account_writes.claim(connection, some)
        return len(settle(desk, connection, [entry.account for entry in accounts.entries(connection, some).values()]))

    return await _in_slices(auth_indexes, lambda some: desk.write(partial(work, some), patient=True))


async def saw_successes(desk: Desk, seen: Mapping[str, datetime]) -> None:
    """Accounts that were answered, and when: those for which that may change something are settled."""
    await settle_all(desk, [auth_index for auth_index in seen if _waits_for_proof(desk.directory.get(auth_index))])


def _waits_for_proof(entry: Entry | None) -> bool:
    return entry is not None and (bool(entry.candidates) or any(is_ours(hold) for hold in entry.holds))


# ---- by hand ----


@dataclass(frozen=True, slots=True)
class Different:
    """An account whose stored state was not what the facts say. ``None``: there was none."""

    auth_index: str
    stored: str | None
    computed: str


async def rebuild_state(desk: Desk) -> list[Different]:
    """Compute the derived state of every account anew. Those that differed, holds and queue rows brought in order."""
    found: list[Different] = []

    def work(some: Sequence[str], connection: WriteConnection) -> int:
        account_writes.claim(connection, some)
        entries = accounts.entries(connection, some)
        keys = [entry.account.key for entry in entries.values()]
        before = reading.states(connection, keys)
        settle(desk, connection, [entry.account for entry in entries.values()])
        after = reading.states(connection, keys)
        for auth_index, entry in entries.items():
            stored, computed = before.get(entry.account.key), after[entry.account.key]
            if stored != computed:
                found.append(Different(auth_index, stored.health if stored else None, computed.health))
        return len(entries)

    indexes = sorted(entry.account.auth_index for entry in desk.directory.entries())
    await _in_slices(indexes, lambda some: desk.write(partial(work, some), patient=True))
    return found


async def _in_slices(indexes: Sequence[str], work: Callable[[Sequence[str]], Awaitable[int]]) -> int:
    done = 0
    for start in range(0, len(indexes), AT_ONCE):
        done += await work(indexes[start : start + AT_ONCE])
    return done

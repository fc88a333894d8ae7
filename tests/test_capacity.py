"""What the pool has left and who comes back when: the same however accounts changed on the way."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from authdeck.account import Account, AccountSettings, Kind, Provider
from authdeck.capacity import Capacity, Left, back_at
from authdeck.directory import Directory
from authdeck.entry import Entry
from authdeck.evidence import Source
from authdeck.health import Health
from authdeck.hold import Hold, Owner
from authdeck.quota import QuotaWindow, Window

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def entry(
    number: int, *windows: QuotaWindow, holds: tuple[Hold, ...] = (), provider: Provider = Provider.CODEX
) -> Entry:
    account = Account(
        number, f"{number:016x}", provider, Kind.OAUTH, f"{number}.json", AccountSettings(), plan="team",
        last_success_at=NOON - HOUR,
    )  # fmt: skip
    return Entry(account, holds, windows)


def window(used: float | None, hours: float = 3, name: str = Window.FIVE_HOUR, scope: str | None = None) -> QuotaWindow:
    return QuotaWindow(name, used, NOON, Source.HEADER, resets_at=NOON + hours * HOUR, scope=scope)


def cooldown(hours: float | None) -> Hold:
    until = None if hours is None else NOON + hours * HOUR
    return Hold(Owner.COOLDOWN, "usage_limit_reached", NOON, until, detail={"signal": "quota"})


def filled(*entries: Entry) -> Capacity:
    made = Capacity()
    for each in entries:
        made.put(each, NOON)
    return made


def test_it_works() -> None:
    found = filled(
        entry(1, window(20), window(60, 90, Window.WEEKLY)),
        entry(2, window(100, 2)),
        entry(3, window(None)),
        entry(4),
    )
    assert found.left() == {Provider.CODEX: Left(20, 2)}
    (back,) = found.backs(NOON, NOON + 24 * HOUR)
    assert (back.at, back.count, back.state, back.plans, back.window) == (
        NOON + 2 * HOUR, 1, Health.EXHAUSTED, ("team",), "five_hour",
    )  # fmt: skip
    assert found.next_backs(NOON) == {Provider.CODEX: back}


def test_an_account_is_back_when_its_last_limit_has_ended() -> None:
    both = entry(1, window(100, 2), window(100, 50, Window.WEEKLY), holds=(cooldown(3),))
    assert back_at(both, NOON) == NOON + 50 * HOUR
    assert back_at(entry(1, holds=(cooldown(None),)), NOON) is None
    assert filled(both).backs(NOON, NOON + 24 * HOUR) == []


def test_who_comes_back_in_the_same_minute_is_one_row_a_provider() -> None:
    found = filled(
        entry(1, window(100, 2)), entry(2, window(100, 2)), entry(3, window(100, 2), provider=Provider.CLAUDE)
    )
    assert [(back.provider, back.count) for back in found.backs(NOON, NOON + 24 * HOUR)] == [
        (Provider.CLAUDE, 1),
        (Provider.CODEX, 2),
    ]


def test_a_disabled_account_waits_for_nobody_and_adds_nothing() -> None:
    off = Hold(Owner.OPERATOR, "disabled", NOON)
    found = filled(entry(1, window(100, 2), holds=(off,)), entry(2, window(10), holds=(off,)))
    assert (found.left(), found.backs(NOON, NOON + 24 * HOUR)) == ({}, [])


def test_a_windows_figure_ends_with_it() -> None:
    directory = Directory()
    directory.apply(entry(1, window(40, 1)))
    assert directory.capacity(NOON).left() == {Provider.CODEX: Left(60, 1)}
    assert directory.capacity(NOON + 2 * HOUR).left() == {}


def test_states_by_provider() -> None:
    directory = Directory()
    directory.apply(entry(1))
    directory.apply(entry(2, window(100)))
    directory.apply(entry(3, provider=Provider.CLAUDE))
    assert directory.states_by_provider(NOON) == {"claude": {"available": 1}, "codex": {"available": 1, "exhausted": 1}}
    directory.remove(f"{2:016x}")
    assert directory.states_by_provider(NOON)["codex"] == {"available": 1}


CHANGES = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from([None, 0.0, 30.0, 100.0]), st.integers(1, 9), st.booleans()),
    max_size=30,
)


@given(CHANGES)
def test_it_is_the_same_however_accounts_changed(changes: list[tuple[int, float | None, int, bool]]) -> None:
    made, last = Capacity(), {}
    for number, used, hours, goes in changes:
        if goes:
            made.remove(f"{number:016x}")
            last.pop(number, None)
        else:
            last[number] = entry(number, window(used, hours))
            made.put(last[number], NOON)
    entries = list(last.values())
    random.Random(1).shuffle(entries)
    anew = filled(*entries)
    assert made.left() == anew.left()
    assert made.backs(NOON, NOON + 24 * HOUR) == anew.backs(NOON, NOON + 24 * HOUR)
    assert made.next_backs(NOON) == anew.next_backs(NOON)


def test_a_models_window_is_not_the_accounts() -> None:
    assert filled(entry(1, window(100, scope="opus"), replace(window(50), counts=False))).left() == {}

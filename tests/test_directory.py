"""The read model answers as a plain filter over all accounts would."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck.account import Account, AccountSettings, Kind, Provider
from authdeck.directory import Directory, Entry
from authdeck.errors import DeckError
from authdeck.health import Health
from authdeck.hold import Hold, Owner
from authdeck.search import SORTS, AccountSearch

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def entry(number: int, name: str, provider: Provider = Provider.CODEX, **settings: object) -> Entry:
    chosen = AccountSettings(**settings)  # type: ignore[arg-type]
    index = f"{number:016x}"
    return Entry(Account(number, index, provider, Kind.OAUTH, name, chosen, email=f"{name}@example.com"))


@pytest.fixture
def directory() -> Directory:
    made = Directory()
    ann = entry(1, "codex-ann.json", note="Team pool", priority=10)
    bob = entry(2, "claude-bob.json", Provider.CLAUDE, note="夜间任务", prefix="night")
    eve = entry(3, "codex-eve.json")
    held = Hold(Owner.OPERATOR, "disabled", NOON)
    needs = Hold(Owner.CREDENTIAL, "refresh_refused", NOON)
    made.apply(replace(ann, account=replace(ann.account, last_success_at=NOON, aliases=("de23d74f07604254",))))
    made.apply(Entry(bob.account, (needs,)))
    made.apply(Entry(eve.account, (held,)))
    return made


def names(directory: Directory, **search: object) -> list[str]:
    found = directory.find(AccountSearch(**search), NOON)  # type: ignore[arg-type]
    return [item.account.file_name for item in found.items]


def test_it_works(directory: Directory) -> None:
    found = directory.find(AccountSearch(), NOON)
    assert [item.account.file_name for item in found.items] == ["claude-bob.json", "codex-ann.json", "codex-eve.json"]
    assert found.total == 3
    assert found.facets["provider"] == {"codex": 2, "claude": 1}
    assert found.facets["state"] == {"available": 1, "needs_reauth": 1, "disabled": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TEAM", ["codex-ann.json"]),
        ("夜", ["claude-bob.json"]),
        ("de23d74f", ["codex-ann.json"]),
        ("codex*eve", ["codex-eve.json"]),
        ("night", ["claude-bob.json"]),
        ("[", []),
        ("no such", []),
    ],
)
def test_text_is_found_in_every_name(directory: Directory, text: str, expected: list[str]) -> None:
    assert names(directory, text=text) == expected


def test_filters_narrow_and_their_own_facet_stays(directory: Directory) -> None:
    found = directory.find(AccountSearch(provider=Provider.CODEX, state=frozenset({Health.DISABLED})), NOON)
    assert [item.account.file_name for item in found.items] == ["codex-eve.json"]
    assert found.facets["provider"] == {"codex": 1}
    assert found.facets["state"] == {"available": 1, "disabled": 1}


def test_problems_are_what_needs_a_person(directory: Directory) -> None:
    assert names(directory, problem=True) == ["claude-bob.json"]


def test_an_unknown_order_says_which_there_are(directory: Directory) -> None:
    with pytest.raises(DeckError, match="sort_unknown"):
        directory.find(AccountSearch(sort="colour"), NOON)


@pytest.mark.parametrize("cursor", ["-1", "abc", "9" * 10])
def test_a_foreign_cursor_is_refused(directory: Directory, cursor: str) -> None:
    with pytest.raises(DeckError, match="cursor_invalid"):
        directory.find(AccountSearch(cursor=cursor), NOON)


def test_a_removed_account_is_gone_from_text_and_counts(directory: Directory) -> None:
    directory.remove(f"{1:016x}")
    assert names(directory, text="ann") == []
    assert len(directory) == 2


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(Provider), st.integers(-3, 3)), max_size=30),
    st.sampled_from(SORTS),
    st.booleans(),
    st.integers(1, 7),
)
def test_pages_together_are_the_whole_list(
    rows: list[tuple[str, Provider, int]], sort: str, descending: bool, page_size: int
) -> None:
    directory = Directory()
    for number, (name, provider, priority) in enumerate(rows):
        directory.apply(entry(number, f"{name}{number}.json", provider, priority=priority))
    order = f"-{sort}" if descending else sort
    seen: list[str] = []
    cursor: str | None = None
    while True:
        found = directory.find(AccountSearch(sort=order, page_size=page_size, cursor=cursor), NOON + timedelta(0))
        seen += [item.account.auth_index for item in found.items]
        assert found.total == len(rows)
        cursor = found.next
        if cursor is None:
            break
    assert sorted(seen) == sorted(f"{number:016x}" for number in range(len(rows)))


@given(st.data())
def test_it_answers_as_a_plain_filter_does_after_any_changes(data: st.DataObject) -> None:
    directory, plain = Directory(), dict[str, Entry]()
    now = NOON
    for _ in range(data.draw(st.integers(1, 12))):
        number = data.draw(st.integers(0, 9))
        if data.draw(st.booleans()) or number in plain:
            note = data.draw(st.sampled_from(["", "alpha", "beta gamma", "夜"]))
            made = entry(number, f"n{number}.json", data.draw(st.sampled_from(Provider)), note=note)
            until = data.draw(st.sampled_from([None, NOON + timedelta(hours=1), NOON + timedelta(hours=2)]))
            holds = (Hold(Owner.COOLDOWN, "usage_limit_reached", NOON, until),) if data.draw(st.booleans()) else ()
            plain[made.account.auth_index] = Entry(made.account, holds)
            directory.apply(plain[made.account.auth_index])
        else:
            directory.remove(f"{number:016x}")
            plain.pop(f"{number:016x}", None)
        now += timedelta(minutes=data.draw(st.integers(0, 40)))
        text = data.draw(st.sampled_from(["", "a", "BETA*", "夜", "n3", "al*a"]))
        state = data.draw(st.sampled_from([frozenset(), frozenset({Health.COOLING}), frozenset({Health.UNKNOWN})]))
        found = directory.find(AccountSearch(text=text, state=state, page_size=200), now)
        parts = text.casefold().strip("*").split("*")
        expected = {
            index
            for index, kept in plain.items()
            if (not state or directory.health(kept, now) in state) and _holds_in_order(kept, parts)
        }
        assert {item.account.auth_index for item in found.items} == expected
        assert found.total == len(expected)


def _holds_in_order(kept: Entry, parts: list[str]) -> bool:
    account = kept.account
    lines = [account.file_name, account.provider.value, str(account.email), account.settings.note, account.auth_index]
    return any(_in_order(line.casefold(), parts) for line in lines)


def _in_order(line: str, parts: list[str]) -> bool:
    at = 0
    for part in parts:
        found = line.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True

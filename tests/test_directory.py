"""The read model answers as a plain filter over all accounts would."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cmp_to_key

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck import codex_status
from authdeck.account import Account, AccountSettings, Kind, Provider
from authdeck.candidate import Candidate
from authdeck.directory import Directory, Found
from authdeck.entry import Entry
from authdeck.errors import DeckError
from authdeck.evidence import Action, Source
from authdeck.health import RISK, Health
from authdeck.hold import Hold, Owner
from authdeck.quota import QuotaWindow
from authdeck.search import SORTS, AccountSearch, CodexStatus, plan_name

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


def indexes(entries: Iterable[Entry]) -> list[str]:
    return [each.account.auth_index for each in entries]


def test_it_works(directory: Directory) -> None:
    found = directory.find(AccountSearch(), NOON)
    assert [item.account.file_name for item in found.items] == ["claude-bob.json", "codex-ann.json", "codex-eve.json"]
    assert found.total == 3
    assert found.facets["provider"] == {"codex": 2, "claude": 1}
    assert found.facets["state"] == {"available": 1, "needs_reauth": 1, "disabled": 1}
    assert found.facets["only"] == {"problem": 1, "healthy": 1, "disabled": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TEAM", ["codex-ann.json"]),
        ("夜", ["claude-bob.json"]),
        ("de23d74f", ["codex-ann.json"]),
        ("codex*eve", ["codex-eve.json"]),
        ("night", ["claude-bob.json"]),
        ("refresh_refused", ["claude-bob.json"]),
        ("Needs reauth", ["claude-bob.json"]),
        ("v", ["codex-ann.json", "codex-eve.json"]),
        ("[", []),
        ("no such", []),
    ],
)
def test_text_is_found_in_every_name_and_in_the_state(directory: Directory, text: str, expected: list[str]) -> None:
    assert names(directory, text=text, sort="name") == expected


def test_many_stars_cost_no_more_than_a_few(directory: Directory) -> None:
    directory.apply(entry(4, "long.json", note="a" * 2000))
    assert names(directory, text="a*" * 90 + "b") == []


def test_filters_narrow_and_their_own_facet_stays(directory: Directory) -> None:
    found = directory.find(AccountSearch(provider=Provider.CODEX, state=frozenset({Health.DISABLED})), NOON)
    assert [item.account.file_name for item in found.items] == ["codex-eve.json"]
    assert found.facets["provider"] == {"codex": 1}
    assert found.facets["state"] == {"available": 1, "disabled": 1}


def test_problem_healthy_and_disabled_only(directory: Directory) -> None:
    assert names(directory, problem=True) == ["claude-bob.json"]
    assert names(directory, healthy=True) == ["codex-ann.json"]
    assert names(directory, disabled=True) == ["codex-eve.json"]
    assert names(directory, healthy=True, disabled=True) == []


def test_a_disabled_account_is_a_problem_where_enabling_it_would_not_be_enough(directory: Directory) -> None:
    index = f"{3:016x}"
    eve = directory.get(index)
    assert eve is not None
    directory.apply(Entry(eve.account, (*eve.holds, Hold(Owner.COOLDOWN, "usage_limit_reached", NOON))))
    assert names(directory, problem=True, disabled=True) == []
    directory.apply(Entry(eve.account, (*eve.holds, Hold(Owner.CREDENTIAL, "refresh_refused", NOON))))
    assert names(directory, problem=True, disabled=True) == ["codex-eve.json"]


def test_unknown_is_never_healthy() -> None:
    directory = Directory()
    directory.apply(entry(1, "new.json"))
    assert names(directory, healthy=True) == names(directory, problem=True) == names(directory, disabled=True) == []


def test_a_codex_account_that_waits_for_its_window(directory: Directory) -> None:
    until = NOON + timedelta(hours=2)
    held = Hold(Owner.COOLDOWN, "usage_limit_reached", NOON, until, detail={"signal": "quota"})
    full = QuotaWindow("five_hour", 100.0, NOON, Source.HEADER, resets_at=until)
    off = Hold(Owner.OPERATOR, "disabled", NOON)
    directory.apply(Entry(entry(4, "full.json").account, (held, off), (full,)))
    directory.apply(Entry(entry(5, "else.json", Provider.KIMI).account, (held, off), (full,)))
    for status in CodexStatus:
        waits = status not in {CodexStatus.REAUTH, CodexStatus.WEEKLY_LIMITED, CodexStatus.MONTHLY_LIMITED}
        assert names(directory, codex_status=status) == (["full.json"] if waits else [])
    assert directory.find(AccountSearch(codex_status=CodexStatus.QUOTA_LIMITED), until).total == 0


def test_names_are_sorted_as_people_sort_them() -> None:
    directory = Directory()
    for number, name in enumerate(["b.json", "a10.json", "A2.json", "a1.json"]):
        directory.apply(entry(number, name))
    assert names(directory, sort="name") == ["a1.json", "A2.json", "a10.json", "b.json"]
    assert names(directory, sort="-name") == ["b.json", "a10.json", "A2.json", "a1.json"]


def test_what_is_missing_comes_last_in_both_directions() -> None:
    directory = Directory()
    for number, note in enumerate(["", "beta", "alpha", ""]):
        directory.apply(entry(number, f"{number}.json", note=note))
    assert names(directory, sort="note") == ["2.json", "1.json", "0.json", "3.json"]
    assert names(directory, sort="-note") == ["1.json", "2.json", "0.json", "3.json"]


def test_a_facet_of_many_values_lists_the_frequent_ones() -> None:
    directory = Directory()
    for number in range(300):
        directory.apply(entry(number, f"{number}.json", project_id="big" if number < 70 else f"p{number}"))
    assert directory.find(AccountSearch(), NOON).facets["project"] == {"big": 70}
    assert names(directory, project="p299") == ["299.json"]


CURSORS = ["-1", "abc", "9" * 10, "W10", "é", "WyJyaXNrIiwwLGZhbHNlLDAsIngiLCJ5IiwieiJd", "W1tbW1tbW1tb" * 200]


@pytest.mark.parametrize("cursor", CURSORS)
def test_a_foreign_cursor_is_refused(directory: Directory, cursor: str) -> None:
    with pytest.raises(DeckError, match="cursor_invalid"):
        directory.find(AccountSearch(cursor=cursor), NOON)


def test_a_cursor_of_another_order_is_refused(directory: Directory) -> None:
    cursor = directory.find(AccountSearch(sort="name", page_size=1), NOON).next
    with pytest.raises(DeckError, match="cursor_invalid"):
        directory.find(AccountSearch(sort="-name", cursor=cursor), NOON)


def test_a_removed_account_is_gone_from_text_and_counts(directory: Directory) -> None:
    directory.remove(f"{1:016x}")
    assert names(directory, text="ann") == []
    assert len(directory) == 2


@pytest.mark.parametrize("sort", ["risk", "-risk"])
@pytest.mark.parametrize("wanted", [{"disabled": True}, {"text": "odd"}, {"state": frozenset({Health.UNKNOWN})}, {}])
def test_by_risk_it_begins_where_the_first_of_many_stands(sort: str, wanted: dict[str, object]) -> None:
    directory, ends = Directory(), NOON + timedelta(hours=1)
    holds = [(), (Hold(Owner.OPERATOR, "disabled", NOON),), (Hold(Owner.COOLDOWN, "slow", NOON, ends),)]
    for number in range(2400):
        made = entry(number, f"{('even', 'odd')[number % 2]}-{number}.json")
        directory.apply(Entry(made.account, holds[number % 3]))
    search = AccountSearch(sort=sort, page_size=200, **wanted)  # type: ignore[arg-type]
    expected = _sorted([each for each in directory.entries() if _fits(each, search, NOON)], sort, NOON)
    _, seen = _walked(directory, search, NOON)
    assert directory.matching(search, NOON) == seen == indexes(expected)
    second = directory.find(replace(search, cursor=directory.find(search, NOON).next), NOON)
    assert indexes(directory.find(replace(search, cursor=second.previous), NOON).items) == seen[:200]


def test_a_count_takes_one_step_and_is_whole_when_all_are_taken_in(directory: Directory) -> None:
    assert directory.count(AccountSearch(disabled=True), NOON) == 1
    for number in range(10, 500):
        directory.apply(entry(number, f"codex-{number}.json"))
    assert 0 < directory.count(AccountSearch(), NOON) < len(directory)
    while not directory.settle_some(NOON):
        assert directory.count(AccountSearch(), NOON) <= len(directory)
    assert directory.count(AccountSearch(), NOON) == len(directory) == 493


def test_the_steps_leave_nothing_to_do_and_bear_changes_in_between() -> None:
    directory, search = Directory(), AccountSearch(text="/a", sort="name")
    for number in range(6000):
        directory.apply(entry(number, f"x/a{number}.json"))
    for step, _ in enumerate(directory.steps(search, NOON)):
        directory.apply(entry(step * 7 % 6000, f"x/{'ab'[step % 2]}-{step}.json"))
        if step % 3 == 0:
            directory.remove(f"{step * 11 % 6000:016x}")
        if step > 400:
            break
    kept = sorted(directory.entries(), key=lambda each: _natural(each.account.file_name))
    expected = [each for each in kept if "/a" in _text(each, NOON)]
    assert directory.matching(search, NOON) == indexes(expected)


# ---- against brute force ----


def _moments() -> st.SearchStrategy[datetime | None]:
    return st.none() | st.integers(-3, 30).map(lambda hours: NOON - timedelta(hours=hours))


@st.composite
def _holds(draw: st.DrawFn) -> tuple[Hold, ...]:
    owner = draw(st.sampled_from(Owner))
    codes = {
        Owner.CREDENTIAL: ["refresh_refused", "validation_required"],
        Owner.COOLDOWN: ["usage_limit_reached", "slow"],
    }
    code = draw(st.sampled_from(codes.get(owner, ["held"])))
    until = draw(st.sampled_from([None, NOON + timedelta(hours=1), NOON + timedelta(hours=2)]))
    scope = draw(st.sampled_from([None, None, "gpt-5"]))
    detail = draw(st.sampled_from([{}, {"signal": "quota"}]))
    return (Hold(owner, code, NOON, until, scope, detail=detail),)


_windows = st.builds(
    QuotaWindow,
    window=st.sampled_from(["five_hour", "weekly", "spark"]),
    used_percent=st.sampled_from([None, 10.0, 90.0, 100.0]),
    observed_at=st.just(NOON),
    source=st.just(Source.HEADER),
    scope=st.sampled_from([None, None, "gpt-5"]),
    resets_at=st.sampled_from([None, NOON + timedelta(hours=1), NOON + timedelta(hours=3)]),
)
_candidates = st.builds(
    Candidate, st.just("refused"), st.sampled_from(Action), st.just(NOON), st.just(NOON), st.just(1)
)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    number = draw(st.integers(0, 30))
    settings = AccountSettings(
        note=draw(st.sampled_from(["", "", "alpha", "Beta\ngamma", "夜", "*"])),
        priority=draw(st.integers(-1, 1)),
        prefix=draw(st.sampled_from([None, "n1", "N2"])),
        project_id=draw(st.sampled_from([None, "p1", "p2"])),
    )
    account = Account(
        number,
        f"{number:016x}",
        draw(st.sampled_from([Provider.CODEX, Provider.CODEX, Provider.KIMI])),
        draw(st.sampled_from(Kind)),
        f"{draw(st.sampled_from(['a', 'A', 'b']))}{draw(st.integers(0, 12))}.json",
        settings,
        plan=draw(st.sampled_from([None, "Plus", "pro", "enterprise", "free", "team", "prolite"])),
        aliases=draw(st.sampled_from([(), ("old-name",)])),
        locked=draw(st.booleans()),
        unreadable=draw(st.sampled_from([None, None, None, "key_missing"])),
        last_request_at=draw(_moments()),
        last_success_at=draw(_moments()),
        created_at=draw(_moments()),
    )
    return Entry(
        account,
        tuple(hold for some in draw(st.lists(_holds(), max_size=2)) for hold in some),
        tuple(draw(st.lists(_windows, max_size=2))),
        tuple(draw(st.lists(_candidates, max_size=1))) if draw(st.booleans()) else (),
    )


@st.composite
def searches(draw: st.DrawFn) -> AccountSearch:
    """Mostly one or two filters: with all of them nothing is ever found."""
    filters: Mapping[str, st.SearchStrategy[object]] = {
        "text": st.sampled_from(["a", "B*G", "夜", "1*json", "cooling", "old-n", "*", "needs reauth"]),
        "provider": st.sampled_from([Provider.CODEX, Provider.XAI]),
        "kind": st.sampled_from(Kind),
        "state": st.frozensets(st.sampled_from(Health), min_size=1),
        "problem": st.just(True),
        "healthy": st.just(True),
        "disabled": st.just(True),
        "codex_status": st.sampled_from(CodexStatus),
        "plan": st.sampled_from(["plus", "unknown", "enterprise"]),
        "prefix": st.sampled_from(["n1", "n9"]),
        "project": st.sampled_from(["p1", "p9"]),
        "locked": st.booleans(),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(filters)), max_size=2))
    sort = draw(st.sampled_from([*SORTS, *(f"-{each}" for each in SORTS)]))
    asked = AccountSearch(sort=sort, page_size=draw(st.integers(1, 7)))
    return replace(asked, **{name: draw(filters[name]) for name in chosen})  # type: ignore[arg-type]


@given(st.lists(entries(), max_size=25), st.lists(searches(), min_size=1, max_size=3), st.integers(0, 180))
def test_it_answers_as_a_plain_filter_does(given_: list[Entry], asked: list[AccountSearch], minutes: int) -> None:
    directory, plain, now = Directory(), dict[str, Entry](), NOON
    for number, made in enumerate(given_):
        if number % 5 == 4 and made.account.auth_index in plain:
            directory.remove(made.account.auth_index)
            del plain[made.account.auth_index]
        else:
            directory.apply(made)
            plain[made.account.auth_index] = made
        if number % 3 == 0:
            directory.find(asked[0], now)  # so that what follows is taken in change by change
    for search in asked:
        expected = _sorted([each for each in plain.values() if _fits(each, search, now)], search.sort, now)
        found, seen = _walked(directory, search, now)
        assert directory.matching(search, now) == seen == indexes(expected)
        assert found.total == len(expected)
        assert found.facets == {name: _counted(name, plain.values(), search, now) for name in found.facets}
        now += timedelta(minutes=minutes)


@given(st.lists(entries(), max_size=20), searches(), st.data())
def test_pages_show_every_row_once_while_others_change(
    given_: list[Entry], search: AccountSearch, data: st.DataObject
) -> None:
    directory, changed, seen = Directory(), set[str](), list[str]()
    for made in given_:
        directory.apply(made)
    before = set(directory.matching(search, NOON))
    cursor: str | None = None
    while True:
        found = directory.find(replace(search, cursor=cursor), NOON)
        seen += indexes(found.items)
        cursor = found.next
        if cursor is None:
            break
        other = data.draw(entries())
        changed.add(other.account.auth_index)
        if data.draw(st.booleans()):
            directory.apply(other)
        else:
            directory.remove(other.account.auth_index)
    assert {index: count for index, count in Counter(seen).items() if index not in changed} == dict.fromkeys(
        before - changed, 1
    )


@given(st.lists(entries(), max_size=20), searches())
def test_the_way_back_shows_the_same_pages(given_: list[Entry], search: AccountSearch) -> None:
    directory = Directory()
    for made in given_:
        directory.apply(made)
    pages, found = [directory.find(search, NOON)], directory.find(search, NOON)
    while found.next:
        found = directory.find(replace(search, cursor=found.next), NOON)
        pages.append(found)
    assert [page.start for page in pages] == [number * search.page_size for number in range(len(pages))]
    for page in reversed(pages[:-1]):
        found = directory.find(replace(search, cursor=found.previous), NOON)
        assert (indexes(found.items), found.start) == (indexes(page.items), page.start)
    assert found.previous is None


def _walked(directory: Directory, search: AccountSearch, now: datetime) -> tuple[Found, list[str]]:
    first = found = directory.find(search, now)
    seen = indexes(found.items)
    while found.next:
        found = directory.find(replace(search, cursor=found.next), now)
        seen += indexes(found.items)
    return first, seen


def _state(each: Entry, now: datetime) -> Health:
    return Directory().health(each, now)


def _of_facet(name: str, each: Entry, now: datetime) -> set[str]:
    account = each.account
    plain: dict[str, Callable[[], Iterable[object]]] = {
        "provider": lambda: [account.provider.value],
        "kind": lambda: [account.kind.value],
        "state": lambda: [_state(each, now).value],
        "only": lambda: [
            *(["problem"] if _is_problem(each, now) else []),
            *(["healthy"] if _state(each, now) in {"available", "low"} and not _is_problem(each, now) else []),
            *(["disabled"] if _holders(each, now) & {"operator", "inspection"} else []),
        ],
        "codex_status": lambda: codex_status.of(each, now),
        "plan": lambda: [plan_name(account.plan)],
        "prefix": lambda: [account.settings.prefix],
        "project": lambda: [account.settings.project_id],
        "locked": lambda: [str(account.locked).lower()],
    }
    return {str(value) for value in plain[name]() if value is not None}


def _holders(each: Entry, now: datetime, *, whole: bool = True) -> set[str]:
    """Who holds it, of all the account or at least of a model."""
    current = [hold for hold in each.holds if hold.until is None or hold.until > now]
    return {hold.owner.value for hold in current if hold.scope is None or not whole}


def _is_problem(each: Entry, now: datetime) -> bool:
    """By the sentence as people read it."""
    needs_a_person = each.account.unreadable is not None or len(each.candidates) > 0
    if needs_a_person or "credential" in _holders(each, now, whole=False):
        return True
    holders = _holders(each, now)
    full = [
        window
        for window in each.windows
        if window.scope is None and window.used_percent == 100 and (window.resets_at is None or window.resets_at > now)
    ]
    is_wanted = not holders & {"operator", "inspection"}
    return is_wanted and bool(full or holders & {"cooldown", "incident"})


def _wanted(name: str, search: AccountSearch) -> set[str]:
    if name == "only":
        return {flag for flag in ("problem", "healthy", "disabled") if getattr(search, flag)}
    value = getattr(search, name)
    if value is None or value == frozenset():
        return set()
    values = value if isinstance(value, frozenset) else [value]
    return {str(each).lower() if isinstance(each, bool) else str(each) for each in values}


_FACETS = ("provider", "kind", "state", "only", "codex_status", "plan", "prefix", "project", "locked")


def _fits(each: Entry, search: AccountSearch, now: datetime, without: str = "") -> bool:
    for name in _FACETS:
        wanted = _wanted(name, search)
        if name == without or not wanted:
            continue
        has = _of_facet(name, each, now)
        if not (wanted <= has if name == "only" else wanted & has):
            return False
    pattern = ".*".join(map(re.escape, search.text.casefold().split("*")))
    return re.search(pattern, _text(each, now)) is not None


def _counted(name: str, among: Iterable[Entry], search: AccountSearch, now: datetime) -> dict[str, int]:
    counts = Counter[str]()
    for each in among:
        if _fits(each, search, now, without=name):
            has = _of_facet(name, each, now)
            wanted = _wanted(name, search) - {"healthy"} if name == "only" else set()
            counts.update(value for value in has if value == "healthy" or wanted <= has)
    return dict(counts)


def _text(each: Entry, now: datetime) -> str:
    account = each.account
    words = [_state(each, now).value, *(hold.code for hold in each.holds if hold.applies(now))]
    lines = [
        account.file_name, account.provider.value, account.email, account.settings.note.replace("\n", " "),
        account.auth_index, *account.aliases, account.plan, account.settings.prefix, account.settings.project_id,
        *words, *(word.replace("_", " ") for word in words),
    ]  # fmt: skip
    return "\n".join(line for line in lines if line).casefold()


def _natural(name: str) -> list[tuple[str, int]]:
    """Character by character, but a number as a whole, in the place of its digits."""
    return [("0", int(part)) if part.isdigit() else (part, 0) for part in re.findall(r"\d+|\D", name.casefold())]


def _sorted(some: list[Entry], sort: str, now: datetime) -> list[Entry]:
    """By the rules as they are told to people, with comparisons instead of keys."""
    ranks = {"free": 10, "plus": 20, "team": 30, "prolite": 40, "pro": 50}

    def plan(each: Entry) -> object:
        name = plan_name(each.account.plan)
        return (ranks.get(name, 0), name) if each.account.plan else None

    by: dict[str, Callable[[Entry], object]] = {
        "risk": lambda each: RISK[_state(each, now)],
        "name": lambda _: 0,
        "note": lambda each: each.account.settings.note.casefold() or None,
        "plan": plan,
        "priority": lambda each: each.account.settings.priority,
        "recent": lambda each: each.account.last_request_at,
        "created": lambda each: each.account.created_at,
        "reset": lambda each: codex_status.next_reset(each, now),
    }
    value, named = by[sort.removeprefix("-")], sort.removeprefix("-") not in {"recent", "created", "reset"}

    def compared(one: Entry, other: Entry) -> int:
        ours = (value(one), _natural(one.account.file_name) if named else 0, one.account.auth_index)
        theirs = (value(other), _natural(other.account.file_name) if named else 0, other.account.auth_index)
        return (ours > theirs) - (ours < theirs)  # type: ignore[operator]

    present = sorted((each for each in some if value(each) is not None), key=cmp_to_key(compared))
    lacking = sorted(
        (each for each in some if value(each) is None),
        key=lambda each: (_natural(each.account.file_name), each.account.auth_index),
    )
    return (present[::-1] if sort.startswith("-") else present) + lacking

"""What is explained is what the pool does: an account without a reason is picked, and one with a reason is not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from authdeck import explanation, problem
from authdeck.account import Account, AccountSettings, Kind, ModelAlias, Provider, RefreshBy
from authdeck.candidate import Candidate
from authdeck.directory import Directory
from authdeck.entry import Entry
from authdeck.evidence import Action, Source
from authdeck.explanation import Explained
from authdeck.health import Health
from authdeck.hold import Hold, Owner
from authdeck.pool import Pool
from authdeck.providers import PROVIDERS
from authdeck.quota import QuotaWindow
from authdeck.routing import DEFAULT, Ask, Policy, Route, Strategy

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ACKNOWLEDGED = frozenset({Provider.CODEX})


def account(number: int, provider: Provider = Provider.CODEX, kind: Kind = Kind.OAUTH, **settings: object) -> Account:
    chosen = AccountSettings(**settings)  # type: ignore[arg-type]
    return Account(number, f"{number:016x}", provider, kind, f"{number}.json", chosen, created_at=NOON)


def explained(
    pool: Pool, ask: Ask, entries: list[Entry], now: datetime = NOON, policy: Policy = DEFAULT
) -> list[Explained]:
    known = directory_of(entries, policy)
    return explanation.explain(pool, ask, now, [(entry, known.reasons(entry, now)) for entry in entries])


def directory_of(entries: list[Entry], policy: Policy = DEFAULT) -> Directory:
    """The list as it stands beside a pool of that policy."""
    directory = Directory(by_weight=policy.strategy is Strategy.WEIGHTED)
    directory.acknowledge(ACKNOWLEDGED)
    for entry in entries:
        directory.apply(entry)
    return directory


def pool_of(entries: list[Entry], policy: Policy = DEFAULT) -> Pool:
    pool = Pool(lambda each: PROVIDERS[each.provider].routes(each.kind), policy=policy)
    pool.acknowledge(ACKNOWLEDGED)
    for entry in entries:
        pool.apply(entry)
    return pool


def codes(each: Explained) -> list[tuple[str, str]]:
    return [(reason.owner, reason.code) for reason in each.reasons]


def test_it_works() -> None:
    ready = Entry(account(1, priority=5))
    spare = Entry(account(2))
    held = Entry(account(3), (Hold(Owner.OPERATOR, "disabled", NOON), Hold(Owner.CREDENTIAL, "refresh_refused", NOON)))
    other = Entry(account(4, Provider.CLAUDE))
    entries = [ready, spare, held, other]
    first, second, third, fourth = explained(pool_of(entries), Ask(Route.RESPONSES, "gpt-5"), entries)
    assert (first.used, first.tier, first.turn) == (True, 1, 1)
    assert (second.used, second.tier, second.turn) == (True, 2, 1)
    assert (third.used, third.tier, third.turn) == (False, 2, None)
    assert codes(third) == [("operator", "disabled"), ("credential", "refresh_refused")]
    assert codes(fourth) == [("route", "route_not_served"), ("terms", "terms_not_acknowledged")]


def test_a_prefix_a_model_and_a_client_key_keep_accounts_away() -> None:
    entries = [
        Entry(account(1, prefix="night")),
        Entry(account(2, excluded_models=("gpt-5*",))),
        Entry(account(3, Provider.XAI, Kind.API_KEY)),
    ]
    pool = pool_of(entries, Policy(prefix_only=frozenset({"night"})))
    ask = Ask(Route.RESPONSES, "gpt-5", providers=frozenset({"codex"}))
    night, excluded, other = explained(pool, ask, entries)
    assert codes(night) == [("prefix", "prefix_needed")]
    assert codes(excluded) == [("model", "model_excluded_account")]
    assert ("route", "client_key_excludes_provider") in codes(other)
    assert codes(explained(pool, replace(ask, prefix="day"), entries)[0]) == [("prefix", "prefix_differs")]


def test_a_model_that_others_are_known_to_offer() -> None:
    knows = Entry(account(1, model_aliases=(ModelAlias("gpt-5", "mine"),)))
    may = Entry(account(2, Provider.XAI, Kind.API_KEY))
    found = explained(pool_of([knows, may]), Ask(Route.RESPONSES, "mine"), [knows, may])
    assert found[0].used
    assert codes(found[1]) == [("model", "model_known_elsewhere")]


def test_a_pause_of_this_process_and_a_token_of_anothers() -> None:
    entry = Entry(account(1))
    pool = pool_of([entry])
    pool.block(entry.account.auth_index, None, NOON.timestamp() + 20, "rate_limited", NOON.timestamp())
    (found,) = explained(pool, Ask(Route.RESPONSES), [entry])
    assert [(each.code, each.until) for each in found.reasons] == [("rate_limited", NOON + timedelta(seconds=20))]
    stale = Entry(replace(account(2), expires_at=NOON, refresh_by=RefreshBy.OTHER))
    (found,) = explained(pool_of([stale]), Ask(Route.RESPONSES), [stale])
    assert codes(found) == [("token", "token_expired")]


def test_whose_weight_is_nothing() -> None:
    entry = Entry(account(1, weight=0))
    policy = Policy(Strategy.WEIGHTED)
    (found,) = explained(pool_of([entry], policy), Ask(Route.RESPONSES), [entry], policy=policy)
    assert codes(found) == [("route", "weight_zero")]


def test_a_limit_that_is_only_shown_as_full_is_told_of_an_account_that_is_used() -> None:
    entry = Entry(account(1), (), (QuotaWindow("weekly", 100.0, NOON, Source.HEADER),))
    pool, ask = pool_of([entry]), Ask(Route.RESPONSES)
    (found,) = explained(pool, ask, [entry])
    assert (found.used, found.turn, codes(found)) == (True, 1, [("quota", "limit_shown_full")])
    assert pool.pick(ask, NOON.timestamp()) == entry.account
    directory = directory_of([entry])
    assert explanation.general(pool, entry, directory.reasons(entry, NOON), NOON) == list(found.reasons)
    assert problem.is_problem(entry, NOON)
    assert directory.health(entry, NOON) is Health.EXHAUSTED


def test_a_cooldown_that_the_next_request_may_try_does_not_stop_it() -> None:
    rests = Hold(
        Owner.COOLDOWN, "usage_limit_reached", NOON, NOON + timedelta(hours=9), detail={"try_at": NOON.isoformat()}
    )
    entry = Entry(account(1), (rests,))
    pool, ask = pool_of([entry]), Ask(Route.RESPONSES)
    (found,) = explained(pool, ask, [entry])
    assert (found.used, codes(found)) == (True, [("cooldown", "usage_limit_reached")])
    assert explanation.general(pool, entry, directory_of([entry]).reasons(entry, NOON), NOON) == list(found.reasons)
    assert pool.pick(ask, NOON.timestamp()) == entry.account
    (found,) = explained(pool, ask, [entry])
    assert (found.used, [each.code for each in found.reasons]) == (False, ["usage_limit_reached", "half_open"])


def test_it_picks_nothing() -> None:
    entries = [Entry(account(number)) for number in range(3)]
    for strategy in Strategy:
        pool, other = pool_of(entries, Policy(strategy)), pool_of(entries, Policy(strategy))
        ask, picked, expected = Ask(Route.RESPONSES), [], []
        for _ in range(7):
            turns = {each.turn: each.entry.account for each in explained(pool, ask, entries)}
            picked.append(pool.pick(ask, NOON.timestamp()))
            expected.append(other.pick(ask, NOON.timestamp()))
            assert strategy is Strategy.WEIGHTED or turns[1] == picked[-1]
        assert picked == expected


_holds = st.builds(
    Hold,
    st.sampled_from(Owner),
    st.sampled_from(["slow", "refused"]),
    st.just(NOON - timedelta(hours=1)),
    st.sampled_from([None, NOON + timedelta(hours=1), NOON - timedelta(minutes=1)]),
    st.sampled_from([None, "gpt-5", "other"]),
)

_windows = st.builds(
    QuotaWindow,
    st.sampled_from(["five_hour", "weekly", "spark"]),
    st.sampled_from([None, 50.0, 100.0]),
    st.just(NOON - timedelta(minutes=5)),
    st.just(Source.HEADER),
    scope=st.sampled_from([None, None, "gpt-5"]),
    resets_at=st.sampled_from([None, NOON, NOON + timedelta(hours=1)]),
    counts=st.sampled_from([True, True, False]),
)
_asked = Candidate("refused", Action.REVIEW, NOON, NOON, 1)


@st.composite
def entries(draw: st.DrawFn) -> list[Entry]:
    made = []
    for number in range(draw(st.integers(1, 6))):
        provider, kind = draw(
            st.sampled_from([(Provider.CODEX, Kind.OAUTH), (Provider.CLAUDE, Kind.OAUTH), (Provider.XAI, Kind.API_KEY)])
        )
        one = account(
            number,
            provider,
            kind,
            priority=draw(st.integers(0, 1)),
            weight=draw(st.integers(0, 2)),
            prefix=draw(st.sampled_from([None, "n1", "n2"])),
            excluded_models=draw(st.sampled_from([(), ("gpt*",)])),
            model_aliases=draw(st.sampled_from([(), (ModelAlias("gpt-5", "mine"),)])),
        )
        ends = draw(st.sampled_from([None, NOON, NOON + timedelta(hours=1)]))
        unreadable = draw(st.sampled_from([None, None, "key_missing"]))
        made.append(
            Entry(
                replace(one, expires_at=ends, unreadable=unreadable),
                tuple(draw(st.lists(_holds, max_size=1))),
                tuple(draw(st.lists(_windows, max_size=2))),
                draw(st.sampled_from([(), (_asked,)])),
            )
        )
    return made


@given(entries(), st.data())
def test_what_is_explained_is_what_is_picked(given_: list[Entry], data: st.DataObject) -> None:
    policy = Policy(data.draw(st.sampled_from(Strategy)), data.draw(st.sampled_from([frozenset(), frozenset({"n1"})])))
    pool = pool_of(given_, policy)
    blocked = data.draw(st.sampled_from([None, *given_]))
    if blocked is not None:
        until = NOON.timestamp() + 10
        pool.block(
            blocked.account.auth_index, data.draw(st.sampled_from([None, "gpt-5"])), until, "b", NOON.timestamp()
        )
    ask = Ask(
        data.draw(st.sampled_from([Route.RESPONSES, Route.MESSAGES])),
        data.draw(st.sampled_from([None, "gpt-5", "mine"])),
        data.draw(st.sampled_from([None, "n1"])),
        providers=data.draw(st.sampled_from([None, frozenset({"codex"})])),
    )
    everyone = frozenset(each.account.auth_index for each in given_)
    for each in explained(pool, ask, given_, policy=policy):
        alone = replace(ask, tried=everyone - {each.entry.account.auth_index})
        picked = pool.pick(alone, NOON.timestamp())
        assert each.used == isinstance(picked, Account), codes(each)


@given(entries())
def test_list_reasons_state_and_problem_never_contradict_each_other(given_: list[Entry]) -> None:
    """A problem has a reason or a question in the queue, a limit's state is told, and what stops it keeps it away."""
    pool, directory, now = pool_of(given_), directory_of(given_), NOON.timestamp()
    for entry in given_:
        index, listed = entry.account.auth_index, directory.reasons(entry, NOON)
        assert explanation.general(pool, entry, listed, NOON) == listed
        stops = any(each.stops and each.scope is None for each in listed)
        assert pool.may_serve(index, None, now) is not stops
        if problem.is_problem(entry, NOON):
            assert listed or entry.candidates
        if directory.health(entry, NOON) is Health.EXHAUSTED:
            assert problem.is_problem(entry, NOON)
            assert any(each.owner in {"quota", "cooldown"} for each in listed)
        if not (listed or entry.candidates):
            assert not problem.is_problem(entry, NOON)

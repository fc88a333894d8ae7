"""What is explained is what the pool does: an account without a reason is picked, and one with a reason is not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from authdeck import explanation, health
from authdeck.account import Account, AccountSettings, Kind, ModelAlias, Provider, RefreshBy
from authdeck.entry import Entry
from authdeck.explanation import Explained
from authdeck.hold import Hold, Owner
from authdeck.pool import Pool
from authdeck.providers import PROVIDERS
from authdeck.routing import DEFAULT, Ask, Policy, Route, Strategy

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ACKNOWLEDGED = frozenset({Provider.CODEX})


def account(number: int, provider: Provider = Provider.CODEX, kind: Kind = Kind.OAUTH, **settings: object) -> Account:
    chosen = AccountSettings(**settings)  # type: ignore[arg-type]
    return Account(number, f"{number:016x}", provider, kind, f"{number}.json", chosen, created_at=NOON)


def explained(pool: Pool, ask: Ask, entries: list[Entry], now: datetime = NOON) -> list[Explained]:
    known = []
    for entry in entries:
        acknowledged = entry.account.provider in ACKNOWLEDGED
        known.append((entry, health.reasons(entry.account, entry.holds, now, terms_acknowledged=acknowledged)))
    return explanation.explain(pool, ask, now, known)


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
    (found,) = explained(pool_of([entry], Policy(Strategy.WEIGHTED)), Ask(Route.RESPONSES), [entry])
    assert codes(found) == [("route", "weight_zero")]


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
            Entry(replace(one, expires_at=ends, unreadable=unreadable), tuple(draw(st.lists(_holds, max_size=1))))
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
    for each in explained(pool, ask, given_):
        alone = replace(ask, tried=everyone - {each.entry.account.auth_index})
        picked = pool.pick(alone, NOON.timestamp())
        assert each.used == isinstance(picked, Account), codes(each)

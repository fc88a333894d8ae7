from collections import Counter, deque
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from authdeck.account import Account, AccountSettings, Kind, Provider
from authdeck.routing import Ask, Route, Strategy
from authdeck.tier import FOR_EVER, Tier

ASK = Ask(Route.CHAT, "m")


@dataclass
class Someone:
    """An account as a tier sees it, that counts how often it is looked at."""

    auth_index: str
    weight: int = 1
    created_at: float = 0.0
    limited_at: float = 0.0
    opens: float = 0.0
    stale: bool = False
    alive: bool = True
    looks: list[str] = field(default_factory=list)

    @property
    def account(self) -> Account:
        return Account(1, self.auth_index, Provider.KIMI, Kind.API_KEY, self.auth_index, AccountSettings())

    def opens_at(self, _model: str | None) -> float:
        self.looks.append(self.auth_index)
        return self.opens

    def is_stale(self, _now: float) -> bool:
        return self.stale


def tier(strategy: Strategy, *members: Someone) -> Tier:
    made = Tier(strategy)
    for member in members:
        made.add(member)
    return made


def picked(made: Tier, times: int, ask: Ask = ASK, now: float = 100.0) -> list[str]:
    found = [made.pick(ask, now, deque()) for _ in range(times)]
    return [member.auth_index if member else "-" for member in found]


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=8))
def test_each_gets_its_share_of_every_round(weights: list[int]) -> None:
    """Over n times the sum of the weights everybody gets n times its weight, give or take a few picks."""
    made = tier(Strategy.WEIGHTED, *(Someone(str(n), weight) for n, weight in enumerate(weights)))
    rounds = max(1, 2000 // sum(weights))
    counts = Counter(picked(made, rounds * sum(weights)))
    for n, weight in enumerate(weights):
        assert abs(counts[str(n)] - rounds * weight) <= 2 * len(weights) + 2


def test_shares_are_spread_evenly() -> None:
    taken = picked(tier(Strategy.WEIGHTED, Someone("ann", 5), Someone("bob", 1), Someone("eve", 1)), 14)
    assert taken.count("ann") in range(9, 12)
    assert "ann,ann,ann,ann,ann,ann" not in ",".join(taken)


def test_one_of_a_million_does_not_make_a_pick_costly() -> None:
    looks: list[str] = []
    members = [Someone(str(n), 1_000_000 if n == 0 else 1, looks=looks) for n in range(2_000)]
    picked(tier(Strategy.WEIGHTED, *members), 500)
    assert len(looks) == 500


def test_who_comes_back_makes_up_for_nothing() -> None:
    ann, bob = Someone("ann", opens=200.0), Someone("bob")
    made = tier(Strategy.WEIGHTED, ann, bob)
    assert picked(made, 50) == ["bob"] * 50
    assert picked(made, 4, now=200.0).count("ann") == 2


def test_the_oldest_fills_first() -> None:
    ann, bob = Someone("ann", created_at=2.0), Someone("bob", created_at=1.0)
    made = tier(Strategy.FILL_FIRST, ann, bob)
    assert picked(made, 2) == ["bob", "bob"]
    bob.opens = 150.0
    assert picked(made, 2) == ["ann", "ann"]
    assert picked(made, 2, now=150.0) == ["bob", "bob"]


@given(st.sampled_from(Strategy), st.data())
def test_whoever_is_ready_and_untried_is_found(strategy: Strategy, data: st.DataObject) -> None:
    members = [
        Someone(
            str(n),
            weight=data.draw(st.integers(1, 5)),
            limited_at=data.draw(st.sampled_from([0.0, 1.0, 2.0])),
            opens=data.draw(st.sampled_from([0.0, 150.0, FOR_EVER])),
            stale=data.draw(st.booleans()),
            alive=data.draw(st.booleans()),
        )
        for n in range(data.draw(st.integers(0, 6)))
    ]
    tried = frozenset(data.draw(st.sets(st.sampled_from([member.auth_index for member in members] or ["x"]))))
    made = tier(strategy, *members)
    for now in (100.0, 100.0, 150.0, 150.0):
        ready = [each for each in members if each.alive and each.opens <= now and each.auth_index not in tried]
        fresh = [each for each in ready if not each.stale]
        found = made.pick(Ask(Route.CHAT, "m", tried=tried), now, deque())
        assert (found in (fresh or ready)) if ready else found is None


@given(st.sampled_from(Strategy))
def test_a_pick_looks_at_one_account_however_many_there_are(strategy: Strategy) -> None:
    looks: list[str] = []
    made = tier(strategy, *(Someone(str(n), weight=1 + n % 9, looks=looks) for n in range(3_000)))
    picked(made, 100)
    assert len(looks) == 100


def test_former_selves_are_swept_out_where_nobody_picks() -> None:
    made = Tier(Strategy.FILL_FIRST)
    for _ in range(10_000):
        former = Someone("ann")
        made.add(former)
        former.alive = False
    assert len(made._ready) < 200

"""What a pick costs, from 10 accounts to 100,000: every strategy, with accounts that wait, three priorities, weights
from 1 to 10, and every twentieth pick followed by a pause of its account.

Method: one process, no I/O; the clock advances 1 ms a pick, so that pauses of 2 s end on the way. CPU time of
N picks over N; the median of 5 rounds. The ratio is to the same pool of 10 accounts.
"""

from datetime import UTC, datetime
from statistics import median
from time import process_time

from authdeck.account import Account, AccountSettings, Kind, Provider
from authdeck.entry import Entry
from authdeck.pool import Pool
from authdeck.routing import Ask, Policy, Route, Strategy

PICKS = 20_000
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
GOAL = 2.0


def pool(size: int, strategy: Strategy) -> Pool:
    made = Pool(lambda _: frozenset({Route.CHAT}), policy=Policy(strategy))
    for n in range(size):
        settings = AccountSettings(priority=n % 3, weight=1 + n % 10)
        created = datetime.fromtimestamp(NOW - n, UTC)
        made.apply(Entry(Account(n, f"{n:016x}", Provider.OPENAI_COMPATIBLE, Kind.API_KEY, f"{n}.json", settings,
                                 created_at=created)))  # fmt: skip
    for n in range(0, size, 5):
        made.block(f"{n:016x}", None, NOW + 30 + n % 30, "rate_limited", NOW, is_quota=True)
    return made


def round_of_picks(made: Pool, ask: Ask, *, churn: bool) -> float:
    """Microseconds a pick; what pausing costs is not counted."""
    now, spent = NOW, 0.0
    for _ in range(PICKS // 20):
        began = process_time()
        for n in range(20):
            account = made.pick(ask, now + n * 0.001)
        spent += process_time() - began
        now += 0.02
        if churn and isinstance(account, Account):
            made.block(account.auth_index, None, now + 2, "server_error", now)
    return spent / PICKS * 1e6


def main() -> None:
    print(__doc__)
    worst = 0.0
    for strategy in Strategy:
        for churn in (False, True):
            costs = {}
            for size in (10, 1_000, 10_000, 100_000):
                made, ask = pool(size, strategy), Ask(Route.CHAT, "m")
                made.pick(ask, NOW)  # forms the line
                costs[size] = median(round_of_picks(made, ask, churn=churn) for _ in range(5))
            worst = max(worst, *costs.values())
            shown = "  ".join(f"{size:>7,}: {cost:5.2f} us ({cost / costs[10]:4.1f} x)" for size, cost in costs.items())
            print(f"{strategy:24} {'with churn' if churn else 'steady':10} {shown}")
    print(f"\nworst {worst:.2f} us; goal {GOAL} us: {'met' if worst <= GOAL else 'NOT met'}")


if __name__ == "__main__":
    main()

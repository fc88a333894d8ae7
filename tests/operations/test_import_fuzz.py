"""Files bent and broken by the thousand go through real imports: each row is an account, whole, or nothing at all.

``AUTHDECK_PROOF_INPUTS=100000`` says how many inputs each kind of database gets; without it a sample.
"""

import multiprocessing
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from fakes.damaged_imports import survived
from fakes.postgresql import Server

INPUTS = int(os.environ.get("AUTHDECK_PROOF_INPUTS", "300"))
OF_ONE_PROCESS = 1_000
"""So many are not worth another process."""


def test_on_sqlite_every_row_is_an_account_or_nothing(tmp_path: Path) -> None:
    _assert_survived([f"sqlite:///{tmp_path / str(number)}.db" for number in range(_processes())])


def test_on_postgresql_every_row_is_an_account_or_nothing(postgresql: Server, postgresql_template: str) -> None:
    names = [postgresql.new_database(postgresql_template) for _ in range(_processes())]
    _assert_survived([postgresql.url(name) for name in names])
    for name in names:
        postgresql.drop_database(name)


def _assert_survived(urls: Sequence[str]) -> None:
    """Each process has a database of its own, and an equal share of the inputs."""
    share = INPUTS // len(urls)
    outcomes: Counter[str] = Counter()
    if len(urls) == 1:
        outcomes = survived(urls[0], 0, INPUTS)
    else:
        context = multiprocessing.get_context("forkserver")
        with ProcessPoolExecutor(len(urls), mp_context=context) as processes:
            starts = range(0, share * len(urls), share)
            for counted in processes.map(survived, urls, starts, [share] * len(urls)):
                outcomes += counted
    assert outcomes.total() >= share * len(urls) * 0.9  # a zip without members has no row
    for outcome in ("new", "updated", "unchanged", "conflict", "rejected"):
        assert outcomes[outcome] > INPUTS / 200, "inputs that all end alike prove nothing"


def _processes() -> int:
    return max(1, min(os.cpu_count() or 1, INPUTS // OF_ONE_PROCESS))

"""A refresh that a person asks for, at a provider that speaks HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from authdeck.simulator import Account, Simulator
from cli.conftest import Shell


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator().running() as running:
        yield running


@pytest.fixture
def account(simulator: Simulator, alone: Shell, tmp_path: Path) -> Account:
    ann = simulator.account("codex", "ann@example.com", plan="plus")
    name, content = simulator.auth_file(ann)
    (tmp_path / name).write_bytes(content)
    assert alone.run("import", tmp_path / name, **simulator.settings()).code == 0
    return ann


def test_it_works(alone: Shell, simulator: Simulator, account: Account) -> None:
    del account
    before = alone.run("accounts", "show", "ann@example.com", "--json", **simulator.settings())
    index = alone.run("accounts", "list", "--json", **simulator.settings()).json["items"][0]["auth_index"]
    assert before.code == 1  # an e-mail names no account
    said = alone.run("accounts", "refresh", index, "--json", **simulator.settings())
    assert (said.code, said.json["outcome"]) == (0, "ok")
    assert said.json["account"]["revision"] == 2
    assert said.json["account"]["version"] == 1
    assert [seen.status for seen in simulator.seen("/oauth/token")] == [200]


def test_a_refused_refresh_says_so(alone: Shell, simulator: Simulator, account: Account) -> None:
    simulator.revoke(account)
    index = alone.run("accounts", "list", "--json", **simulator.settings()).json["items"][0]["auth_index"]
    said = alone.run("accounts", "refresh", index, **simulator.settings())
    assert said.code == 1
    assert said.err.rstrip().endswith("(refresh_refused)")
    shown = alone.run("accounts", "show", index, "--json", **simulator.settings()).json
    assert (shown["health"], shown["revision"]) == ("needs_reauth", 1)

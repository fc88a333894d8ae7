"""``authdeck login`` in a process of its own, at a simulated provider."""

import pytest

from authdeck.simulator import Simulator
from cli.conftest import Shell


@pytest.fixture
def simulator():
    with Simulator().running() as running:
        yield running


def test_it_works_by_a_device_code(alone: Shell, simulator: Simulator) -> None:
    simulator.approve(simulator.account("codex", "ann@example.com"))

    said = alone.run("login", "codex", "--device", "--json", **simulator.settings())

    assert (said.code, said.json["outcome"]) == (0, "new")
    assert "FAKE-CODE" in said.err


def test_a_declined_one_says_so(alone: Shell, simulator: Simulator) -> None:
    simulator.world.denying.add("kimi")

    said = alone.run("login", "kimi", **simulator.settings())

    assert said.code == 1
    assert said.err.rstrip().endswith("(login_denied)")


def test_settings_that_are_missing_are_named(alone: Shell) -> None:
    said = alone.run("login", "antigravity")

    assert said.code == 1
    assert "AUTHDECK_PROVIDERS__ANTIGRAVITY__CLIENT_ID" in said.err

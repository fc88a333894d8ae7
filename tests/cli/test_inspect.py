"""Inspections and schedules on the command line, beside a server and without one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from authdeck.simulator import Simulator
from cli.conftest import Shell


@dataclass(frozen=True)
class Simulated(Shell):
    """A shell whose commands know the simulated provider."""

    settings: dict[str, str]

    def environment(self, **more: str) -> dict[str, str]:
        return {**super().environment(**more), **self.settings}


@pytest.fixture
def inspected(alone: Shell, tmp_path: Path) -> Iterator[Shell]:
    """Ann is well, Bob's workspace is closed."""
    with Simulator().running() as simulator:
        folder = tmp_path / "auths"
        folder.mkdir()
        people = [simulator.account("codex", f"{name}@example.com") for name in ("ann", "bob")]
        for person in people:
            name, content = simulator.auth_file(person)
            (folder / name).write_bytes(content)
        shell = Simulated(alone.home, simulator.settings())
        shell.ok("import", folder)
        body = b'{"detail":{"code":"deactivated_workspace"}}'
        simulator.fail(path="/wham/usage", account=people[1], status=402, body=body, times=None)
        yield shell


def test_it_works(inspected: Shell) -> None:
    said = inspected.ok("inspect", "--provider", "codex", "--dry-run")
    assert "workspace was deactivated" in said.out
    assert "Dry run, nothing was done: 1 delete, 1 keep." in said.out
    assert "Kept, 1: The provider answered, and nothing stands against it." in said.out
    found = inspected.run("inspect", "--provider", "codex", "--exit-code", "--json")
    assert (found.code, found.json["status"], found.json["counts"]) == (3, "completed", {"delete": 1, "keep": 1})
    assert {row["action"] for row in found.json["items"]} == {"delete", "keep"}
    assert found.json["id"] in inspected.ok("inspect", "--list").out
    assert inspected.ok("inspect", "--run", found.json["id"], "--json").json["items"] == found.json["items"]
    assert "Completed" in inspected.ok("inspect", "--cancel", found.json["id"]).out


def test_it_works_beside_a_server(inspected: Shell) -> None:
    with inspected.serving():
        assert inspected.ok("inspect", "--sample", "1", "--json").json["total"] == 1


def test_nobody_to_ask_ends_with_1(inspected: Shell) -> None:
    said = inspected.run("inspect", "--provider", "kimi")
    assert (said.code, "selection_empty" in said.err) == (1, True)


def test_schedules(alone: Shell) -> None:
    added = alone.ok("schedules", "add", "Night", "--at", "03:00", "--zone", "Europe/Berlin", "--enable", "--json").json
    assert (added["timing"], added["policy"]["may"]) == ({"times": ["03:00"], "zone": "Europe/Berlin"}, ["enable"])
    assert "03:00 Europe/Berlin" in alone.ok("schedules", "list").out
    assert alone.ok("schedules", "off", str(added["id"]), "--json").json["next_at"] is None
    assert alone.ok("schedules", "on", str(added["id"]), "--json").json["next_at"] is not None
    alone.ok("schedules", "delete", str(added["id"]))
    assert "no schedule" in alone.ok("schedules", "list").out
    assert alone.run("schedules", "add", "Never").code == 1

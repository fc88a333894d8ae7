"""``authdeck login`` in a process of its own, at a simulated provider: from a pipe, and on a terminal."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from authdeck.simulator import Account, Simulator
from cli.conftest import Said, Shell
from fakes.sign_ins import came_back_to

TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
"""A terminal around a command: what is written to its stdin is typed there."""


@pytest.fixture
def simulator():
    with Simulator().running() as running:
        yield running


class Person:
    """Somebody in front of ``authdeck login``, who reads what it says and types. All of it: ``said``."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self.said = ""
        self._read = 0

    def reads(self, pattern: str) -> str:
        """Wait until that was said after what was read so far; its first group."""
        assert self._process.stdout is not None
        while not (found := re.compile(pattern).search(self.said, self._read)):
            piece = self._process.stdout.read1(4096)
            assert piece, self.said
            self.said += piece.decode()
        self._read = found.end()
        return found[1] if found.groups() else found[0]

    def types(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def ends(self) -> int:
        assert self._process.stdout is not None
        self.said += self._process.stdout.read().decode()
        return self._process.wait(60)


@contextmanager
def login(shell: Shell, simulator: Simulator, *words: str, terminal: bool, **more: str) -> Iterator[Person]:
    """``authdeck login …`` without any terminal of the tests' own."""
    command = [sys.executable, "-m", "authdeck", "login", *words]
    process = subprocess.Popen(
        [sys.executable, "-c", TERMINAL, *command] if terminal else command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=shell.environment(**simulator.settings(), **more),
        start_new_session=True,
    )
    try:
        yield Person(process)
    finally:
        process.kill()
        process.communicate()


def imported(shell: Shell, simulator: Simulator, account: Account, folder: Path) -> str:
    name, content = simulator.auth_file(account)
    (folder / name).write_bytes(content)
    shell.run("import", folder / name, "--refresh-by", "authdeck", **simulator.settings())
    return shell.run("accounts", "list", "--json", **simulator.settings()).json["items"][0]["auth_index"]


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def accounts(shell: Shell) -> list[str]:
    return [row["email"] for row in shell.ok("accounts", "list", "--json").json["items"]]


def address(person: Person) -> str:
    return person.reads(r"(http://\S+/authorize\?\S+)\s")


def test_it_works_by_a_device_code(alone: Shell, simulator: Simulator) -> None:
    simulator.approve(simulator.account("codex", "ann@example.com"))

    said = alone.run("login", "codex", "--device", "--json", **simulator.settings())

    assert (said.code, said.json["outcome"]) == (0, "new")
    assert "FAKE-CODE" in said.err


@pytest.mark.parametrize("terminal", [False, True])
def test_the_address_is_pasted(alone: Shell, simulator: Simulator, terminal: bool) -> None:
    """Over ssh: nothing opens here, and the way back ends elsewhere. What is pasted is not shown."""
    simulator.approve(simulator.account("codex", "ann@example.com"))
    with login(alone, simulator, "codex", "--no-browser", terminal=terminal) as ann:
        back = came_back_to(address(ann))
        ann.reads("Address: ")
        ann.types(back.partition("&state")[0])
        ann.reads("has no state")
        ann.reads("Address: ")
        ann.types(back)
        ann.reads("A new account was added. auth_index [0-9a-f]{16}")
        assert ann.ends() == 0
    assert "code_FAKE" not in ann.said
    assert accounts(alone) == ["ann@example.com"]


FOLLOWS = """#!{python}
import sys, urllib.request
page = urllib.request.build_opener(urllib.request.ProxyHandler({{}})).open(sys.argv[1], timeout=20).read().decode()
open({seen!r}, "w").write(page)
"""
"""A browser: it goes to the provider's page, is led back to the loopback port, and shows what that says."""


def test_a_browser_opens_and_leads_back(alone: Shell, simulator: Simulator, tmp_path: Path) -> None:
    if is_taken(54545):
        pytest.skip("another program has the port of the way back")
    seen, browser = tmp_path / "seen.html", tmp_path / "browser"
    browser.write_text(FOLLOWS.format(python=sys.executable, seen=str(seen)))
    browser.chmod(0o700)
    simulator.approve(simulator.account("claude", "ann@example.com"))

    said = alone.run("login", "claude", "--json", **simulator.settings(), BROWSER=str(browser))

    assert (said.code, said.json["outcome"]) == (0, "new"), said.err
    assert "If no browser opened, open this address" in said.err
    assert "You are signed in" in seen.read_text()


def test_a_browser_that_does_not_open_is_no_end(alone: Shell, simulator: Simulator) -> None:
    simulator.approve(simulator.account("claude", "ann@example.com"))
    with login(alone, simulator, "claude", terminal=False, BROWSER="false") as ann:
        back = came_back_to(address(ann))
        ann.reads("Address: ")
        ann.types(back)
        assert ann.ends() == 0


def test_another_identity_is_shown_and_a_person_chooses(alone: Shell, simulator: Simulator, tmp_path: Path) -> None:
    ann, eve = (simulator.account("codex", f"{name}@example.com") for name in ("ann", "eve"))
    index = imported(alone, simulator, ann, tmp_path)
    simulator.approve(eve)
    with login(alone, simulator, "codex", "--no-browser", "--account", index, terminal=True) as person:
        back = came_back_to(address(person))
        person.reads("Address: ")
        person.types(back)
        person.reads("eve@example.com")
        person.reads("new: keep it as the account that it is")
        person.reads("Choose one of new: ")
        person.types("new")
        person.reads("A new account was added")
        assert person.ends() == 0
    assert sorted(accounts(alone)) == ["ann@example.com", "eve@example.com"]


def test_a_near_match_is_named_with_its_file(alone: Shell, simulator: Simulator, tmp_path: Path) -> None:
    (tmp_path / "half.json").write_text('{"type": "codex", "access_token": "at_FAKE", "account_id": "org-1"}')
    alone.ok("import", tmp_path / "half.json", "--refresh-by", "authdeck")
    simulator.approve(simulator.account("codex", "ann@example.com", organization="org-1"))
    with login(alone, simulator, "codex", "--no-browser", terminal=True) as person:
        back = came_back_to(address(person))
        person.reads("Address: ")
        person.types(back)
        wish = person.reads(r"(update:[0-9a-f]{16}): it is half\.json, update it")
        person.reads("Choose one of ")
        person.types(wish)
        person.reads("The account has new tokens")
        assert person.ends() == 0
    assert accounts(alone) == ["ann@example.com"]


def test_a_script_gets_nothing_but_the_choices(alone: Shell, simulator: Simulator, tmp_path: Path) -> None:
    ann, eve = (simulator.account("codex", f"{name}@example.com") for name in ("ann", "eve"))
    index = imported(alone, simulator, ann, tmp_path)
    simulator.approve(eve)
    with login(alone, simulator, "codex", "--no-browser", "--account", index, terminal=False) as script:
        back = came_back_to(address(script))
        script.types(back)
        script.reads("Choices: new.")
        assert script.ends() == 1
    assert accounts(alone) == ["ann@example.com"]


def test_one_that_is_left_is_cancelled(alone: Shell, simulator: Simulator) -> None:
    with login(alone, simulator, "codex", "--no-browser", terminal=True) as ann:
        ann.reads("Address: ")
        ann.types("\x04")  # Ctrl-D; Ctrl-C ends the same way
        ann.reads(re.escape("Cancelled. Nothing was saved."))
        assert ann.ends() == 1


def test_an_account_that_needs_it_says_how(alone: Shell, simulator: Simulator, tmp_path: Path) -> None:
    ann = simulator.account("codex", "ann@example.com")
    index = imported(alone, simulator, ann, tmp_path)
    simulator.revoke(ann)
    alone.run("accounts", "refresh", index, **simulator.settings())

    for words in (("accounts", "show", index), ("accounts", "why", index)):
        assert f"authdeck login codex --account {index}" in alone.ok(*words).out


def test_a_declined_one_says_so(alone: Shell, simulator: Simulator) -> None:
    simulator.world.denying.add("kimi")

    said: Said = alone.run("login", "kimi", **simulator.settings())

    assert said.code == 1
    assert said.err.rstrip().endswith("(login_denied)")


def test_settings_that_are_missing_are_named(alone: Shell) -> None:
    said = alone.run("login", "antigravity")

    assert said.code == 1
    assert "AUTHDECK_PROVIDERS__ANTIGRAVITY__CLIENT_ID" in said.err

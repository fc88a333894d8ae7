"""The real Codex CLI and Claude Code against the gateway, set up as docs/clients.md says.

Their programs come by ``scripts/install-clients``; where they are not installed, these tests say so and skip.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

from authdeck.simulator import Simulator
from fakes.deck import Deck

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / ".make/clients/node_modules"
PATIENCE = 100


def program(pattern: str) -> Path:
    found = next(iter(sorted(CLIENTS.glob(pattern))), None)
    if found is None or not (CLIENTS.parent / ".installed").exists():
        pytest.skip("not installed; scripts/install-clients installs it where npm can get it")
    return found


def run(command: list[str | Path], home: Path, **environment: str) -> str:
    """What it says, with nothing of our own environment but what a process needs."""
    given = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb", **environment}
    done = subprocess.run(
        command,
        env=given,
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout + done.stderr


def documented(language: str, heading: str) -> str:
    """The first snippet under a heading of docs/clients.md."""
    text = (ROOT / "docs/clients.md").read_text(encoding="utf-8").split(f"## {heading}", 1)[1]
    found = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


QUIET = """
check_for_update_on_startup = false
model = "gpt-5.5"

[analytics]
enabled = false

[features]
plugins = false
apps = false
"""


class Codex:
    """One home with the documented configuration; more lines go into the provider's table."""

    def __init__(self, deck: Deck, folder: Path, more: str = "") -> None:
        self._program = program("@openai/codex-*/vendor/*/bin/codex")
        self._home = folder
        self._key = deck.new_key("codex")
        home = folder / ".codex"
        home.mkdir()
        told = documented("toml", "Codex CLI").replace("http://127.0.0.1:8417", deck.url)
        first, provider = told.split("\n\n", 1)
        (home / "config.toml").write_text(f"{first}\n{QUIET}\n{provider}{more}\n")

    def ask(self) -> str:
        command: list[str | Path] = [self._program, "exec", "--skip-git-repo-check", "Say hello"]
        return run(command, self._home, AUTHDECK_CLIENT_KEY=self._key, CODEX_HOME=str(self._home / ".codex"))


@pytest.mark.parametrize("kind", ["oauth", "api_key"])
def test_codex(open_deck: Deck, simulator: Simulator, tmp_path: Path, kind: str) -> None:
    (auth_index,) = open_deck.add(simulator.account("codex", "ann@example.com", kind=kind))
    assert "Hello from simulated codex account ann" in Codex(open_deck, tmp_path).ask()
    served = [event for event in open_deck.requests() if event["endpoint"] == "/v1/responses"]
    assert [(event["auth_index"], event["status"]) for event in served] == [(auth_index, 200)]
    assert served[0]["tokens"]["output"] > 0


def test_codex_goes_on_with_another_account(open_deck: Deck, simulator: Simulator, tmp_path: Path) -> None:
    full = simulator.account("codex", "ann@example.com")
    simulator.use_up(full)
    open_deck.add(full, priority=10)
    open_deck.add(simulator.account("codex", "bob@example.com"))
    assert "Hello from simulated codex account bob" in Codex(open_deck, tmp_path).ask()


@pytest.mark.parametrize("enabled", [True, False])
def test_codex_that_prefers_websockets(open_deck: Deck, simulator: Simulator, tmp_path: Path, *, enabled: bool) -> None:
    """Where they are not enabled, it goes on by POST at once and without a word."""
    open_deck.add(simulator.account("codex", "ann@example.com"), **({"websockets": True} if enabled else {}))
    said = Codex(open_deck, tmp_path, "supports_websockets = true").ask()
    assert "Hello from simulated codex account ann" in said
    assert any(seen.status == 101 for seen in simulator.requests) is enabled
    assert all(event["status"] == 200 for event in open_deck.requests() if event["provider"] == "codex")


@pytest.mark.parametrize("kind", ["oauth", "api_key"])
def test_claude_code(open_deck: Deck, simulator: Simulator, tmp_path: Path, kind: str) -> None:
    """It puts ``system`` inside ``messages``, sends many betas, and lacks the one that a sign-in needs."""
    claude = program("@anthropic-ai/claude-code/bin/claude*")
    (auth_index,) = open_deck.add(simulator.account("claude", "ann@example.com", kind=kind))
    said = run(
        [claude, "-p", "Say hello", "--model", "claude-sonnet-5"],
        tmp_path,
        ANTHROPIC_BASE_URL=open_deck.url,
        ANTHROPIC_AUTH_TOKEN=open_deck.new_key("claude"),
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
    )
    assert "Hello from simulated claude account ann" in said
    served = [event for event in open_deck.requests() if event["endpoint"] == "/v1/messages"]
    assert {(event["auth_index"], event["status"]) for event in served} == {(auth_index, 200)}

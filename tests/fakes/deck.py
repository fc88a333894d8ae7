"""A real authdeck server in a process of its own, on a home that the test owns, and the ways to talk to it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
from google import genai

from authdeck.simulator import Account, Simulator
from fakes.process import Command, run

ADMIN_KEY = "admin_FAKE_key_of_the_end_to_end_tests"
SUBSCRIPTIONS = ("codex", "claude", "antigravity", "kimi", "xai")
PATIENCE = 30
COMMAND = (sys.executable, "-c", "from authdeck.cli import main; main()")


class Deck:
    """``start``, ``kill`` and ``start`` again as needed; the address stays the same."""

    def __init__(self, home: Path, simulator: Simulator, **settings: str) -> None:
        self.home = home
        self.simulator = simulator
        self.address = f"127.0.0.1:{_free_port()}"
        self.url = f"http://{self.address}"
        self.log = home.parent / f"{home.name}.log"
        self._settings = settings
        self._process: Command | None = None
        self.management = httpx2.Client(
            base_url=f"{self.url}/api/v1",
            headers={"authorization": f"Bearer {ADMIN_KEY}"},
            timeout=PATIENCE,
            trust_env=False,
        )

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of the tests' own environment but what a process needs to run."""
        kept = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "SYSTEMROOT", "TMPDIR") if name in os.environ
        }
        ours = {"AUTHDECK_HOME": str(self.home), "AUTHDECK_BIND": self.address, "AUTHDECK_ADMIN_KEY": ADMIN_KEY}
        return {**kept, **ours, **self.simulator.settings(), **self._settings}

    # The process

    def start(self) -> "Deck":
        self._process = Command(["serve"], self.environment, self.log, self.log)
        self.wait_until(self._is_healthy)
        return self

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, nothing is said."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(PATIENCE)

    def stop(self) -> int:
        """SIGTERM, as a service manager would; the exit code. Harmless when it does not run."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.terminate()
        return self._process.wait(PATIENCE)

    def restart(self) -> "Deck":
        self.stop()
        return self.start()

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Looks 50 times a second, gives up after ``PATIENCE`` seconds or when the server's process ends."""
        assert self._process is not None
        ends = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > ends or self._process.poll() is not None:
                raise AssertionError(f"the server never got there; its log ends:\n{self.tail()}")
            self._process_paused(0.02)

    def _process_paused(self, seconds: float) -> None:
        """Waits for the process to end, at most so long."""
        assert self._process is not None
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return

    def _is_healthy(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/healthz", trust_env=False).status_code == 200
        except httpx2.TransportError:
            return False

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""

    def run(self, *arguments: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
        """The command line, beside the server or without one."""
        done = run(list(arguments), self.environment, PATIENCE)
        assert not ok or done.returncode == 0, done.stdout + done.stderr
        return done

    # Management

    def ask(self, method: str, path: str, *, status: int = 200, **given: Any) -> Any:
        """The answer's JSON; fails with the answer's own words when the status is another one."""
        answer = self.management.request(method, path, **given)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text[:2000]}"
        return answer.json() if answer.content else None

    def upload(self, *files: tuple[str, bytes], **params: Any) -> list[dict[str, Any]]:
        """The rows of an import, in the order of the files."""
        parts = [("file", (name, content, "application/json")) for name, content in files]
        rows: list[dict[str, Any]] = self.ask("POST", "/imports", files=parts, params=params)["items"]
        return rows

    def add(self, *accounts: Account, **extra: Any) -> list[str]:
        """Imports the accounts' auth files, each of them new; their ``auth_index``es."""
        rows = self.upload(*(self.simulator.auth_file(account, **extra) for account in accounts))
        assert [row["outcome"] for row in rows] == ["new"] * len(accounts), rows
        return [row["auth_index"] for row in rows]

    def acknowledge(self, providers: Sequence[str] = SUBSCRIPTIONS) -> None:
        for provider in providers:
            answer = self.management.put(f"/terms/{provider}/acknowledgement", json={})
            assert answer.status_code < 300, answer.text

    def new_key(self, name: str = "ann") -> str:
        answer = self.management.post("/client-keys", json={"name": name})
        assert answer.status_code in {200, 201}, answer.text
        key: str = answer.json()["key"]
        return key

    def account(self, auth_index: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"/accounts/{auth_index}")
        return found

    def accounts(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.ask("GET", "/accounts", params={"page_size": 100})["items"]
        return items

    def request(self, request_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"/requests/{request_id}")
        return found

    def requests(self, **search: Any) -> list[dict[str, Any]]:
        """Newest first."""
        items: list[dict[str, Any]] = self.ask("GET", "/requests", params=search)["items"]
        return items

    # Clients

    def openai(self, key: str, prefix: str = "") -> openai.OpenAI:
        """The real SDK, without its own retries: what the gateway answers is what the test sees."""
        return openai.OpenAI(api_key=key, base_url=f"{self.url}{prefix}/v1", max_retries=0, timeout=PATIENCE)

    def anthropic(self, key: str) -> anthropic.Anthropic:
        return anthropic.Anthropic(api_key=key, base_url=self.url, max_retries=0, timeout=PATIENCE)

    def google(self, key: str) -> genai.Client:
        return genai.Client(api_key=key, http_options=genai.types.HttpOptions(base_url=self.url))

    def client(self, key: str) -> httpx2.Client:
        """curl, more or less."""
        headers = {"authorization": f"Bearer {key}"}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=PATIENCE, trust_env=False)

    def close(self) -> None:
        self.management.close()
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(PATIENCE)


def answered(client: httpx2.Client) -> str:
    """The id of a streamed request of ``Deck.client`` whose answer came whole."""
    answer = client.post("/v1/responses", json={"model": "gpt-5.5", "input": "hello", "stream": True})
    assert answer.status_code == 200, answer.text
    assert "response.completed" in answer.text
    return str(answer.headers["x-authdeck-request-id"])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

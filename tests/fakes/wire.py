"""A plain client for the simulated providers: one real connection for each request."""

import json
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from authdeck.simulator import Account, Simulator


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> list[Any]:
        """The JSON of every ``data:`` line of a stream."""
        lines = [line[6:] for line in self.body.decode().splitlines() if line.startswith("data: ")]
        return [line if line == "[DONE]" else json.loads(line) for line in lines]


class Client:
    """Asks a simulator, as any HTTP client would."""

    def __init__(self, simulator: Simulator) -> None:
        self._address = urlsplit(simulator.url).netloc

    def open(self, method: str, path: str, document: Any = None, **headers: str) -> HTTPConnection:
        connection = HTTPConnection(self._address, timeout=10)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = document if isinstance(document, bytes | None) else json.dumps(document).encode()
        connection.request(method, path, body, {"content-type": "application/json", **named})
        return connection

    def ask(self, method: str, path: str, document: Any = None, **headers: str) -> Reply:
        connection = self.open(method, path, document, **headers)
        try:
            answer = connection.getresponse()
            return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def codex(self, account: Account, *, model: str = "gpt-5.5", stream: bool = True) -> Reply:
        document = {"model": model, "input": "hello", "stream": stream}
        return self.ask("POST", "/backend-api/codex/responses", document, **codex_headers(account))

    def refresh(self, path: str, token: str) -> Reply:
        return self.ask("POST", path, {"grant_type": "refresh_token", "refresh_token": token, "client_id": "FAKE"})


def codex_headers(account: Account) -> dict[str, str]:
    return {"authorization": f"Bearer {account.access_token}", "chatgpt-account-id": account.organization}

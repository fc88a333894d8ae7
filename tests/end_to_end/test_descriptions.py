"""Whatever the API's description allows, and what it does not, is answered without an internal error.

Requests come from the description of every route of the management API: some that it allows and some that it does not,
half of them about things that are really there. The seed is fixed; ``AUTHDECK_PROOF_REQUESTS`` asks for more requests a
route than the few that a run of all tests has time for.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from fakes.auth_files import codex
from fakes.deck import ADMIN_KEY, Deck

REQUESTS = int(os.environ.get("AUTHDECK_PROOF_REQUESTS", "8"))
HEADERS = {"authorization": f"Bearer {ADMIN_KEY}"}
LONG_RUNNING = {"GET /vault"}
"""It may be asked to wait for ten seconds."""


@pytest.mark.timeout(0 if REQUESTS > 100 else 180)
def test_no_request_ends_in_an_internal_error(deck: Deck) -> None:
    things = Things(deck)
    trashed, batched = things.make_auth_index(), things.make_auth_index()
    deck.ask("DELETE", f"/accounts/{trashed}", status=204, headers={"if-match": "*"})
    asked = {"selection": {"auth_indexes": [batched]}, "change": {"note": "x", "headers": {"X-Team": "t_FAKE"}}}
    there = {"batch_id": deck.ask("POST", "/batches", json=asked)["id"], "number": 1, "provider": "codex"}
    described = schemathesis.openapi.from_dict(deck.ask("GET", "/openapi.json"))
    failures: list[str] = []
    asked_for = 0
    for result in described.get_all_operations():
        operation = result.ok()
        if operation.label not in LONG_RUNNING:
            kept = there | things.for_(parameter.name for parameter in operation.path_parameters)
            failures += list(_failures(deck, operation, kept))
            asked_for += 1
    assert asked_for > 50
    assert failures == []


class Things:
    """What paths name, made anew for each route: another route may have taken it away."""

    def __init__(self, deck: Deck) -> None:
        self._deck = deck
        self._number = 0

    def for_(self, names: Iterable[str]) -> dict[str, Any]:
        """Those of the path's parameters that are names of things made here."""
        self._number += 1
        return {name: getattr(self, f"make_{name}")() for name in names if hasattr(self, f"make_{name}")}

    def make_auth_index(self) -> str:
        self._number += 1
        content = codex(f"p{self._number}@example.com", f"acc-fake-{self._number}", f"user-fake-{self._number}")
        (row,) = self._deck.upload((f"p{self._number}.json", content))
        return str(row["auth_index"])

    def make_channel_id(self) -> str:
        wish = {"name": f"c{self._number}", "kind": "webhook", "url": "http://127.0.0.1:9/hook", "private": True}
        return self._made("/notifications/channels", wish)

    def make_rule_id(self) -> str:
        wish = {"name": f"r{self._number}", "channel": self.make_channel_id(), "kinds": ["state_changed"]}
        return self._made("/notifications/rules", wish)

    def make_delivery_id(self) -> str:
        return str(self._deck.ask("POST", f"/notifications/channels/{self.make_channel_id()}/test")["id"])

    def make_inspection_id(self) -> str:
        wish = {"auth_indexes": [self.make_auth_index()], "dry_run": True}
        return str(self._deck.ask("POST", "/inspections", json=wish, status=202)["id"])

    def make_schedule_id(self) -> int:
        wish = {"name": f"s{self._number}", "timing": {"every": 60}, "enabled": False}
        return int(self._made("/schedules", wish))

    def make_login_id(self) -> str:
        return self._made("/logins", {"provider": "codex"})

    def make_view_id(self) -> int:
        return int(self._made("/views", {"name": f"v{self._number}", "query": "plan=plus"}))

    def make_key_id(self) -> str:
        return self._made("/client-keys", {"name": f"k{self._number}"})

    def make_candidate_id(self) -> int:
        asked = "INSERT INTO candidates (account, reason_code, suggested_action, status, hits, first_seen, last_seen)"
        account = f"FROM accounts WHERE auth_index = '{self.make_auth_index()}'"
        return self._row(f"{asked} SELECT key, 'r{self._number}', 'review', 'pending', 1, 1, 1 {account}")

    def make_incident_id(self) -> int:
        opened = "INSERT INTO incidents (cause, subject, count, opened_at, last_at, detail)"
        return self._row(f"{opened} VALUES ('provider', 'codex:{self._number}', 9, 1, 1, '{{}}')")

    def _made(self, path: str, wish: dict[str, Any]) -> str:
        return str(self._deck.ask("POST", path, json=wish, status=201)["id"])

    def _row(self, statement: str) -> int:
        """What only a crowd of failures would bring about, written down as they would."""
        with closing(sqlite3.connect(self._deck.home / "authdeck.db", timeout=30)) as database, database:
            key = database.execute(statement).lastrowid
        assert key is not None
        return key


def _failures(deck: Deck, operation: Any, there: dict[str, Any]) -> Iterator[str]:
    found: list[str] = []

    @settings(
        max_examples=REQUESTS,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=_cases(operation, there))
    def ask(case: Any) -> None:
        asked = case.as_transport_kwargs(base_url=f"{deck.url}/api/v1", headers=HEADERS)
        with session.request(**asked, stream=True, timeout=30) as response:  # its head: events go on
            if response.status_code == requests.codes.internal_server_error:
                found.append(f"{operation.label}: {case.as_curl_command()}\n{response.text[:300]}")

    with requests.Session() as session:
        ask()
    yield from found[:1]


def _cases(operation: Any, there: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Allowed ones and others; with made-up names, and with names that are there."""
    known = {
        parameter.name: there[parameter.name] for parameter in operation.path_parameters if parameter.name in there
    }
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    make: Callable[..., st.SearchStrategy[Any]] = operation.as_strategy
    return st.one_of(
        *(make(mode, path_parameters=names) for mode in modes for names in ([known, {}] if known else [{}]))
    )

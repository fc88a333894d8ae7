"""Whatever the API's description allows, and what it does not, is answered without an internal error.

Requests come from the description of every route of the management API: some that it allows and some that it does not,
half of them about things that are really there. The seed is fixed; ``AUTHDECK_PROOF_REQUESTS`` asks for more requests a
route than the few that a run of all tests has time for.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
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
    people = (codex(f"p{n}@example.com", f"acc-fake-{n}", f"user-fake-{n}") for n in range(40))
    rows = deck.upload(*((f"p{number}.json", content) for number, content in enumerate(people)))
    names = iter([row["auth_index"] for row in rows])
    deck.ask("DELETE", f"/accounts/{next(names)}", status=204, headers={"if-match": "*"})
    asked = {"selection": {"auth_indexes": [next(names)]}, "change": {"note": "x", "headers": {"X-Team": "t_FAKE"}}}
    there = {"batch_id": deck.ask("POST", "/batches", json=asked)["id"], "number": 1, "provider": "codex"}
    described = schemathesis.openapi.from_dict(deck.ask("GET", "/openapi.json"))
    failures: list[str] = []
    asked_for = 0
    for result in described.get_all_operations():
        operation = result.ok()
        if operation.label not in LONG_RUNNING:
            kept = dict(there, auth_index=next(names, rows[-1]["auth_index"]))
            failures += list(_failures(deck, operation, kept))
            asked_for += 1
    assert asked_for > 50
    assert failures == []


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
        response = case.call(base_url=f"{deck.url}/api/v1", headers=HEADERS, timeout=30)
        if response.status_code == httpx2.codes.INTERNAL_SERVER_ERROR:
            found.append(f"{operation.label}: {case.as_curl_command()}\n{response.text[:300]}")

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

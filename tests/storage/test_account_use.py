"""What went through an account since a moment: answered requests and their tokens, of that account alone."""

from dataclasses import replace
from datetime import timedelta

from authdeck.event import Failure, FailureKind, RequestEvent, Tokens
from authdeck.ids import new_request_id
from authdeck.storage.database import Database
from authdeck.storage.reading.account_use import Counted, since
from authdeck.storage.writing.requests import store
from fakes.clock import NOON

ANN, BOB = "a" * 16, "b" * 16
NOON_MS = int(NOON.timestamp() * 1000)


def event(minutes: float, auth_index: str = ANN) -> RequestEvent:
    at_ms = NOON_MS + int(minutes * 60_000)
    return RequestEvent(
        new_request_id(at_ms), at_ms, "/v1/responses", "gpt-5", "codex", auth_index, "ann.json", status=200,
        latency_ms=10.0, tokens=Tokens(100, 20, 30, None),
    )  # fmt: skip


def test_it_works(monitoring: Database) -> None:
    failed = replace(event(3), status=429, failure=Failure(FailureKind.QUOTA, "usage_limit_reached"))
    untold = replace(event(4), tokens=Tokens())
    events = [event(-1), event(0), event(2), failed, untold, event(1, BOB)]
    monitoring.write_now(lambda connection: store(connection, events, {}))
    assert monitoring.read_now(lambda connection: since(connection, ANN, NOON)) == Counted(3, 240)
    assert monitoring.read_now(lambda connection: since(connection, BOB, NOON + timedelta(hours=1))) == Counted(0, 0)
    assert monitoring.read_now(lambda connection: since(connection, "c" * 16, NOON)) == Counted(0, 0)

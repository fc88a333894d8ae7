"""What is appended comes back as it was, one after the other."""

from typing import Any

import pytest

from authdeck.storage.database import Database
from authdeck.storage.reading import audit
from authdeck.storage.reading.audit import AuditEntry
from authdeck.storage.writing import audit as writing
from authdeck.storage.writing.audit import covered
from fakes.clock import NOON

WRITER = "a" * 32


def entry(target: str, after: Any = None) -> AuditEntry:
    return AuditEntry(WRITER, 0, NOON, "ann", "account:file:exported", target, None, after, None, "")


def mac(text: str) -> str:
    return text[-40:].rjust(64, "-")


def test_many_are_a_chain_like_one_after_the_other(database: Database) -> None:
    database.write_now(lambda connection: writing.append_all(connection, mac, [entry("1"), entry("2")]))
    database.write_now(lambda connection: writing.append_all(connection, mac, []))
    database.write_now(lambda connection: writing.append_all(connection, mac, [entry("3")]))
    found = database.read_now(lambda connection: audit.chain(connection, WRITER))
    assert [(one.seq, one.target) for one in found] == [(1, "1"), (2, "2"), (3, "3")]
    previous = ""
    for one in found:
        assert one.mac == mac(covered(previous, one))
        previous = one.mac


@pytest.mark.parametrize("value", [None, {}, {"é": [1, 2.5, True, None]}, {"large": 10**30}])
def test_whatever_was_noted_is_read_again(database: Database, value: Any) -> None:
    database.write_now(lambda connection: writing.append_all(connection, mac, [entry("1", value)]))
    [found] = database.read_now(lambda connection: audit.chain(connection, WRITER))
    assert found.after == value


def test_json_that_only_the_standard_library_reads_is_read(database: Database) -> None:
    if not database.is_sqlite:
        return  # PostgreSQL takes no such number in the first place
    database.write_now(lambda connection: writing.append_all(connection, mac, [entry("1", {"endless": float("inf")})]))
    [found] = database.read_now(lambda connection: audit.chain(connection, WRITER))
    assert found.after == {"endless": float("inf")}

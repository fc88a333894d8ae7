"""Files bent and broken by the thousand go through a real import: each row is an account, whole, or nothing at all."""

import os
from collections.abc import Sequence
from random import Random

from sqlalchemy import func, select

from authdeck import formats
from authdeck.import_plan import Outcome
from authdeck.operations import seals
from authdeck.operations.desk import Desk
from authdeck.operations.import_files import ImportRow, Source, import_files
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading import revisions
from authdeck.storage.tables import accounts, batch_items, fingerprints
from authdeck.storage.tables import revisions as revision_table
from fakes.damage import bent, zip_of
from fakes.documents import seeds
from fakes.people import ANN

INPUTS = int(os.environ.get("AUTHDECK_PROOF_INPUTS", "300"))
AT_ONCE = 500
Counts = tuple[int, int, int]


async def test_every_row_is_an_account_or_nothing(desk: Desk) -> None:
    random, known = Random("imports"), seeds()
    expected: Counts = (0, 0, 0)
    for start in range(0, INPUTS, AT_ONCE):
        files = [_file(known, random, number) for number in range(start, min(start + AT_ONCE, INPUTS))]
        report = await import_files(desk, files, ANN)
        expected = _sum(expected, report.items)
        assert await desk.read(_counts) == expected
        for row in report.items:
            assert (row.auth_index is not None) or row.outcome in {Outcome.REJECTED, Outcome.CONFLICT}, row
            if row.outcome in {Outcome.NEW, Outcome.UPDATED}:
                await _opens(desk, str(row.auth_index))
    assert expected[0] > INPUTS / 50, "inputs that are all refused prove nothing"
    assert await desk.read(_strays) == 0


def _file(known: list[bytes], random: Random, number: int) -> Source:
    """Every account under a name and tokens of its own, else most of them would be one."""
    own = [content.replace(b"FAKE", b"FAKE%d" % number).replace(b"acc-1", b"acc-%d" % number) for content in known]
    name = f"{number}.json" if random.random() < 0.9 else random.choice(("a.json", "..json", "x/y.json", ""))
    return Source(name, zip_of(own, random) if random.random() < 0.1 else bent(own, random))


def _sum(before: Counts, rows: Sequence[ImportRow]) -> Counts:
    new = sum(row.outcome is Outcome.NEW for row in rows)
    updated = sum(row.outcome is Outcome.UPDATED for row in rows)
    return before[0] + new, before[1] + new + updated, before[2] + len(rows)


def _counts(connection: ReadConnection) -> Counts:
    """Accounts, revisions, rows of reports."""
    tables = (accounts, revision_table, batch_items)
    first, second, third = (
        connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables
    )
    return first, second, third


def _strays(connection: ReadConnection) -> int:
    """Fingerprints of a revision that is not there."""
    there = select(revision_table.c.account).where(
        revision_table.c.account == fingerprints.c.account, revision_table.c.number == fingerprints.c.revision
    )
    return int(connection.execute(select(func.count()).select_from(fingerprints).where(~there.exists())).scalar_one())


async def _opens(desk: Desk, auth_index: str) -> None:
    revision = await desk.read(lambda connection: revisions.current(connection, auth_index))
    assert formats.opened(seals.open_file(desk.vault, revision))

"""Damaged files by the thousand through real imports, and a look at all that each of them left in the database.

A refused row leaves its line in the report and nothing else. A row that was taken is whole: its account, a revision
that opens as an auth file, the fingerprints of that file's secrets, its line in the report.
"""

import asyncio
import base64
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Row, func, select

from authdeck import formats
from authdeck.import_plan import Outcome
from authdeck.operations import seals
from authdeck.operations.desk import Desk
from authdeck.operations.import_files import ImportReport, ImportRow, Source, import_files
from authdeck.providers import PROVIDERS
from authdeck.storage import opening
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading import revisions
from authdeck.storage.reading.revisions import StoredRevision
from authdeck.storage.tables import accounts, aliases, batch_items, fingerprints, holds
from authdeck.storage.tables import revisions as revision_table
from authdeck.vault.keys import MasterKey
from authdeck.vault.vault import Vault
from fakes.clock import SetClock
from fakes.damage import bent, zip_of
from fakes.desks import desk_on
from fakes.documents import seeds
from fakes.people import ANN

AT_ONCE = 500
"""Inputs of one import."""

OF_ONE_PERSON = 4
"""Inputs made from the files of one person: some become one account, some are in each other's way."""

_JWT = re.compile(rb"eyJ[\w-]+\.([\w-]+)\.")
_CHANGES = {Outcome.NEW, Outcome.UPDATED}


def survived(url: str, start: int, count: int) -> Counter[str]:
    """So many inputs from number ``start`` on, into the empty database at ``url``. How often each outcome came."""
    return asyncio.run(_survived(url, start, count))


async def _survived(url: str, start: int, count: int) -> Counter[str]:
    random, clock, outcomes = Random(f"imports {start}"), SetClock(), Counter[str]()
    database = opening.control(url, clock)
    try:
        with tempfile.TemporaryDirectory() as home:
            desk = await desk_on(database, Vault.create(MasterKey.new()).vault, clock, Path(home))
            for first in range(start, start + count, AT_ONCE):
                last = min(first + AT_ONCE, start + count)
                outcomes += await _take(desk, [_file(random, number) for number in range(first, last)])
            assert await desk.read(_strays) == 0
    finally:
        database.close()
    return outcomes


# ---- inputs ----


def _file(random: Random, number: int) -> Source:
    own = _files_of(number // OF_ONE_PERSON)
    name = f"{number}.json" if random.random() < 0.9 else random.choice(("a.json", "..json", "x/y.json", ""))
    return Source(name, zip_of(own, random) if random.random() < 0.1 else bent(own, random))


@lru_cache(maxsize=1)
def _files_of(person: int) -> list[bytes]:
    """Every seed under names and tokens of this person's own, inside JWTs too: else most would be one account."""

    def named(content: bytes) -> bytes:
        for shared in (b"FAKE", b"acc-", b"user-"):
            content = content.replace(shared, b"%s%d-" % (shared, person))
        return content.replace(b"ann@", b"p%d@" % person)

    def inside(found: re.Match[bytes]) -> bytes:
        payload = named(base64.urlsafe_b64decode(found[1] + b"=" * (-len(found[1]) % 4)))
        return found[0].replace(found[1], base64.urlsafe_b64encode(payload).rstrip(b"="))

    return [_JWT.sub(inside, named(content)) for content in _seeds()]


@lru_cache(maxsize=1)
def _seeds() -> list[bytes]:
    return seeds()


# ---- what they left ----


@dataclass(frozen=True, slots=True)
class _Content:
    """How much there is, and the last key of what is numbered through."""

    accounts: int
    revisions: int
    items: int
    last_account: int
    last_alias: int
    last_hold: int


async def _take(desk: Desk, files: Sequence[Source]) -> Counter[str]:
    before = await desk.read(_content)
    report = await import_files(desk, files, ANN)
    after = await desk.read(_content)
    outcomes = Counter(row.outcome for row in report.items)
    changes = outcomes[Outcome.NEW] + outcomes[Outcome.UPDATED]
    assert after.accounts - before.accounts == outcomes[Outcome.NEW]
    assert after.revisions - before.revisions == changes
    assert after.items - before.items == len(report.items)
    await desk.read(lambda connection: _look_at_rows(desk, connection, report, before))
    return Counter(row.outcome.value for row in report.items)


def _look_at_rows(desk: Desk, connection: ReadConnection, report: ImportReport, before: _Content) -> None:
    keys = _keys(connection, report)
    items = select(batch_items).where(batch_items.c.batch == report.batch).order_by(batch_items.c.row)
    for row, item in zip(report.items, connection.execute(items), strict=True):
        _look_at_row(row, item, keys)
    new = {keys[str(row.auth_index)] for row in report.items if row.outcome is Outcome.NEW}
    came = select(accounts.c.key).where(accounts.c.key > before.last_account)
    assert set(connection.execute(came).scalars()) == new
    concerned = {keys[str(row.auth_index)] for row in report.items if row.outcome in {*_CHANGES, Outcome.UNCHANGED}}
    named = select(aliases.c.account).where(aliases.c.key > before.last_alias)
    assert set(connection.execute(named).scalars()) <= concerned
    held = select(holds.c.account).where(holds.c.key > before.last_hold, holds.c.code != "merge_proposed")
    assert set(connection.execute(held).scalars()) <= concerned
    grown = Counter(str(row.auth_index) for row in report.items if row.outcome in _CHANGES)
    for auth_index, count in grown.items():
        _look_at_account(desk, connection, auth_index, count, is_new=keys[auth_index] in new)


def _look_at_row(row: ImportRow, item: Row[Any], keys: dict[str, int]) -> None:
    assert (item.outcome, item.subject) == (row.outcome.value, row.file_name)
    if row.outcome in {Outcome.REJECTED, Outcome.CONFLICT}:
        assert item.account is None, row
        assert row.reason is not None, row
    else:
        assert item.account == keys[str(row.auth_index)], row


def _look_at_account(desk: Desk, connection: ReadConnection, auth_index: str, count: int, *, is_new: bool) -> None:
    kept = revisions.of_account(connection, auth_index)
    assert not is_new or len(kept) == count
    assert revisions.current(connection, auth_index).number == kept[0].number
    for revision in kept[:count]:
        _look_at_revision(desk, connection, revision)


def _look_at_revision(desk: Desk, connection: ReadConnection, revision: StoredRevision) -> None:
    document = formats.opened(seals.open_file(desk.vault, revision))
    asked = select(accounts.c.provider).where(accounts.c.key == revision.account)
    provider = connection.execute(asked).scalar_one()
    held = {desk.vault.keyed_hash("fingerprint", secret) for _, secret in PROVIDERS[provider].secrets(document)}
    known = select(fingerprints.c.hash).where(
        fingerprints.c.account == revision.account, fingerprints.c.revision <= revision.number
    )
    assert held
    assert held <= set(connection.execute(known).scalars())


def _keys(connection: ReadConnection, report: ImportReport) -> dict[str, int]:
    wanted = [row.auth_index for row in report.items if row.auth_index is not None]
    asked = select(accounts.c.auth_index, accounts.c.key).where(accounts.c.auth_index.in_(wanted))
    return {row.auth_index: row.key for row in connection.execute(asked)}


def _content(connection: ReadConnection) -> _Content:
    counted = (select(func.count()).select_from(table) for table in (accounts, revision_table, batch_items))
    last = (select(func.coalesce(func.max(table.c.key), 0)) for table in (accounts, aliases, holds))
    return _Content(*(connection.execute(asked).scalar_one() for asked in (*counted, *last)))


def _strays(connection: ReadConnection) -> int:
    """Fingerprints of a revision that is not there."""
    there = select(revision_table.c.account).where(
        revision_table.c.account == fingerprints.c.account, revision_table.c.number == fingerprints.c.revision
    )
    return int(connection.execute(select(func.count()).select_from(fingerprints).where(~there.exists())).scalar_one())

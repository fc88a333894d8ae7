"""A check-up of the home: is it private, are keys and databases right, does every secret open, is the audit whole?

It mends nothing. What is ``bad`` needs somebody to act; a ``note`` is worth knowing.
"""

import shutil
import stat
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from authdeck.clock import to_micros
from authdeck.errors import DeckError
from authdeck.operations import keyring, seals, unreadable
from authdeck.operations.desk import Desk
from authdeck.operations.token_calls import LEASE
from authdeck.storage.database import Database, ReadConnection
from authdeck.storage.reading import access, audit, sealed, soundness
from authdeck.storage.reading.requests import known_gaps
from authdeck.storage.writing.audit import covered
from authdeck.storage.writing.refreshing import database_now

_OTHERS: Final = 0o077
SHOWN: Final = 20
"""Findings of one kind; more say no more."""

DISK_LOW: Final = 512 * 1024 * 1024
CLOCKS_APART: Final = timedelta(seconds=2)
GAPS_SHOWN: Final = timedelta(days=7)
_SLICE: Final = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """``code`` names what was found, ``params`` fill its sentence; ``fine`` is false where somebody should act."""

    check: str
    fine: bool
    code: str
    params: Mapping[str, Any] = field(default_factory=dict)
    is_note: bool = False

    @property
    def level(self) -> str:
        return "bad" if not self.fine else "note" if self.is_note else "ok"


async def checkup(desk: Desk, monitoring: Database) -> list[Finding]:
    """Every check once, the home first. That it can be asked at all means: schema and master key are right."""
    found = [*_home(desk.settings.home), _disk(desk.settings.home)]
    found += [Finding("schema", True, "checkup_schema"), Finding("key", True, "checkup_key")]
    found += await _keys(desk)
    found += await desk.read(_database)
    found.append(await _clocks(desk))
    auth_files = await _auth_files(desk)
    told = {str(finding.params["auth_index"]) for finding in auth_files if not finding.fine}
    found += auth_files
    found += await _secrets(desk, told)
    found += await desk.read(partial(_calls, desk))
    found += await desk.read(partial(_audit, desk))
    found += await monitoring.read(partial(_gaps, desk))
    return found


def _home(home: Path) -> Iterator[Finding]:
    """Nothing in the home may be read by others. Socket and lock files hold no secret but lie in it all the same."""
    exposed = [path for path in (home, *sorted(home.iterdir())) if stat.S_IMODE(path.stat().st_mode) & _OTHERS]
    for path in exposed:
        yield Finding("home", False, "checkup_home_exposed", {"path": str(path)})
    if not exposed:
        yield Finding("home", True, "checkup_home", {"path": str(home)})


def _disk(home: Path) -> Finding:
    free = shutil.disk_usage(home).free
    params = {"path": str(home), "free": free // (1024 * 1024)}
    return Finding("disk", free >= DISK_LOW, "checkup_disk" if free >= DISK_LOW else "checkup_disk_low", params)


async def _keys(desk: Desk) -> list[Finding]:
    """The terms of the ring, and whether anybody has a copy of the key that opens them."""
    terms, rows = await desk.read(lambda c: (access.seal_terms(c), sealed.rows_of_terms(c)))
    missing = sorted({term.number for term in terms} & set(rows) - desk.vault.terms)
    found = [Finding("terms", False, "checkup_term_missing", {"term": term, "rows": rows[term]}) for term in missing]
    behind = sum(count for term, count in rows.items() if term < desk.vault.newest_term)
    if behind:
        params = {"term": desk.vault.newest_term, "rows": behind}
        found.append(Finding("terms", True, "checkup_resealing", params, is_note=True))
    if not found:
        found.append(Finding("terms", True, "checkup_terms", {"count": len(terms)}))
    if desk.settings.master_key is None and await keyring.exported(desk) is None:
        found.append(Finding("key", True, "checkup_key_not_exported", is_note=True))
    return found


def _database(connection: ReadConnection) -> list[Finding]:
    """The file's pages and indexes, references between rows, and the two that no constraint can keep."""
    found = [Finding("database", False, "checkup_damage", {"problem": text}) for text in soundness.damage(connection)]
    found += [
        Finding("database", False, "checkup_reference", {"table": table})
        for table in soundness.broken_references(connection)
    ]
    for code, accounts in (
        ("checkup_no_revision", soundness.without_current_revision(connection)),
        ("checkup_no_fingerprint", soundness.without_fingerprint(connection)),
    ):
        found += [Finding("database", False, code, {"auth_index": index}) for index in accounts[:SHOWN]]
    return found or [Finding("database", True, "checkup_database")]


async def _clocks(desk: Desk) -> Finding:
    """Leases go by the database's clock, everything else by ours."""
    theirs = await desk.read(database_now)
    apart = abs(theirs - desk.clock.now())
    fine = apart <= CLOCKS_APART
    params = {"seconds": round(apart.total_seconds(), 1)}
    return Finding("clock", fine, "checkup_clock" if fine else "checkup_clock_apart", params)


def _calls(desk: Desk, connection: ReadConnection) -> list[Finding]:
    """Token calls that nobody ended, though none may last so long."""
    before = desk.now() - timedelta(seconds=LEASE)
    left = soundness.forgotten_calls(connection, before)[:SHOWN]
    found = [Finding("refresh", True, "checkup_call_open", {"auth_index": index}, is_note=True) for index in left]
    return found or [Finding("refresh", True, "checkup_calls")]


def _gaps(desk: Desk, connection: ReadConnection) -> list[Finding]:
    now = desk.now()
    since, until = (to_micros(moment) // 1000 for moment in (now - GAPS_SHOWN, now))
    count = len(known_gaps(connection, since, until))
    if count:
        return [Finding("monitoring", True, "checkup_gaps", {"count": count, "days": GAPS_SHOWN.days}, is_note=True)]
    return [Finding("monitoring", True, "checkup_no_gaps", {"days": GAPS_SHOWN.days})]


async def _secrets(desk: Desk, told: AbstractSet[str]) -> list[Finding]:
    """Every sealed secret: former auth files, headers, proxies and so on, in slices. ``told`` are not named again."""
    broken: list[Finding] = []
    count = 0
    for kind in sealed.COLUMNS:
        after = None
        while found := await desk.read(partial(_opened, desk, kind, after)):
            count += len(found)
            broken += [finding for _, finding in found if finding is not None and finding.params["row"] not in told]
            after = found[-1][0]
    return broken[:SHOWN] or [Finding("secrets", True, "checkup_secrets", {"count": count})]


def _opened(
    desk: Desk, kind: str, after: tuple[Any, ...] | None, connection: ReadConnection
) -> list[tuple[tuple[Any, ...], Finding | None]]:
    """The next secrets by key, each with what is wrong."""
    found = []
    for row in sealed.page(connection, kind, after, _SLICE):
        finding = None
        try:
            desk.vault.open(row.sealed, seals.place_of(row))
        except DeckError as error:
            params = {"kind": kind, "row": row.row, "number": row.number, "problem": error.code}
            finding = Finding("secrets", False, "checkup_secret_unreadable", params)
        found.append((row.key, finding))
    return found


async def _auth_files(desk: Desk) -> list[Finding]:
    broken = []
    count = 0
    async for revision, code in unreadable.walk(desk):
        count += 1
        if code is not None:
            params = {"auth_index": revision.auth_index, "problem": code}
            broken.append(Finding("auth_files", False, "checkup_unreadable", params))
    return broken or [Finding("auth_files", True, "checkup_auth_files", {"count": count})]


def _audit(desk: Desk, connection: ReadConnection) -> list[Finding]:
    """Each writer's chain is walked from its start; a changed or missing entry breaks it there."""
    breaks = []
    count = 0
    for writer in audit.writers(connection):
        previous = ""
        for number, entry in enumerate(audit.chain(connection, writer), 1):
            count += 1
            if entry.seq != number or desk.vault.keyed_hash("audit", covered(previous, entry)) != entry.mac:
                params = {"writer": writer, "seq": number}
                breaks.append(Finding("audit", False, "checkup_audit_broken", params))
                break
            previous = entry.mac
    return breaks or [Finding("audit", True, "checkup_audit", {"count": count})]

"""A check-up of the home: is it private, does every auth file open, is the audit whole? It mends nothing."""

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from authdeck.operations import unreadable
from authdeck.operations.desk import Desk
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading import audit
from authdeck.storage.writing.audit import covered

_OTHERS: Final = 0o077


@dataclass(frozen=True, slots=True)
class Finding:
    """``code`` names what was found, ``params`` fill its sentence; ``fine`` tells whether somebody should act."""

    check: str
    fine: bool
    code: str
    params: Mapping[str, Any] = field(default_factory=dict)


async def checkup(desk: Desk) -> list[Finding]:
    """Every check once, the home first. That it can be asked at all means: schema and master key are right."""
    found = [*_home(desk.settings.home), Finding("schema", True, "checkup_schema"), Finding("key", True, "checkup_key")]
    found += await _auth_files(desk)
    found += await desk.read(partial(_audit, desk))
    return found


def _home(home: Path) -> Iterator[Finding]:
    """Nothing in the home may be read by others. Socket and lock files hold no secret but lie in it all the same."""
    exposed = [path for path in (home, *sorted(home.iterdir())) if stat.S_IMODE(path.stat().st_mode) & _OTHERS]
    for path in exposed:
        yield Finding("home", False, "checkup_home_exposed", {"path": str(path)})
    if not exposed:
        yield Finding("home", True, "checkup_home", {"path": str(home)})


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

"""Why Monitoring may be empty: what to check, in order, with what is seen of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from authdeck.account import Kind, Provider
from authdeck.health import Health
from authdeck.operations.client_keys import list_keys
from authdeck.operations.terms import TEXT_VERSIONS
from authdeck.search import AccountSearch
from authdeck.storage.reading.terms import acknowledged
from authdeck.web.account_rows import NAMES
from authdeck.web.room import Room

_ALL: Final = AccountSearch(page_size=1)
_SERVING: Final = frozenset({Health.AVAILABLE, Health.LOW, Health.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Check:
    """``code`` names its sentences: ``quiet.<code>`` and, with ``seen``, ``quiet.<code>.seen`` or ``.missing``."""

    code: str
    done: bool
    href: str
    count: int
    names: str = ""

    @property
    def seen(self) -> str:
        return f"quiet.{self.code}.{'seen' if self.done else 'missing'}"


async def checks(room: Room, now: datetime) -> Sequence[Check]:
    """From the first thing that a request needs to the last."""
    found = room.desk.directory.find(_ALL, now)
    decided = await room.desk.read(acknowledged)
    waiting = [name for name in NAMES if name in TEXT_VERSIONS and name not in decided and _sign_ins(room, name, now)]
    held = sum(_sign_ins(room, name, now, _SERVING) for name in waiting)
    serving = sum(found.facets["state"].get(health, 0) for health in _SERVING) - held
    problems = "/auth-files?problem=true" if found.facets["only"].get("problem") else "/auth-files"
    keys = sum(key.counts(now) for key in await list_keys(room.desk))
    return (
        Check("accounts", found.total > 0, "/auth-files" if found.total else "/import", found.total),
        Check("terms", not waiting, "/settings/terms", len(waiting), ", ".join(NAMES[name] for name in waiting)),
        Check("available", serving > 0, "/auth-files" if serving else problems, serving),
        Check("keys", keys > 0, "/client-keys", keys),
    )


def _sign_ins(room: Room, provider: str, now: datetime, state: frozenset[Health] = frozenset()) -> int:
    """How many accounts of it serve only after its terms were acknowledged."""
    search = AccountSearch(provider=Provider(provider), kind=Kind.OAUTH, state=state, page_size=1)
    return room.desk.directory.find(search, now).total

"""Why Monitoring may be empty: what to check, in order, with what is seen of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from authdeck.health import Health
from authdeck.operations.client_keys import list_keys
from authdeck.operations.terms import TEXT_VERSIONS
from authdeck.search import AccountSearch
from authdeck.storage.reading.terms import acknowledged
from authdeck.web.account_rows import NAMES
from authdeck.web.room import Room

_ALL: Final = AccountSearch(page_size=1)
_SERVING: Final = (Health.AVAILABLE, Health.LOW, Health.UNKNOWN)


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
    states, providers = found.facets["state"], found.facets["provider"]
    serving = sum(states.get(health.value, 0) for health in _SERVING)
    decided = await room.desk.read(acknowledged)
    waiting = [NAMES[name] for name in NAMES if name in TEXT_VERSIONS and name in providers and name not in decided]
    keys = sum(key.counts(now) for key in await list_keys(room.desk))
    accounts = sum(states.values())
    return (
        Check("accounts", accounts > 0, "/auth-files" if accounts else "/import", accounts),
        Check("available", serving > 0, "/auth-files" if serving else "/auth-files?problem=true", serving),
        Check("terms", not waiting, "/settings/terms", len(waiting), ", ".join(waiting)),
        Check("keys", keys > 0, "/client-keys", keys),
    )

"""Where the console leads to. A place without a page behind it is not shown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from authdeck.access import Role


@dataclass(frozen=True, slots=True)
class Place:
    """``key`` is the page's ``section``; its name is the sentence ``nav.<key>``. ``least`` may open it."""

    key: str
    href: str
    icon: str
    least: Role = Role.VIEWER


WORK: Final = (
    Place("auth-files", "/auth-files", "files"),
    Place("import", "/import", "upload", Role.OPERATOR),
    Place("login", "/oauth-login", "login", Role.OPERATOR),
    Place("quota", "/quota", "quota"),
    Place("inspection", "/inspection", "inspect"),
    Place("queue", "/queue", "queue"),
    Place("monitoring", "/monitoring", "monitor"),
)
MANAGE: Final = (
    Place("batches", "/batches", "undo"),
    Place("trash", "/trash", "trash"),
    Place("client-keys", "/client-keys", "key", Role.OPERATOR),
    Place("operators", "/operators", "people", Role.ADMIN),
    Place("audit", "/audit", "audit", Role.ADMIN),
    Place("settings", "/settings/terms", "settings"),
)


def places(paths: Iterable[str]) -> tuple[Sequence[Place], Sequence[Place]]:
    """Those of both groups whose page is among ``paths``."""
    known = frozenset(paths)
    return [place for place in WORK if place.href in known], [place for place in MANAGE if place.href in known]

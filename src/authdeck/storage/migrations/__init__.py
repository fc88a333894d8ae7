"""The steps that make the tables. One branch for each database: ``versions/control`` and ``versions/monitoring``.

A step is a file named by its date; its ``revision`` is the file's name. Steps are plain Alembic, run from here: there
is no ``alembic.ini``, so an installed wheel has all it needs. What goes, goes a release later than what replaces it,
because processes of the former release may still run on the same PostgreSQL. The drift test in ``tests/storage`` names
what a new step has to do.
"""

import re
from collections.abc import Mapping
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, MetaData, inspect, text

from authdeck.storage import tables

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

_VERSIONS: Final = Path(__file__).parent / "versions"
_BUILDS_UPON: Final = re.compile(r'^down_revision = (?:None|["\'](\w+)["\'])$', re.MULTILINE)


class Branch(Enum):
    """One line of steps for each database."""

    CONTROL = "control"
    MONITORING = "monitoring"

    @property
    def metadata(self) -> MetaData:
        return tables.control if self is Branch.CONTROL else tables.monitoring


def newest(branch: Branch) -> str:
    """The revision that this program was written for: the step that no other builds upon."""
    builds_upon = known(branch)
    (head,) = builds_upon.keys() - builds_upon.values()
    return head


def is_known(branch: Branch, revision: str) -> bool:
    return revision in known(branch)


@cache
def known(branch: Branch) -> Mapping[str, str | None]:
    """Every revision, with the one that it builds upon.

    Read as text: most starts have nothing to bring up to date, and Alembic with all the steps would be a tenth of them.
    """
    files = [file for folder in folders(branch) for file in Path(folder).glob("*.py")]
    found = {file.stem: _BUILDS_UPON.search(file.read_text("utf-8")) for file in files}
    return {name: said[1] for name, said in found.items() if said is not None}


@cache
def folders(branch: Branch) -> list[str]:
    """Where the branch's steps lie."""
    return [str(_VERSIONS / branch.value)]


def revision_of(connection: Connection) -> str | None:
    """The database's revision; ``None`` where there is no table yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


@cache
def steps(branch: Branch) -> "ScriptDirectory":
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - see known

    return ScriptDirectory(str(_VERSIONS.parent), version_locations=folders(branch))


def upgrade(connection: Connection, branch: Branch, to: str = "head") -> None:
    """Take every step that is missing up to ``to``, inside the caller's transaction."""
    from alembic.config import Config  # noqa: PLC0415 - see known
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415

    def missing(revision: Any, _context: "MigrationContext") -> Any:
        return steps(branch)._upgrade_revs(to, revision)  # noqa: SLF001 - what Alembic's own command calls

    with EnvironmentContext(Config(), steps(branch), fn=missing) as environment:
        environment.configure(connection=connection, target_metadata=branch.metadata, render_as_batch=True)
        environment.run_migrations()

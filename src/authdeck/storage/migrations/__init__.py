"""The steps that make the tables. One branch for each database: ``versions/control`` and ``versions/monitoring``.

A step is a file named by its date; its ``revision`` is the file's name. Steps are plain Alembic, run from here: there
is no ``alembic.ini``, so an installed wheel has all it needs. What goes, goes a release later than what replaces it,
because processes of the former release may still run on the same PostgreSQL. The drift test in ``tests/storage`` names
what a new step has to do.
"""

from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData

from authdeck.storage import tables

_HERE = Path(__file__).parent


class Branch(Enum):
    """One line of steps for each database."""

    CONTROL = "control"
    MONITORING = "monitoring"

    @property
    def metadata(self) -> MetaData:
        return tables.control if self is Branch.CONTROL else tables.monitoring


@cache
def steps(branch: Branch) -> ScriptDirectory:
    return ScriptDirectory(str(_HERE), version_locations=[str(_HERE / "versions" / branch.value)])


def newest(branch: Branch) -> str:
    """The revision that this program was written for."""
    head = steps(branch).get_current_head()
    assert head is not None
    return head


def is_known(branch: Branch, revision: str) -> bool:
    return any(step.revision == revision for step in steps(branch).walk_revisions())


def revision_of(connection: Connection) -> str | None:
    """The database's revision; ``None`` where there is no table yet."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(connection: Connection, branch: Branch, to: str = "head") -> None:
    """Take every step that is missing up to ``to``, inside the caller's transaction."""

    def missing(revision: Any, _context: MigrationContext) -> Any:
        return steps(branch)._upgrade_revs(to, revision)  # noqa: SLF001 - what Alembic's own command calls

    with EnvironmentContext(Config(), steps(branch), fn=missing) as environment:
        environment.configure(connection=connection, target_metadata=branch.metadata, render_as_batch=True)
        environment.run_migrations()

"""Which schema a database has, and what becomes of it."""

import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, insert, select, text
from sqlalchemy.engine import make_url

from authdeck.errors import DeckError
from authdeck.settings import Settings
from authdeck.storage import opening
from authdeck.storage.database import WriteConnection
from authdeck.storage.migrations import Branch, known, newest, steps, upgrade
from authdeck.storage.tables import gaps, operators
from fakes.clock import SetClock
from fakes.postgresql import Server

OPEN = {Branch.CONTROL: opening.control, Branch.MONITORING: opening.monitoring}
LATER = "2199_01_01_later"


def set_revision(url: str, branch: Branch, revision: str) -> None:
    """Make the database one of another release."""
    statement = f"UPDATE alembic_version SET version_num = '{revision}'"
    if url.startswith("sqlite"):
        with sqlite3.connect(make_url(url).database) as connection:
            connection.execute(statement)
        connection.close()
        return
    schema = "monitoring" if branch is Branch.MONITORING else "public"
    with psycopg.connect(url) as connection:
        connection.execute(f"SET search_path = {schema}")
        connection.execute(statement)


@pytest.mark.parametrize("branch", Branch)
def test_the_steps_make_what_the_tables_say(database_url: str, clock: SetClock, branch: Branch) -> None:
    database = OPEN[branch](database_url, clock)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        differences = compare_metadata(context, branch.metadata)
    assert differences == []
    database.close()


@pytest.mark.parametrize("branch", Branch)
def test_conditions_of_indexes_and_checks_are_the_tables_own(tmp_path: Path, clock: SetClock, branch: Branch) -> None:
    """What Alembic's comparison leaves out: SQLite keeps the very words of each table and index."""

    def words(engine: Engine) -> dict[str, list[str]]:
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")).all()
        engine.dispose()
        # a renamed table stands in quotes
        made = {row.name: parts(row.sql.replace(f'"{row.name}"', row.name)) for row in rows}
        return {name: lines for name, lines in made.items() if name not in {"alembic_version", "sqlite_sequence"}}

    def parts(sql: str) -> list[str]:
        """What stands between the outer parentheses' commas, sorted: a column added later comes after constraints."""
        said, depth = "", 0
        for sign in " ".join(sql.split()).removesuffix(")"):
            depth += (sign == "(") - (sign == ")")
            said += "\n" if (sign == "," and depth == 1) or (sign == "(" and depth == 1) else sign
        return sorted(part.strip() for part in said.splitlines())

    by_steps = OPEN[branch](f"sqlite:///{tmp_path}/steps.db", clock)
    by_tables = create_engine(f"sqlite:///{tmp_path}/tables.db")
    branch.metadata.create_all(by_tables)
    assert words(by_steps.engine) == words(by_tables)
    by_steps.close()


@pytest.mark.parametrize("branch", Branch)
def test_steps_are_named_by_date_and_stand_in_one_line(branch: Branch) -> None:
    for step in steps(branch).walk_revisions():
        assert Path(step.path).stem == step.revision
        assert step.revision[:10].replace("_", "").isdigit()
        assert len(step.revision) <= 32  # what the table of Alembic holds
    assert steps(branch).get_heads() == [newest(branch)]
    assert known(branch) == {step.revision: step.down_revision for step in steps(branch).walk_revisions()}


@pytest.mark.parametrize("branch", Branch)
def test_a_newer_schema_is_refused(database_url: str, clock: SetClock, branch: Branch) -> None:
    OPEN[branch](database_url, clock).close()
    set_revision(database_url, branch, LATER)
    with pytest.raises(DeckError, match="schema_newer") as refused:
        OPEN[branch](database_url, clock, migrate=True)
    assert refused.value.params == {"found": LATER, "known": newest(branch)}


def test_opening_again_changes_nothing(tmp_path: Path, clock: SetClock) -> None:
    for _ in range(2):
        opening.control(f"sqlite:///{tmp_path}/authdeck.db", clock).close()
    assert [file.name for file in tmp_path.iterdir()] == ["authdeck.db"]


def test_a_copy_is_kept_of_what_was_before_a_step(
    tmp_path: Path, clock: SetClock, later_step: Callable[[str], None]
) -> None:
    url = f"sqlite:///{tmp_path}/authdeck.db"
    database = opening.control(url, clock)
    database.write_now(
        lambda c: c.execute(insert(operators), {"name": "Ann", "role": "admin", "created_at": clock.now()})
    )
    database.close()
    later_step("op.add_column('operators', sa.Column('canary', sa.Integer()))")

    opening.control(url, clock).close()

    copy = tmp_path / f"authdeck.before-{LATER}.db"
    assert copy.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(copy) as old, sqlite3.connect(tmp_path / "authdeck.db") as new:
        assert old.execute("SELECT name FROM operators").fetchall() == [("Ann",)]
        assert "canary" not in str(old.execute("SELECT sql FROM sqlite_master").fetchall())
        assert new.execute("SELECT name, canary FROM operators").fetchall() == [("Ann", None)]
    old.close()
    new.close()


def test_a_step_that_fails_leaves_everything_as_it_was(
    tmp_path: Path, clock: SetClock, later_step: Callable[[str], None]
) -> None:
    url = f"sqlite:///{tmp_path}/authdeck.db"
    opening.control(url, clock).close()
    later_step("op.add_column('operators', sa.Column('canary', sa.Integer())); raise ValueError('half-way')")
    with pytest.raises(ValueError, match="half-way"):
        opening.control(url, clock)
    with sqlite3.connect(tmp_path / "authdeck.db") as connection:
        assert "canary" not in str(connection.execute("SELECT sql FROM sqlite_master").fetchall())
    connection.close()


def test_a_step_that_breaks_a_reference_is_undone(
    tmp_path: Path, clock: SetClock, later_step: Callable[[str], None]
) -> None:
    url = f"sqlite:///{tmp_path}/authdeck.db"
    opening.control(url, clock).close()
    later_step(
        "op.execute(\"INSERT INTO saved_views (operator, name, page, query, shared) VALUES (99, 'x', 'x', 'x', 0)\")"
    )
    with pytest.raises(DeckError, match="schema_broken"):
        opening.control(url, clock)
    with sqlite3.connect(tmp_path / "authdeck.db") as connection:
        assert connection.execute("SELECT count(*) FROM saved_views").fetchone() == (0,)
    connection.close()


def test_notes_of_changed_limits_move_to_rows_of_their_own(tmp_path: Path) -> None:
    """In their order, with the time of the answer that they stood in."""
    with create_engine(f"sqlite:///{tmp_path}/authdeck.db").begin() as connection:
        upgrade(connection, Branch.CONTROL, "2026_11_26_seen_headers")
        extras = '{"noted": [["limit_gone", {"window": "weekly"}], ["plan_changed", {"before": "pro"}]]}'
        answers = [(1, extras, 5), (2, "{}", 6), (3, extras, None)]
        for account, told, at in answers:
            connection.execute(
                text("INSERT INTO quota_answers VALUES (:account, 5, 'told', 200, '', '{}', '{}', :told, :at)"),
                {"account": account, "told": told, "at": at},
            )
        upgrade(connection, Branch.CONTROL)
        found = connection.execute(text("SELECT account, at, source, code, params FROM quota_notes ORDER BY key")).all()
    assert [tuple(row) for row in found] == [
        (1, 5, "quota_query", "plan_changed", '{"before": "pro"}'),
        (1, 5, "quota_query", "limit_gone", '{"window": "weekly"}'),
    ]


def test_postgresql_waits_for_the_command(postgresql: Server, clock: SetClock) -> None:
    name = postgresql.new_database()
    url = postgresql.url(name)
    for open_ in OPEN.values():
        with pytest.raises(DeckError, match="schema_behind") as refused:
            open_(url, clock)
        assert refused.value.params["command"] == "authdeck migrate"
        open_(url, clock, migrate=True).close()
        open_(url, clock).close()
    postgresql.drop_database(name)


def test_postgresql_behind_by_a_step_waits_too(
    postgresql_url: str, clock: SetClock, later_step: Callable[[str], None]
) -> None:
    later_step("op.add_column('operators', sa.Column('canary', sa.Integer()))")
    with pytest.raises(DeckError, match="schema_behind"):
        opening.control(postgresql_url, clock)
    opening.control(postgresql_url, clock, migrate=True).close()
    with psycopg.connect(postgresql_url) as connection:
        assert connection.execute("SELECT canary FROM operators").fetchall() == []


def test_a_damaged_control_file_is_refused_and_left_alone(tmp_path: Path, clock: SetClock) -> None:
    file = tmp_path / "authdeck.db"
    file.write_bytes(b"not a database, but Ann's only copy" * 100)
    with pytest.raises(DeckError, match="storage_damaged"):
        opening.control(f"sqlite:///{file}", clock)
    assert file.read_bytes().startswith(b"not a database")


def test_a_damaged_monitoring_file_is_set_aside(tmp_path: Path, clock: SetClock) -> None:
    file = tmp_path / "monitoring.db"
    file.write_bytes(b"not a database" * 100)
    database = opening.monitoring(f"sqlite:///{file}", clock)
    (gap,) = database.read_now(lambda c: c.execute(select(gaps)).all())
    assert (gap.why, gap.until_ms) == ("damaged", int(clock.now().timestamp() * 1000))
    (aside,) = tmp_path.glob("monitoring.db.damaged-*")
    assert aside.read_bytes().startswith(b"not a database")
    database.close()


def test_settings_say_where(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert opening.control_url(settings).database == str(tmp_path / "authdeck.db")
    assert opening.monitoring_url(settings).database == str(tmp_path / "monitoring.db")
    on_server = Settings(home=tmp_path, database_url="postgres://ann@host/authdeck")
    assert opening.control_url(on_server) == opening.monitoring_url(on_server)
    assert opening.control_url(on_server).host == "host"


def test_a_damaged_file_is_set_aside_while_nobody_writes(tmp_path: Path, clock: SetClock) -> None:
    database = opening.monitoring(f"sqlite:///{tmp_path / 'monitoring.db'}", clock)

    def aside() -> list[Path]:
        return list(tmp_path.glob("*.damaged-*"))

    with ThreadPoolExecutor(1) as elsewhere:

        def begin_meanwhile(_: WriteConnection) -> Future[Path]:
            beginning = elsewhere.submit(opening.begin_anew, database, clock)
            wait([beginning], timeout=0.2)  # long enough for what nobody holds back
            assert aside() == []
            return beginning

        lies = database.write_now(begin_meanwhile).result(timeout=60)
    assert lies in aside()
    assert database.read_now(lambda c: c.execute(select(gaps.c.why)).scalars().all()) == ["damaged"]
    database.close()

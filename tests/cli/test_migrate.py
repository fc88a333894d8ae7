"""On PostgreSQL the schema is brought up to date by the command alone; SQLite needs none."""

from authdeck.vault.keys import MasterKey
from cli.conftest import Shell
from fakes.postgresql import Server


def test_postgresql_serves_after_the_command_and_not_before(alone: Shell, postgresql: Server) -> None:
    name = postgresql.new_database()
    given = {"AUTHDECK_DATABASE_URL": postgresql.url(name), "AUTHDECK_MASTER_KEY": MasterKey.new().reveal()}
    before = alone.run("accounts", "list", **given)
    assert (before.code, before.err.rstrip().endswith("(schema_behind)")) == (1, True)
    assert alone.run("migrate", **given).code == 0
    assert alone.run("migrate", **given).code == 0
    assert "No account matches" in alone.run("accounts", "list", **given).out


def test_a_new_sqlite_home_may_be_migrated_too(alone: Shell) -> None:
    assert "up to date" in alone.ok("migrate").out
    assert "No account matches" in alone.ok("accounts", "list").out

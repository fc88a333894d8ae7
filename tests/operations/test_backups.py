"""A backup holds everything, opens with its key alone, and goes back into either database."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, update

from authdeck.account import RefreshBy
from authdeck.errors import DeckError
from authdeck.hold import Owner
from authdeck.operations import backups, keyring, restoring, seals, verify_restored
from authdeck.operations.desk import Desk
from authdeck.operations.restoring import Report
from authdeck.settings import Settings
from authdeck.storage import copying, opening
from authdeck.storage.database import Database
from authdeck.storage.migrations import Branch
from authdeck.storage.reading import access, sealed
from authdeck.storage.reading.holds import open_holds
from authdeck.storage.tables import accounts, installation
from authdeck.vault.keys import MasterKey, read_key_file
from fakes.auth_files import codex, take_in
from fakes.clock import SetClock
from fakes.people import ANN, BOB
from operations.test_resealing import furnish, opened

API_KEY = json.dumps({"type": "claude", "api_key": "sk-ant-FAKE-key"}).encode()


async def backed_up(desk: Desk, monitoring: Database | None = None) -> Path:
    await furnish(desk)
    await take_in(desk, ("key.json", API_KEY))
    return (await backups.make(desk, ANN, monitoring)).file


def key_of(desk: Desk) -> MasterKey:
    key = read_key_file(desk.settings.home / "master.key")
    assert key is not None
    return key


def brought_back(file: Path, desk: Desk, settings: Settings, *, to_replace: bool = False) -> Report:
    return restoring.restore(file, settings, key_of(desk), desk.clock, BOB, to_replace=to_replace)


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Another home: an empty folder, or that and an empty PostgreSQL database."""
    home = tmp_path / "elsewhere"
    home.mkdir(mode=0o700)
    if request.param == "sqlite":
        return Settings(home=home)
    server = request.getfixturevalue("postgresql")
    return Settings(home=home, database_url=SecretStr(server.url(server.new_database())))


async def test_it_works(desk: Desk, elsewhere: Settings, clock: SetClock) -> None:
    file = await backed_up(desk)
    before = await desk.read(lambda c: opened(desk, c))
    report = brought_back(file, desk, elsewhere)
    assert (report.rows["accounts"], report.opened, report.unopened, report.former) == (3, len(before), (), ())
    database = opening.control(elsewhere, clock)
    vault = keyring.open_vault(database, elsewhere, clock)
    assert database.read_now(lambda c: opened(replace(desk, vault=vault), c)) == before
    assert vault.keyed_hash("client_key", "x") == desk.vault.keyed_hash("client_key", "x")
    database.close()


async def test_every_row_comes_back_the_same(desk: Desk, elsewhere: Settings, clock: SetClock) -> None:
    file = await backed_up(desk)
    layouts = [layout for layout in copying.layouts(Branch.CONTROL) if layout.name not in {"holds", "audit"}]
    there = await desk.read(lambda c: {layout.name: list(copying.rows(c, layout)) for layout in layouts})
    brought_back(file, desk, elsewhere)
    database = opening.control(elsewhere, clock)
    here = database.read_now(lambda c: {layout.name: list(copying.rows(c, layout)) for layout in layouts})
    assert here == there
    database.close()


async def test_new_rows_are_numbered_on(desk: Desk, elsewhere: Settings, clock: SetClock) -> None:
    brought_back(await backed_up(desk), desk, elsewhere)
    database = opening.control(elsewhere, clock)
    there = replace(desk, database=database, vault=keyring.open_vault(database, elsewhere, clock))
    report = await take_in(there, ("eve.json", codex("eve@example.org", "acc-eve", "user-eve")))
    assert report.items[0].outcome == "new"
    assert database.read_now(lambda c: c.execute(select(func.max(accounts.c.key))).scalar()) == 4
    database.close()


async def test_rotating_accounts_wait_until_somebody_vouches_for_them(
    desk: Desk, elsewhere: Settings, clock: SetClock
) -> None:
    made = await backups.make(desk, ANN)
    assert made.rotating == ()
    file = await backed_up(desk)
    report = brought_back(file, desk, elsewhere)
    assert [one.file_name for one in report.rotating] == ["ann.json", "bob.json"]
    database = opening.control(elsewhere, clock)
    held = database.read_now(open_holds)
    assert {(hold.owner, hold.code, hold.actor) for holds in held.values() for hold in holds} == {
        (Owner.CREDENTIAL, "restored_unverified", "bob")
    }
    assert set(held) == {one.key for one in report.rotating}
    database.close()


async def test_a_reference_within_a_table_comes_back(desk: Desk, elsewhere: Settings, clock: SetClock) -> None:
    await furnish(desk)
    await desk.write(lambda c: c.execute(update(accounts).where(accounts.c.key == 1).values(merged_into=2)))
    brought_back((await backups.make(desk, ANN)).file, desk, elsewhere)
    database = opening.control(elsewhere, clock)
    assert database.read_now(
        lambda c: c.execute(select(accounts.c.merged_into).order_by(accounts.c.key)).scalars().all()
    ) == [2, None]
    database.close()


async def test_monitoring_comes_along_where_it_is_asked_for(
    desk: Desk, monitoring: Database, elsewhere: Settings, clock: SetClock
) -> None:
    file = await backed_up(desk, monitoring)
    report = brought_back(file, desk, elsewhere)
    assert report.with_monitoring
    opening.monitoring(elsewhere, clock).close()
    assert (file.stat().st_mode & 0o777) == 0o600


async def test_a_drill_touches_nothing(desk: Desk, clock: SetClock) -> None:
    file = await backed_up(desk)
    before = sorted((path.name, path.stat().st_mtime_ns) for path in desk.settings.home.iterdir())
    report = restoring.drill(file, key_of(desk), clock, ANN)
    assert report.rows["accounts"] == 3
    assert sorted((path.name, path.stat().st_mtime_ns) for path in desk.settings.home.iterdir()) == before


async def test_a_secret_that_does_not_open_is_told(desk: Desk, clock: SetClock) -> None:
    index = await furnish(desk)
    broken = desk.vault.seal(b"{}", seals.Place("accounts.headers", "another"))
    await desk.write(
        lambda c: c.execute(update(accounts).where(accounts.c.auth_index == index).values(headers_sealed=broken))
    )
    report = restoring.drill((await backups.make(desk, ANN)).file, key_of(desk), clock, ANN)
    assert [(one.kind, one.row, one.code) for one in report.unopened] == [
        ("accounts.headers", index, "sealed_misplaced")
    ]


async def test_data_are_not_replaced_unless_asked(desk: Desk, elsewhere: Settings, clock: SetClock) -> None:
    file = await backed_up(desk)
    brought_back(file, desk, elsewhere)
    with pytest.raises(DeckError, match="home_has_data"):
        brought_back(file, desk, elsewhere)
    report = brought_back(file, desk, elsewhere, to_replace=True)
    if elsewhere.database_url is None:
        [former] = report.former
        kept = opening.control(f"sqlite:///{former}", clock)
        assert kept.read_now(lambda c: c.execute(select(func.count()).select_from(accounts)).scalar()) == 3
        kept.close()
    opening.control(elsewhere, clock).close()


async def test_another_homes_key_gives_way_and_is_kept(desk: Desk, tmp_path: Path, clock: SetClock) -> None:
    file = await backed_up(desk)
    settings = Settings(home=tmp_path / "busy")
    database = opening.control(settings, clock)
    keyring.open_vault(database, settings, clock)
    database.close()
    former = (settings.home / "master.key").read_text()
    brought_back(file, desk, settings, to_replace=True)
    database = opening.control(settings, clock)
    assert keyring.open_vault(database, settings, clock).installation_id == desk.vault.installation_id
    database.close()
    assert [path.read_text() for path in settings.home.glob("master.key.before-*")] == [former]


async def test_a_damaged_database_is_replaced_and_kept(desk: Desk, tmp_path: Path, clock: SetClock) -> None:
    file = await backed_up(desk)
    settings = Settings(home=tmp_path / "broken")
    settings.home.mkdir()
    (settings.home / "authdeck.db").write_bytes(b"no database" * 1000)
    [former] = brought_back(file, desk, settings, to_replace=True).former
    assert Path(former).read_bytes().startswith(b"no database")
    opening.control(settings, clock).close()


Damage = Callable[[bytes], bytes]


def changed(at: int) -> Damage:
    return lambda content: content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda _: b"PK something else", "backup_unknown"),
        (lambda _: b"", "backup_unknown"),
        (lambda content: content.replace(b"backup 1", b"backup 9", 1), "backup_format_newer"),
        (lambda content: content[: content.index(b"}")], "backup_damaged"),
        (lambda content: content[:-1], "backup_cut_short"),
        (lambda content: content[:300], "backup_cut_short"),
        (lambda content: content + b"x", "backup_damaged"),
        (changed(-1), "backup_damaged"),
        (changed(-2000), "backup_damaged"),
        (changed(30), "backup_key_wrong"),
    ],
)
async def test_a_damaged_file_is_refused_and_nothing_is_made(
    desk: Desk, tmp_path: Path, damage: Damage, code: str
) -> None:
    file = await backed_up(desk)
    content = file.read_bytes()
    assert damage(content) != content
    file.write_bytes(damage(content))
    home = tmp_path / "fresh"
    home.mkdir()
    with pytest.raises(DeckError, match=code):
        brought_back(file, desk, Settings(home=home))
    assert list(home.iterdir()) == []


async def test_a_wrong_key_is_refused(desk: Desk, clock: SetClock) -> None:
    with pytest.raises(DeckError, match="backup_key_wrong"):
        restoring.drill(await backed_up(desk), MasterKey.new(), clock, ANN)


async def test_a_key_that_the_settings_contradict_is_refused(desk: Desk, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "other", master_key=SecretStr(MasterKey.new().reveal()))
    with pytest.raises(DeckError, match="master_key_differs"):
        brought_back(await backed_up(desk), desk, settings)


async def test_a_database_in_use_is_not_replaced(desk: Desk) -> None:
    if desk.database.is_sqlite:
        return  # there the home's lock says so, which the command takes
    url = SecretStr(desk.database.url.render_as_string(hide_password=False))
    settings = Settings(home=desk.settings.home, database_url=url)
    with pytest.raises(DeckError, match="database_in_use"):
        brought_back(await backed_up(desk), desk, settings, to_replace=True)
    assert (await desk.read(access.stored_installation)) is not None


async def test_backups_that_nobody_fetched_go(desk: Desk) -> None:

    old = (await backups.make(desk, ANN)).file
    os.utime(old, (0, 0))
    new = (await backups.make(desk, ANN)).file
    assert (old.exists(), new.exists()) == (False, True)
    with pytest.raises(DeckError, match="backup_not_found"):
        backups.find(desk, "../../master.key")


async def test_a_person_or_a_success_vouches(desk: Desk, clock: SetClock) -> None:
    index = await furnish(desk)
    [_, bob] = [entry.account for entry in desk.directory.entries()]
    assert bob.refresh_by is RefreshBy.AUTHDECK

    async def hold(auth_index: str) -> None:
        key = desk.directory.get(auth_index).account.key

        def work(connection):
            verify_restored.place(connection, key, "2026-11-23T12:00:00Z", BOB, desk.now())
            verify_restored.changed(desk, connection, "account", auth_index)

        await desk.write(work)

    def held(auth_index: str) -> bool:
        return any(hold.code == verify_restored.CODE for hold in desk.directory.get(auth_index).holds)

    await hold(index)
    await verify_restored.saw_successes(desk, {index: clock.now()})
    assert held(index)  # a success of before the restoration proves nothing
    clock.move(seconds=1)
    await verify_restored.saw_successes(desk, {index: clock.now(), bob.auth_index: clock.now()})
    assert not held(index)
    await hold(index)
    await verify_restored.confirm(desk, index, BOB)
    await verify_restored.confirm(desk, index, BOB)
    assert not held(index)


def test_what_must_not_be_left_out_is_not() -> None:
    names = {layout.name for layout in copying.layouts(Branch.CONTROL)}
    assert copying.LEFT_OUT | names == set(Branch.CONTROL.metadata.tables)
    assert {sealed.COLUMNS[kind].sealed.table.name for kind in sealed.COLUMNS} <= names
    assert installation.name in names

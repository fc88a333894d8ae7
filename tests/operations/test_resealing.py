"""A new term: everything is sealed again under it, nothing changes, and the old term goes."""

from sqlalchemy import select, update

from authdeck.notice import ChannelKind
from authdeck.operations import channels, keyring, seals
from authdeck.operations.desk import Desk
from authdeck.operations.resealing import CHUNK, Resealer
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.reading import revisions, sealed
from authdeck.storage.tables import accounts, batch_items, batches, logins
from authdeck.storage.tables import revisions as revisions_table
from authdeck.storage.writing import sealed as writing
from authdeck.vault.vault import Place
from fakes.auth_files import codex, take_in
from fakes.clock import SetClock
from fakes.people import ANN


async def furnish(desk: Desk) -> str:
    """A secret in each table; returns Ann's auth_index."""
    report = await take_in(
        desk,
        ("ann.json", codex(proxy_url="http://ann:FAKE@proxy.example.com:8080", headers={"x-team": "FAKE"})),
        ("bob.json", codex("bob@example.com", "acc-bob", "user-bob")),
    )
    index = report.items[0].auth_index
    assert index is not None

    def work(connection: WriteConnection) -> None:
        at = desk.now()
        batch = {"id": "b" * 32, "kind": "edit", "actor": "ann", "selection": {}, "change": {}, "status": "done"}
        change = desk.vault.seal(b"change_FAKE", Place("batches", "b" * 32))
        connection.execute(batches.insert().values(**batch, created_at=at, sealed=change))
        item = desk.vault.seal(b"before_FAKE", Place("batch_items", "b" * 32, 7))
        connection.execute(
            batch_items.insert().values(batch="b" * 32, row=7, subject="ann.json", outcome="done", sealed=item)
        )
        login = {"id": "d" * 32, "provider": "codex", "session": "s", "status": "pending", "created_at": at}
        verifier = desk.vault.seal(b"verifier_FAKE", Place("logins", "d" * 32))
        connection.execute(logins.insert().values(**login, expires_at=at, sealed=verifier))

    await desk.write(work)
    await channels.add_channel(desk, "On call", ChannelKind.WEBHOOK, "https://hooks.example.com/FAKE", ANN)
    return index


def opened(desk: Desk, connection: ReadConnection) -> dict[tuple[str, str, int], bytes]:
    return {
        (row.kind, row.row, row.number): desk.vault.open(row.sealed, seals.place_of(row))
        for row in sealed.every(connection)
    }


async def test_it_works(desk: Desk) -> None:
    await furnish(desk)
    before = await desk.read(lambda c: opened(desk, c))
    assert {kind for kind, _, _ in before} == set(sealed.COLUMNS)
    await keyring.add_term(desk, ANN)
    resealer = Resealer(desk)
    await resealer.run()
    assert await desk.read(lambda c: opened(desk, c)) == before
    ring = await resealer.ring()
    assert (ring.done, ring.total, ring.stuck) == (len(before), len(before), 0)
    assert await desk.read(sealed.rows_of_terms) == {2: len(before)}


async def test_many_rows_are_taken_in_chunks(desk: Desk) -> None:
    index = await furnish(desk)
    key = desk.directory.get(index).account.key
    content = b"{}"

    def work(connection: WriteConnection) -> None:
        [row] = connection.execute(select(revisions_table).where(revisions_table.c.account == key)).mappings()
        more = [
            {**row, "number": number, "sealed": seals.seal_file(desk.vault, index, number, content)}
            for number in range(2, CHUNK * 2 + 5)
        ]
        connection.execute(revisions_table.insert(), more)

    await desk.write(work)
    await keyring.add_term(desk, ANN)
    await Resealer(desk).run()
    assert set(await desk.read(sealed.rows_of_terms)) == {2}


async def test_the_old_term_retires_and_on_sqlite_its_key_is_forgotten(desk: Desk, clock: SetClock) -> None:
    await furnish(desk)
    await keyring.add_term(desk, ANN)
    resealer = Resealer(desk)
    await resealer.run()
    [_, old] = (await resealer.ring()).uses
    assert (old.rows, old.term.retired_at, old.term.forgotten) == (0, clock.now(), False)
    clock.move(hours=2)
    await resealer.run()
    [_, old] = (await resealer.ring()).uses
    assert old.term.forgotten is desk.database.is_sqlite
    again = keyring.open_vault(desk.database, desk.settings, clock)
    assert again.terms == ({2} if desk.database.is_sqlite else {1, 2})


async def test_a_row_that_changed_meanwhile_stays_as_it_is(desk: Desk) -> None:
    index = await furnish(desk)
    await keyring.add_term(desk, ANN)
    [stale] = await desk.read(lambda c: sealed.page(c, "accounts.headers", None, 10))
    newer = desk.vault.seal(b'{"x-team": "new_FAKE"}', seals.place_of(stale))

    def change(connection: WriteConnection) -> None:
        connection.execute(update(accounts).where(accounts.c.auth_index == index).values(headers_sealed=newer))

    await desk.write(change)
    again = desk.vault.seal(b"older", seals.place_of(stale))
    assert await desk.write(lambda c: writing.replace(c, stale, again)) is False
    stored = await desk.read(lambda c: revisions.secret_settings(c, index))
    assert stored.headers == newer


async def test_a_secret_that_does_not_open_is_left_and_its_term_stays(desk: Desk) -> None:
    index = await furnish(desk)
    broken = desk.vault.seal(b"{}", Place("accounts.headers", "another"))

    def damage(connection: WriteConnection) -> None:
        connection.execute(update(accounts).where(accounts.c.auth_index == index).values(headers_sealed=broken))

    await desk.write(damage)
    await keyring.add_term(desk, ANN)
    resealer = Resealer(desk)
    await resealer.run()
    ring = await resealer.ring()
    assert (ring.stuck, ring.uses[1].rows, ring.uses[1].term.retired_at) == (1, 1, None)


async def test_a_run_goes_on_where_another_ended(desk: Desk) -> None:
    await furnish(desk)
    await keyring.add_term(desk, ANN)
    first = Resealer(desk)
    await first._reseal("revisions", 2)
    ring = await Resealer(desk).ring()
    assert 0 < ring.done < ring.total
    second = Resealer(desk)
    second.start()
    await second.wait(30)
    ring = await second.ring()
    assert (ring.running, ring.done) == (False, ring.total)

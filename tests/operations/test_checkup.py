"""What the check-up finds beyond a sound home."""

from datetime import timedelta

from sqlalchemy import delete, insert, update

from authdeck.operations import checkup as checking
from authdeck.operations import keyring
from authdeck.operations.checkup import checkup
from authdeck.operations.desk import Desk
from authdeck.operations.token_calls import LEASE
from authdeck.storage.database import Database, WriteConnection
from authdeck.storage.tables import accounts, fingerprints, gaps, key_terms, refresh_journal
from fakes.auth_files import codex, take_in
from fakes.clock import SetClock
from fakes.people import ANN


async def codes(desk: Desk, monitoring: Database) -> dict[str, str]:
    """Everything but what is in order, by code, with its level."""
    return {one.code: one.level for one in await checkup(desk, monitoring) if one.level != "ok"}


async def test_a_key_that_nobody_copied_is_a_note_until_somebody_does(desk: Desk, monitoring: Database) -> None:
    assert (await codes(desk, monitoring))["checkup_key_not_exported"] == "note"
    await keyring.note_export(desk, ANN)
    assert "checkup_key_not_exported" not in await codes(desk, monitoring)


async def test_the_clock_of_the_database_is_another(desk: Desk, monitoring: Database) -> None:
    found = await codes(desk, monitoring)  # the test's clock stands still
    assert found["checkup_clock_apart"] == "bad"


async def test_accounts_without_auth_file_or_fingerprint(desk: Desk, monitoring: Database) -> None:
    await take_in(desk, ("ann.json", codex()))

    def damage(connection: WriteConnection) -> None:
        connection.execute(delete(fingerprints))
        connection.execute(update(accounts).values(current_revision=9))

    await desk.write(damage)
    found = await codes(desk, monitoring)
    assert (found["checkup_no_fingerprint"], found["checkup_no_revision"]) == ("bad", "bad")


async def test_a_term_without_its_key(desk: Desk, monitoring: Database) -> None:
    await keyring.add_term(desk, ANN)
    await take_in(desk, ("ann.json", codex()))
    await desk.write(lambda c: c.execute(update(key_terms).where(key_terms.c.term == 2).values(wrapped=b"")))
    again = keyring.open_vault(desk.database, desk.settings, desk.clock)
    found = await codes(Desk(desk.settings, desk.clock, desk.boot, desk.database, again, desk.feed, desk.directory,
                             desk.calls), monitoring)  # fmt: skip
    assert (found["checkup_term_missing"], found["checkup_unreadable"]) == ("bad", "bad")


async def test_what_is_not_sealed_again_yet_is_a_note(desk: Desk, monitoring: Database) -> None:
    await take_in(desk, ("ann.json", codex()))
    await keyring.add_term(desk, ANN)
    assert (await codes(desk, monitoring))["checkup_resealing"] == "note"


async def test_a_token_call_without_end_and_a_gap_are_notes(desk: Desk, monitoring: Database, clock: SetClock) -> None:
    await take_in(desk, ("ann.json", codex()))
    call = {"account": 1, "from_revision": 1, "fence": 1, "boot": "c" * 32, "sent_at": clock.now()}
    await desk.write(lambda c: c.execute(insert(refresh_journal).values(call)))
    assert "checkup_call_open" not in await codes(desk, monitoring)
    clock.move(seconds=LEASE + 1)
    at = int(clock.now().timestamp() * 1000)
    monitoring.write_now(lambda c: c.execute(insert(gaps), {"from_ms": at - 9, "until_ms": at - 1, "why": "late"}))
    found = await codes(desk, monitoring)
    assert (found["checkup_call_open"], found["checkup_gaps"]) == ("note", "note")


def test_gaps_are_those_of_a_week() -> None:
    assert timedelta(days=7) == checking.GAPS_SHOWN

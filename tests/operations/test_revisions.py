"""Editing an auth file and going back to an earlier one: nothing hidden is lost, tokens stay the newest."""

import json
from typing import Any

import pytest

from authdeck.errors import Conflict, DeckError
from authdeck.hold import Owner
from authdeck.operations import disable, documents, seals
from authdeck.operations.desk import Desk
from authdeck.operations.edit_document import edit_document
from authdeck.operations.restore_revision import restore_revision
from authdeck.operations.thin_revisions import thin_revisions
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import audit, revisions, thinning
from authdeck.storage.writing import refreshing
from authdeck.storage.writing import revisions as writing
from fakes.auth_files import codex, take_in
from fakes.clock import SetClock
from fakes.people import ANN, BOB


async def one(desk: Desk, content: bytes | None = None, name: str = "ann.json") -> str:
    return str((await take_in(desk, (name, content or codex(extra="kept")))).items[0].auth_index)


async def opened(desk: Desk, index: str, number: int | None = None) -> dict[str, Any]:
    def read(connection):
        if number is None:
            return revisions.current(connection, index)
        return revisions.one(connection, index, number)

    return json.loads(seals.open_file(desk.vault, await desk.read(read)))


async def edited(desk: Desk, index: str, revision: int | None = None, **changes: Any):
    shown = (await documents.redacted_document(desk, index)).content
    document = {key: value for key, value in {**shown, **changes}.items() if value is not None}
    return await edit_document(desk, index, json.dumps(document).encode(), BOB, revision=revision)


async def test_it_works(desk: Desk) -> None:
    index = await one(desk)
    made = await edited(desk, index, extra="other")
    assert (made.outcome, made.revision, made.generation, made.changed_fields) == ("updated", 2, 1, ("extra",))
    after = await opened(desk, index)
    assert after == {**json.loads(codex(extra="kept")), "extra": "other"}
    (latest, first) = await documents.history(desk, index)
    assert (latest.why, latest.actor, latest.parent, first.why) == ("edited", "bob", 1, "imported")


async def test_what_was_shown_put_back_changes_nothing(desk: Desk) -> None:
    index = await one(desk)
    made = await edited(desk, index)
    assert (made.outcome, made.revision) == ("unchanged", 1)


async def test_other_bytes_of_the_file_stay(desk: Desk) -> None:
    content = b'{ "odd" : [1, 2.50],   ' + codex()[1:]
    index = await one(desk, content)
    await edited(desk, index, prompt="x")
    stored = await desk.read(lambda connection: revisions.current(connection, index))
    assert seals.open_file(desk.vault, stored).startswith(b'{ "odd" : [1, 2.50],   "type"')


async def test_a_stale_revision_is_refused(desk: Desk) -> None:
    index = await one(desk)
    await edited(desk, index, extra="a")
    with pytest.raises(DeckError, match="revision_stale") as refused:
        await edited(desk, index, revision=1, extra="b")
    assert refused.value.status == 412


async def test_another_refresh_token_begins_a_generation(desk: Desk) -> None:
    index = await one(desk)
    made = await edited(desk, index, refresh_token="rt_FAKE_second")
    assert (made.generation, made.revision) == (2, 2)


async def test_a_document_of_another_identity_is_refused_naming_both(desk: Desk) -> None:
    index = await one(desk)
    with pytest.raises(Conflict, match="identity_differs") as refused:
        await edit_document(desk, index, codex("eve@example.org", "acc-eve", "user-eve"), BOB, revision=None)
    assert refused.value.params["account"] == "codex/acc-fake-1/user-fake-1"
    assert refused.value.params["document"] == "codex/acc-eve/user-eve"


async def test_a_token_of_another_account_is_refused(desk: Desk) -> None:
    index = await one(desk)
    await one(desk, codex("eve@example.org", "acc-eve", "user-eve", refresh_token="rt_FAKE_eve"), "eve.json")
    with pytest.raises(Conflict, match="token_of_two_identities"):
        await edited(desk, index, refresh_token="rt_FAKE_eve")


async def test_stars_that_stand_for_nothing_are_refused(desk: Desk) -> None:
    index = await one(desk)
    with pytest.raises(DeckError, match="hidden_value_unknown") as refused:
        await edited(desk, index, session_token="***")
    assert refused.value.params == {"field": "session_token"}


@pytest.mark.parametrize("content", [b"[]", b"{", b'{"type": "codex", "access_token": 7}', b"", b'{"type":"ferret"}'])
async def test_a_bad_document_is_refused_and_nothing_changes(desk: Desk, content: bytes) -> None:
    index = await one(desk)
    with pytest.raises(DeckError):
        await edit_document(desk, index, content, BOB, revision=None)
    assert len(await documents.history(desk, index)) == 1


async def test_settings_in_the_document_are_reported_not_applied(desk: Desk) -> None:
    index = await one(desk, codex(note="mine"))
    made = await edited(desk, index, priority=7, note="other")
    assert made.notes == (("settings_not_applied", {"fields": ["note", "priority"]}),)
    entry = desk.directory.get(index)
    assert entry is not None
    assert (entry.account.settings.note, entry.account.settings.priority, entry.account.version) == ("mine", 0, 1)


async def test_an_operators_hold_outlives_every_edit(desk: Desk) -> None:
    index = await one(desk)
    await disable.disable(desk, index, ANN)
    await edited(desk, index, refresh_token="rt_FAKE_second")
    entry = desk.directory.get(index)
    assert entry is not None
    assert [hold.owner for hold in entry.holds] == [Owner.OPERATOR]


async def test_nothing_is_edited_while_the_refresh_token_is_out(desk: Desk) -> None:
    index = await one(desk)
    await desk.write(lambda connection: refreshing.take_lease(connection, f"refresh:{index}", "c" * 32, 90))
    with pytest.raises(DeckError, match="refresh_under_way"):
        await edited(desk, index, extra="other")


# ---- restoring ----


async def test_restoring_brings_fields_back_and_leaves_the_tokens(desk: Desk) -> None:
    index = await one(desk)
    await edited(desk, index, extra="other", refresh_token="rt_FAKE_second", access_token="at_FAKE_second")
    made = await restore_revision(desk, index, 1, ANN)
    after = await opened(desk, index)
    assert (after["extra"], after["refresh_token"], after["access_token"]) == (
        "kept",
        "rt_FAKE_second",
        "at_FAKE_second",
    )
    assert (made.outcome, made.generation, made.revision) == ("updated", 2, 3)
    (latest, *_) = await documents.history(desk, index)
    assert (latest.why, latest.source, latest.changed_fields) == ("restored", "revision 1", ("extra",))


async def test_restoring_twice_is_once(desk: Desk) -> None:
    index = await one(desk)
    await edited(desk, index, extra="other")
    assert (await restore_revision(desk, index, 1, ANN)).outcome == "updated"
    assert (await restore_revision(desk, index, 1, ANN)).outcome == "unchanged"
    assert len(await documents.history(desk, index)) == 3


async def test_a_person_may_insist_on_old_tokens(desk: Desk) -> None:
    index = await one(desk)
    await edited(desk, index, refresh_token="rt_FAKE_second")
    made = await restore_revision(desk, index, 1, ANN, credential=True)
    assert (await opened(desk, index))["refresh_token"] == "rt_FAKE_acc-fake-1_user-fake-1"
    assert made.generation == 3
    assert made.notes == (("old_credential", {"revision": 1}),)
    said = await desk.read(lambda connection: audit.newest(connection, target=index))
    assert "account:revision:restored" in [entry.what for entry in said]


async def test_the_difference_names_fields_and_shows_no_secret(desk: Desk) -> None:
    index = await one(desk)
    await edited(desk, index, extra=None, added={"deep": 1}, refresh_token="rt_FAKE_second")
    former, found = await documents.difference(desk, index, 2, None)
    assert former == 1
    by_field = {one.field: one.change for one in found}
    assert by_field == {
        "access_token": "same",
        "added.deep": "added",
        "extra": "removed",
        "id_token": "same",
        "refresh_token": "changed",
    }
    assert "FAKE" not in repr(found)


# ---- thinning ----


async def refreshes(desk: Desk, clock: SetClock, index: str, count: int) -> None:
    for number in range(count):
        clock.move(days=1)
        await desk.write(lambda connection, number=number: _refresh(desk, connection, index, f"rt_FAKE_r{number}"))


def _refresh(desk: Desk, connection: WriteConnection, index: str, token: str) -> None:
    """What the refresher commits, without the provider."""
    current = revisions.current(connection, index)
    document = {**json.loads(seals.open_file(desk.vault, current)), "refresh_token": token}
    number = writing.next_number(connection, current.account)
    sealed = seals.seal_file(desk.vault, index, number, json.dumps(document).encode())
    writing.add(
        connection,
        writing.NewRevision(
            current.account, number, current.number, current.generation, "refreshed", "refresh", "authdeck",
            desk.now(), sealed,
        ),
    )  # fmt: skip
    hash_ = desk.vault.keyed_hash("fingerprint", token)
    writing.add_fingerprints(connection, current.account, number, [("refresh_token", hash_)])


async def test_old_refreshes_go_and_the_ends_of_each_generation_stay(desk: Desk, clock: SetClock) -> None:
    index = await one(desk)
    await refreshes(desk, clock, index, 4)
    await edited(desk, index, refresh_token="rt_FAKE_second")
    await refreshes(desk, clock, index, 3)
    clock.move(days=31)
    assert await thin_revisions(desk) == 5
    kept = [
        (revision.number, revision.parent, revision.generation) for revision in await documents.history(desk, index)
    ]
    assert kept == [(9, 6, 2), (6, 5, 2), (5, 1, 1), (1, None, 1)]
    assert await thin_revisions(desk) == 0
    hashes = [desk.vault.keyed_hash("fingerprint", f"rt_FAKE_r{number}") for number in range(4)]
    known = await desk.read(lambda connection: revisions.known_fingerprints(connection, hashes))
    assert len(known) == 4


async def test_young_refreshes_and_side_revisions_stay(desk: Desk, clock: SetClock) -> None:
    index = await one(desk)
    await refreshes(desk, clock, index, 4)
    assert await thin_revisions(desk) == 0
    entry = desk.directory.get(index)
    assert entry is not None
    _, links = await desk.read(lambda connection: thinning.links(connection, entry.account.key))
    assert len(links) == 5

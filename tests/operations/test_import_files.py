"""Imports keep accounts apart that are apart, join those that are one, and lose nothing."""

import json

import pytest

from authdeck import formats, identity, providers
from authdeck.account import RefreshBy
from authdeck.errors import DeckError
from authdeck.health import Health
from authdeck.import_plan import Outcome
from authdeck.operations import disable, edit_accounts, seals, trash
from authdeck.operations.desk import Desk
from authdeck.operations.import_finding import look_up
from authdeck.storage.database import Database
from authdeck.storage.reading import accounts, revisions
from authdeck.storage.reading import trash as trash_reading
from fakes.auth_files import codex, take_in
from fakes.people import ANN, BOB

DIR = "/home/ann/.cli-proxy-api"


async def test_it_works(desk: Desk) -> None:
    report = await take_in(desk, ("codex-ann.json", codex(note="team A", priority=10)), cliproxy_auth_dir=DIR)
    (row,) = report.items
    assert row.outcome is Outcome.NEW
    assert row.auth_index is not None
    entry = desk.directory.get(row.auth_index)
    assert entry is not None
    assert (entry.account.settings.note, entry.account.settings.priority) == ("team A", 10)
    assert (entry.account.email, entry.account.plan) == ("ann@example.com", "plus")
    assert len(entry.account.aliases) == 1


async def test_a_cliproxyapi_index_is_kept_as_an_alias(desk: Desk) -> None:
    name = "codex-user@example.com-plus.json"
    report = await take_in(desk, (name, codex()), cliproxy_auth_dir=DIR)
    found = await desk.read(lambda connection: accounts.resolve(connection, "de23d74f07604254"))
    assert found.auth_index == report.items[0].auth_index


async def test_the_sealed_bytes_are_those_that_came(desk: Desk) -> None:
    content = b'{ "unknown-field" : [1, 2.50],   ' + codex()[1:]
    report = await take_in(desk, ("ann.json", content))
    revision = await desk.read(lambda c: revisions.current(c, str(report.items[0].auth_index)))
    assert b"rt_FAKE" not in revision.sealed
    assert seals.open_file(desk.vault, revision) == content


async def test_the_same_file_again_is_unchanged(desk: Desk) -> None:
    first = await take_in(desk, ("ann.json", codex()))
    again = await take_in(desk, ("ann.json", codex()))
    assert again.items[0].outcome is Outcome.UNCHANGED
    assert again.items[0].auth_index == first.items[0].auth_index


async def test_new_tokens_update_and_settings_stay(desk: Desk) -> None:
    first = await take_in(desk, ("ann.json", codex(note="mine")))
    index = str(first.items[0].auth_index)
    newer = codex(refresh_token="rt_FAKE_new", last_refresh="2026-11-23T10:00:00Z", note="theirs")
    again = await take_in(desk, ("ann-renamed.json", newer))
    assert again.items[0].outcome is Outcome.UPDATED
    assert again.items[0].auth_index == index
    assert "settings_not_applied" in [code for code, _ in again.items[0].notes]
    entry = desk.directory.get(index)
    assert entry is not None
    assert (entry.account.settings.note, entry.account.revision, entry.account.generation) == ("mine", 2, 2)
    assert entry.account.file_name == "ann.json"
    assert "ann-renamed.json" in entry.account.aliases
    assert entry.account.version == 1


async def test_an_older_copy_changes_nothing(desk: Desk) -> None:
    await take_in(desk, ("ann.json", codex()))
    await take_in(desk, ("ann.json", codex(refresh_token="rt_FAKE_2", last_refresh="2026-11-23T10:00:00Z")))
    back = await take_in(desk, ("ann.json", codex()))
    assert back.items[0].outcome is Outcome.UNCHANGED
    assert back.items[0].reason == ("older_than_revision", {"revision": 1})


async def test_two_workspaces_of_one_e_mail_are_two_accounts(desk: Desk) -> None:
    report = await take_in(desk, ("a.json", codex()), ("b.json", codex(organization="acc-fake-2")))
    assert [row.outcome for row in report.items] == [Outcome.NEW, Outcome.NEW]
    assert "near_match" in [code for code, _ in report.items[1].notes]


async def test_two_users_of_one_workspace_are_two_accounts(desk: Desk) -> None:
    report = await take_in(desk, ("a.json", codex()), ("b.json", codex(user="user-fake-2")))
    assert len({row.auth_index for row in report.items}) == 2


async def test_a_taken_file_name_is_a_choice_never_an_overwrite(desk: Desk) -> None:
    await take_in(desk, ("ann.json", codex()))
    other = ("ann.json", codex(organization="acc-fake-2"))
    (row,) = (await take_in(desk, other)).items
    assert row.outcome is Outcome.CONFLICT
    assert row.reason is not None
    assert row.reason[0] == "file_name_taken"
    (kept,) = (await take_in(desk, other, on_conflict="keep_both")).items
    assert (kept.outcome, kept.stored_as) == (Outcome.NEW, "ann-2.json")


async def test_replacing_puts_the_former_account_into_the_trash(desk: Desk) -> None:
    first = (await take_in(desk, ("ann.json", codex()))).items[0]
    (row,) = (await take_in(desk, ("ann.json", codex(organization="acc-fake-2")), on_conflict="replace")).items
    assert row.outcome is Outcome.NEW
    assert await desk.read(trash_reading.indexes) == [first.auth_index]


async def test_what_lies_in_the_trash_is_not_added_a_second_time(desk: Desk) -> None:
    first = (await take_in(desk, ("ann.json", codex()))).items[0]
    await trash.delete(desk, str(first.auth_index), ANN, version=1)
    (row,) = (await take_in(desk, ("ann.json", codex()))).items
    assert (row.outcome, row.reason) == (Outcome.CONFLICT, ("in_trash", {"auth_index": first.auth_index}))
    (row,) = (await take_in(desk, ("ann.json", codex()), on_conflict="replace")).items
    assert (row.outcome, row.auth_index) == (Outcome.UPDATED, first.auth_index)
    assert desk.directory.get(str(first.auth_index)) is not None


async def test_one_bad_file_never_stops_the_others(desk: Desk) -> None:
    report = await take_in(
        desk,
        ("broken.json", b'{"type": "codex",'),
        ("page.json", b"<!doctype html><html><body>cf_chl</body></html>"),
        ("list.json", b"[1, 2]"),
        ("../up.json", codex()),
        ("twice.json", b'{"type": "codex", "type": "claude"}'),
        ("empty.json", b""),
        ("ann.json", codex()),
    )
    assert [row.outcome for row in report.items] == [Outcome.REJECTED] * 6 + [Outcome.NEW]
    assert all(row.reason for row in report.items[:6])
    assert len(desk.directory) == 1


async def test_a_preview_says_the_same_and_writes_nothing(desk: Desk) -> None:
    files = [
        ("a.json", codex()),
        ("a-copy.json", codex()),
        ("b.json", codex(organization="acc-fake-2")),
        ("c.json", b"{"),
    ]
    preview = await take_in(desk, *files, preview=True)
    assert len(desk.directory) == 0
    assert preview.batch is None
    real = await take_in(desk, *files)
    assert [row.outcome for row in preview.items] == [row.outcome for row in real.items]


async def test_a_disabled_file_comes_in_disabled_by_the_import(desk: Desk) -> None:
    (row,) = (await take_in(desk, ("ann.json", codex(disabled=True)))).items
    entry = desk.directory.get(str(row.auth_index))
    assert entry is not None
    assert [hold.code for hold in entry.holds] == ["imported"]
    assert desk.directory.health(entry, desk.now()) is Health.DISABLED
    entry = await disable.enable(desk, str(row.auth_index), BOB)
    assert entry.holds == ()


async def test_a_new_sign_in_clears_the_credential_hold_and_no_other(desk: Desk) -> None:
    from authdeck.hold import Hold, Owner  # noqa: PLC0415 - only here
    from authdeck.storage.writing import holds  # noqa: PLC0415 - only here

    (row,) = (await take_in(desk, ("ann.json", codex()))).items
    index = str(row.auth_index)
    await disable.disable(desk, index, BOB, "moving")
    account = await desk.read(lambda c: accounts.by_index(c, index))
    refused = Hold(Owner.CREDENTIAL, "refresh_refused", desk.now())
    await desk.write(lambda c: holds.place(c, account.key, refused))
    await take_in(desk, ("ann.json", codex(refresh_token="rt_FAKE_2", last_refresh="2026-11-23T11:00:00Z")))
    entry = desk.directory.get(index)
    assert entry is not None
    assert [hold.code for hold in entry.holds] == ["disabled"]


async def test_who_refreshes_is_the_callers_word(desk: Desk) -> None:
    (row,) = (await take_in(desk, ("ann.json", codex()), refresh_by=RefreshBy.OTHER)).items
    entry = desk.directory.get(str(row.auth_index))
    assert entry is not None
    assert entry.account.refresh_by is RefreshBy.OTHER


async def test_an_unknown_choice_is_refused(desk: Desk) -> None:
    with pytest.raises(DeckError, match="choice_unknown"):
        await take_in(desk, ("ann.json", codex()), on_conflict="overwrite")


COMPATIBLE = json.dumps(
    {"type": "openai_compatible", "base_url": "https://api.example.com/v1", "api_key": "sk-FAKE-1", "models": ["m-1"]}
).encode()


async def test_an_admin_approves_the_base_url_with_the_import(desk: Desk) -> None:
    (row,) = (await take_in(desk, ("example.json", COMPATIBLE))).items
    assert ("upstream_approved", {"origin": "https://api.example.com"}) in row.notes
    entry = desk.directory.get(str(row.auth_index))
    assert entry is not None
    assert entry.holds == ()


async def test_an_operators_import_waits_for_an_admin(desk: Desk) -> None:
    from authdeck.operations import upstreams  # noqa: PLC0415 - only here

    (row,) = (await take_in(desk, ("example.json", COMPATIBLE), actor=BOB)).items
    entry = desk.directory.get(str(row.auth_index))
    assert entry is not None
    assert [hold.code for hold in entry.holds] == ["upstream_not_approved"]
    await upstreams.approve(desk, "https://api.example.com/v1", ANN)
    entry = desk.directory.get(str(row.auth_index))
    assert entry is not None
    assert entry.holds == ()


async def test_more_files_than_a_chunk_are_all_taken_in(desk: Desk, database: Database) -> None:
    files = [(f"codex-{n}.json", codex(organization=f"acc-fake-{n}", email=f"p{n}@example.com")) for n in range(230)]
    report = await take_in(desk, *files)
    assert report.count(Outcome.NEW) == 230
    assert len(desk.directory) == 230
    assert len(database.read_now(accounts.live)) == 230


async def test_the_auth_index_survives_rename_edit_disable_and_trash(desk: Desk) -> None:
    index = str((await take_in(desk, ("ann.json", codex()))).items[0].auth_index)
    await edit_accounts.edit(desk, index, ANN, {"file_name": "new-name.json", "note": "x"}, version=1)
    await disable.disable(desk, index, ANN)
    await trash.delete(desk, index, ANN, version=None)
    entry = await trash.restore(desk, index, ANN)
    assert entry.account.file_name == "new-name.json"
    assert [hold.code for hold in entry.holds] == ["disabled"]
    found = await desk.read(lambda c: accounts.resolve(c, "ann.json"))
    assert found.auth_index == index


async def test_only_accounts_that_hold_its_strongest_secret_are_looked_at(desk: Desk) -> None:
    """All of these have one access token, as copies of one person's files may: none opens the others' auth files."""
    files = [(f"{number}.json", codex(f"p{number}@example.com", f"acc-fake-{number}")) for number in range(20)]
    await take_in(desk, *files)
    (draft,) = formats.read(*files[3])
    draft = providers.complete(draft, desk.settings.providers)
    seen = await desk.read(lambda connection: look_up(desk, connection, [(draft, identity.of(draft))]))
    assert [named.account.file_name for named in seen.by_key.values()] == ["3.json"]


async def test_a_lesser_secret_of_an_earlier_row_may_be_all_that_a_later_one_has(desk: Desk) -> None:
    whole = codex(access_token="at_FAKE_its_own")
    bare = json.dumps({"type": "codex", "access_token": "at_FAKE_its_own", "email": "ann@example.com"}).encode()
    first, second = (await take_in(desk, ("whole.json", whole), ("bare.json", bare))).items
    assert (second.outcome, second.auth_index) == (Outcome.UNCHANGED, first.auth_index)

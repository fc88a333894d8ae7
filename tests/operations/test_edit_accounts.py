"""Edits are compare-and-set, validated in one place, and audited without secrets."""

import json
from typing import Any

import pytest

from authdeck.account_fields import FIELDS
from authdeck.errors import Conflict, DeckError, NotFound
from authdeck.operations import edit_accounts, seals, trash
from authdeck.operations.desk import Desk
from authdeck.storage.reading import accounts, audit, revisions
from authdeck.storage.writing.audit import covered
from fakes.auth_files import codex, take_in
from fakes.people import ANN


async def ann(desk: Desk) -> str:
    return str((await take_in(desk, ("ann.json", codex()))).items[0].auth_index)


async def edit(desk: Desk, index: str, version: int | None = None, **changes: Any) -> Any:
    return (await edit_accounts.edit(desk, index, ANN, changes, version=version)).account


async def test_it_works(desk: Desk) -> None:
    account = await edit(desk, await ann(desk), 1, note=" Team pool ", priority="20", weight=3, prefix="team-a")
    settings = account.settings
    assert (settings.note, settings.priority, settings.weight, settings.prefix) == ("Team pool", 20, 3, "team-a")
    assert account.version == 2


async def test_null_clears_and_absent_leaves(desk: Desk) -> None:
    index = await ann(desk)
    await edit(desk, index, note="x", priority=5, project_id="p-1")
    account = await edit(desk, index, note=None, project_id=None)
    assert (account.settings.note, account.settings.project_id, account.settings.priority) == ("", None, 5)


async def test_a_stale_version_changes_nothing(desk: Desk) -> None:
    index = await ann(desk)
    await edit(desk, index, 1, note="Ann's")
    with pytest.raises(DeckError, match="version_stale") as refused:
        await edit(desk, index, 1, note="Bob's")
    assert refused.value.status == 412
    entry = desk.directory.get(index)
    assert entry is not None
    assert entry.account.settings.note == "Ann's"


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("priority", "high", "not_integer"),
        ("priority", True, "not_integer"),
        ("weight", -1, "not_integer"),
        ("weight", 1_000_001, "not_integer"),
        ("weight", 1.5, "not_integer"),
        ("prefix", "a/b", "prefix"),
        ("prefix", ".hidden", "prefix"),
        ("note", 7, "not_text"),
        ("note", "x" * 2001, "too_long"),
        ("note", "a\x00b", "control_character"),
        ("note", "a\x9b31mb", "control_character"),
        ("proxy_url", "ftp://example.com", "proxy_url"),
        ("proxy_url", "http://", "proxy_url"),
        ("headers", {"Authorization": "Bearer x"}, "header_forbidden"),
        ("headers", {"X-A": "$x-b"}, "header_value"),
        ("headers", {"X-A": "a\r\nX-B: c"}, "header_value"),
        ("headers", ["X-A"], "not_header_map"),
        ("websockets", "maybe", "not_boolean"),
        ("model_aliases", [{"name": "a", "alias": "A"}], "alias_same"),
        ("refresh_by", "nobody", "refresh_by"),
    ],
)
async def test_a_wrong_value_is_refused_with_its_field(desk: Desk, field: str, value: Any, problem: str) -> None:
    index = await ann(desk)
    with pytest.raises(DeckError) as refused:
        await edit(desk, index, **{field: value})
    assert (refused.value.code, refused.value.params["field"]) == ("field_invalid", field)
    assert refused.value.params["problem"] == problem


async def test_an_unknown_field_is_refused(desk: Desk) -> None:
    with pytest.raises(DeckError, match="field_unknown"):
        await edit(desk, await ann(desk), auth_index="0" * 16)


async def test_proxy_and_headers_are_sealed_and_shown_masked(desk: Desk) -> None:
    index = await ann(desk)
    account = await edit(desk, index, proxy_url="socks5://ann:pw_FAKE@10.0.0.1:1080", headers={"X-Team": "t_FAKE"})
    assert account.proxy_display == "socks5://10.0.0.1:1080"
    assert account.has_headers
    stored = await desk.read(lambda c: revisions.secret_settings(c, index))
    assert b"pw_FAKE" not in (stored.proxy or b"")
    opened = seals.open_settings(desk.vault, index, stored)
    assert opened.proxy_url is not None
    assert opened.proxy_url.open() == "socks5://ann:pw_FAKE@10.0.0.1:1080"
    assert opened.headers["X-Team"].open() == "t_FAKE"
    entries = await desk.read(lambda c: audit.newest(c, target=index))
    assert "FAKE" not in json.dumps([[entry.before, entry.after] for entry in entries])


async def test_headers_are_set_and_taken_away_by_name(desk: Desk) -> None:
    index = await ann(desk)
    await edit(desk, index, headers={"X-Team": "t_FAKE", "X-Old": "o_FAKE"})
    await edit(desk, index, headers={"x-old": None, "X-New": "n_FAKE"})
    stored = await desk.read(lambda c: revisions.secret_settings(c, index))
    opened = seals.open_settings(desk.vault, index, stored).headers
    assert {name: value.open() for name, value in opened.items()} == {"X-Team": "t_FAKE", "X-New": "n_FAKE"}
    assert not (await edit(desk, index, headers=None)).has_headers


async def test_a_name_in_use_is_refused(desk: Desk) -> None:
    await take_in(desk, ("bob.json", codex(organization="acc-fake-2", email="bob@example.com")))
    with pytest.raises(Conflict, match="file_name_taken"):
        await edit(desk, await ann(desk), file_name="BOB.json")


async def test_a_path_is_no_file_name(desk: Desk) -> None:
    with pytest.raises(DeckError):
        await edit(desk, await ann(desk), file_name="../ann.json")


async def test_deleting_with_a_stale_version_is_refused(desk: Desk) -> None:
    index = await ann(desk)
    await edit(desk, index, note="x")
    with pytest.raises(DeckError, match="version_stale"):
        await trash.delete(desk, index, ANN, version=1)
    with pytest.raises(NotFound):
        await trash.delete(desk, "0" * 16, ANN, version=None)


async def test_a_name_taken_meanwhile_comes_back_suffixed(desk: Desk) -> None:
    index = await ann(desk)
    await trash.delete(desk, index, ANN, version=None)
    await take_in(desk, ("ann.json", codex(organization="acc-fake-2")))
    assert (await trash.restore(desk, index, ANN)).account.file_name == "ann-2.json"


async def test_every_act_is_in_the_chain_of_the_audit(desk: Desk) -> None:
    index = await ann(desk)
    await edit(desk, index, note="x")
    entries = await desk.read(lambda c: audit.chain(c, desk.boot))
    assert [entry.what for entry in entries] == ["accounts:files:imported", "account:settings:edited"]
    previous = ""
    for entry in entries:
        assert entry.mac == desk.vault.keyed_hash("audit", covered(previous, entry))
        previous = entry.mac


async def test_all_accounts_read_at_once_are_what_each_is_by_itself(desk: Desk) -> None:
    """Every setting, so that a column that one of the two ways forgets shows."""
    changed = {
        "note": "n", "priority": 3, "weight": 4, "project_id": "p", "prefix": "team", "excluded_models": ["x*"],
        "model_aliases": [{"model": "m", "alias": "a"}], "disable_cooling": True, "request_retry": 2,
        "websockets": True, "using_api": True, "proxy_url": "http://127.0.0.1:3128", "headers": {"x-a": "b"},
        "request_scoped_errors": [{"status": 400, "match": ["words"], "action": "continue"}], "label": "l",
        "refresh_by": "other",
    }  # fmt: skip
    assert set(changed) == set(FIELDS)
    index = await ann(desk)
    await edit(desk, index, **changed)
    await take_in(desk, ("bob.json", codex("bob@example.com", "acc-fake-bob")))
    at_once = {entry.account.auth_index: entry for entry in await desk.read(accounts.live)}
    assert len(at_once) == 2
    for found, entry in at_once.items():
        assert (await desk.read(lambda connection, name=found: accounts.entries(connection, [name])))[found] == entry

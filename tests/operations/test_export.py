"""Auth files out: what is in them, what is said first, and what is written down about it."""

import asyncio
import io
import json
import zipfile
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pyrage
import pytest

from authdeck import formats, tasks
from authdeck.account import RefreshBy
from authdeck.acts import Act
from authdeck.errors import DeckError
from authdeck.formats import zipped
from authdeck.operations import edit_accounts
from authdeck.operations.desk import Desk
from authdeck.operations.export import Wish, export, preview
from authdeck.operations.export_forms import Form
from authdeck.operations.import_files import Choices, Source, import_files
from authdeck.search import AccountSearch
from authdeck.secret import Secret
from authdeck.storage.reading import accounts, audit
from authdeck.storage.writing.audit import covered
from fakes.auth_files import codex, take_in
from fakes.people import ANN, BOB

KEY = b'{"type": "openai_compatible", "api_key": "sk-FAKE", "base_url": "https://models.example.com/v1"}'


async def taken(desk: Desk, *files: tuple[str, bytes]) -> list[str]:
    report = await take_in(desk, *files)
    return [str(row.auth_index) for row in report.items]


@dataclass(frozen=True, slots=True)
class Taken:
    """An export, as whoever asked for it has it."""

    file_name: str
    media_type: str
    content: bytes = field(repr=False)


async def taken_out(desk: Desk, wish: Wish) -> Taken:
    made = await export(desk, wish, BOB)
    try:
        content = b"".join([piece async for piece in made.content.pieces()])
    finally:
        made.content.close()
    assert made.content.size == len(content)
    return Taken(made.file_name, made.media_type, content)


async def out(desk: Desk, *names: str, form: Form = Form.CLIPROXYAPI, **more: object) -> Taken:
    return await taken_out(desk, Wish(form, names, **more))


async def refused(desk: Desk, wish: Wish) -> DeckError:
    with pytest.raises(DeckError) as raised:
        await export(desk, wish, BOB)
    return raised.value


async def test_it_works(desk: Desk) -> None:
    content = codex(unknown={"kept": 1})
    [ann] = await taken(desk, ("ann.json", content))
    made = await out(desk, "ann.json")
    assert (made.file_name, made.content, made.media_type) == ("ann.json", content, "application/json")
    [entry] = [each for each in await desk.read(lambda c: audit.newest(c, limit=5)) if each.what == Act.FILE_EXPORTED]
    assert (entry.actor, entry.target) == ("bob", ann)
    assert "FAKE" not in str(entry.after)


async def test_what_was_edited_is_in_the_file(desk: Desk) -> None:
    [ann] = await taken(desk, ("ann.json", codex(mystery=[1])))
    changes = {"note": "Ann's", "priority": 3, "proxy_url": "direct", "headers": {"x-a": "b"}}
    await edit_accounts.edit(desk, ann, ANN, changes, version=None)
    document = json.loads((await out(desk, ann)).content)
    assert (document["note"], document["priority"], document["proxy_url"]) == ("Ann's", 3, "direct")
    assert (document["headers"], document["mystery"]) == ({"x-a": "b"}, [1])


async def test_a_preview_says_what_is_lost_and_hands_out_nothing(desk: Desk) -> None:
    await taken(desk, ("ann.json", codex(note="hello", odd=1)), ("key.json", KEY))
    found = await preview(desk, Wish(Form.CODEX_CLI, search=AccountSearch(sort="name")))
    rows = found.rows
    assert (found.total, found.refused, found.lossy, found.rotating) == (2, 1, 1, 1)
    assert [(row.account.file_name, row.lost, row.stale_after) for row in rows] == [
        ("ann.json", ("note", "odd"), "rotating"),
        ("key.json", (), None),
    ]
    assert rows[0].notes[0][0] == "export_shared"
    assert rows[1].refused is not None
    assert rows[1].refused[0] == "export_unsupported"
    entries = await desk.read(lambda c: audit.newest(c, limit=10))
    assert Act.FILE_EXPORTED not in [entry.what for entry in entries]


async def test_what_the_form_cannot_hold_is_refused_or_left_out(desk: Desk) -> None:
    await taken(desk, ("ann.json", codex()), ("key.json", KEY))
    wish = Wish(Form.SUB2API, ("ann.json", "key.json"))
    error = await refused(desk, wish)
    assert (error.code, error.params["file_names"]) == ("export_refused", ["key.json"])
    made = await out(desk, "ann.json", "key.json", form=Form.SUB2API, partial=True)
    [draft] = formats.read("bundle.json", made.content)
    assert draft.document["refresh_token"] == "rt_FAKE_acc-fake-1_user-fake-1"
    assert (await refused(desk, Wish(Form.SUB2API, ("key.json",), partial=True))).code == "export_empty"


async def test_several_files_come_as_a_zip(desk: Desk) -> None:
    await taken(desk, ("ann.json", codex()), ("bob.json", codex("bob@example.com", "acc-bob", "user-bob")))
    made = await out(desk, "ann.json", "bob.json")
    assert (made.file_name, made.media_type) == ("authdeck-cliproxyapi.zip", "application/zip")
    assert [draft.content for draft in formats.read("all.zip", made.content)] == [
        codex(),
        codex("bob@example.com", "acc-bob", "user-bob"),
    ]


async def test_an_archive_comes_back(desk: Desk) -> None:
    await taken(desk, ("ann.json", codex(note="kept")), ("key.json", KEY))
    ann = pyrage.x25519.Identity.generate()
    made = await taken_out(desk, Wish(Form.ARCHIVE, search=AccountSearch(), recipients=[str(ann.to_public())]))
    source = Source("authdeck.age", made.content)
    closed = await import_files(desk, [source], ANN, preview=True)
    assert [row.reason and row.reason[0] for row in closed.items] == ["age_key_missing"]
    opened = await import_files(desk, [source], ANN, preview=True, choices=Choices(identity=Secret(str(ann))))
    assert sorted((row.file_name, row.outcome.value) for row in opened.items) == [
        ("ann.json", "unchanged"),
        ("key.json", "unchanged"),
    ]


async def test_an_archive_needs_a_key_and_nothing_else_takes_one(desk: Desk) -> None:
    await taken(desk, ("ann.json", codex()))
    assert (await refused(desk, Wish(Form.ARCHIVE, ("ann.json",)))).code == "archive_key_missing"
    wish = Wish(Form.CODEX_CLI, ("ann.json",), passphrase=Secret("a FAKE passphrase"))
    assert (await refused(desk, wish)).code == "archive_key_unused"
    assert (await refused(desk, Wish(Form.CODEX_CLI))).code == "export_empty"


async def test_handing_over_leaves_the_sign_in_to_the_other(desk: Desk) -> None:
    [ann, key] = await taken(desk, ("ann.json", codex()), ("key.json", KEY))
    made = await taken_out(desk, Wish(Form.CLIPROXYAPI, (ann, key), hand_over=True))
    drafts = formats.read("all.zip", made.content)
    assert not any(draft.disabled for draft in drafts)
    entry = desk.directory.get(ann)
    assert entry is not None
    assert [(hold.owner.value, hold.code, hold.actor) for hold in entry.holds] == [("operator", "handed_over", "bob")]
    assert entry.account.refresh_by.value == "other"
    other = desk.directory.get(key)
    assert other is not None
    assert other.holds == ()


async def test_what_can_not_be_opened_is_a_row(desk: Desk) -> None:
    await taken(desk, ("ann.json", codex()))
    rows = (await preview(desk, Wish(Form.CLIPROXYAPI, ("ann.json",)))).rows
    assert rows[0].refused is None
    assert "FAKE" not in repr(rows)


async def test_pasted_text_has_a_limit_of_its_own(desk: Desk) -> None:
    long = b"{" + b" " * 1_000_000 + b"}"
    report = await import_files(desk, [Source("a.json", long, pasted=True), Source("a.json", long)], ANN, preview=True)
    assert [row.reason and row.reason[0] for row in report.items] == ["text_too_long", "type_missing"]


async def test_a_bundle_of_thousands_is_taken_in_in_chunks(desk: Desk) -> None:
    accounts = [
        {"name": str(n), "platform": "openai", "type": "oauth", "credentials": {"access_token": f"at_FAKE_{n}"}}
        for n in range(250)
    ]
    report = await import_files(
        desk, [Source("b.json", json.dumps({"proxies": [], "accounts": accounts}).encode())], ANN
    )
    assert {row.outcome.value for row in report.items} == {"new"}
    assert len({row.auth_index for row in report.items}) == 250


def crowd(number: int) -> list[tuple[str, bytes]]:
    """So many people's auth files."""
    return [
        (f"p{n:04}.json", codex(f"p{n}@example.com", f"acc-{n}", f"user-{n}", access_token=f"at_FAKE_{n}"))
        for n in range(number)
    ]


ALL = AccountSearch(sort="name")


async def test_all_that_match_are_exported_whatever_their_number(desk: Desk) -> None:
    files = crowd(1_001)
    await taken(desk, *files)
    found = await preview(desk, Wish(Form.CLIPROXYAPI, search=ALL))
    assert (found.total, found.rotating, found.refused, len(found.rows)) == (1_001, 1_001, 0, 1_000)
    made = await taken_out(desk, Wish(Form.CLIPROXYAPI, search=ALL))
    with zipfile.ZipFile(io.BytesIO(made.content)) as archive:
        assert [(name, archive.read(name)) for name in archive.namelist()] == files
    chain = await desk.read(lambda c: audit.chain(c, desk.boot))
    assert [entry.what for entry in chain].count(Act.FILE_EXPORTED) == 1_001
    assert [entry.seq for entry in chain] == list(range(1, len(chain) + 1))
    for former, entry in pairwise(chain):
        assert desk.vault.keyed_hash("audit", covered(former.mac, entry)) == entry.mac


@pytest.mark.parametrize(("form", "ending"), [(Form.ARCHIVE, "age"), (Form.SUB2API, "json")])
async def test_large_ones_come_in_parts_that_each_come_back(desk: Desk, form: Form, ending: str) -> None:
    await taken(desk, *crowd(30))
    desk.settings = desk.settings.model_copy(update={"upload_limit": 15_000})
    ann = pyrage.x25519.Identity.generate()
    recipients = [str(ann.to_public())] if form is Form.ARCHIVE else []
    made = await taken_out(desk, Wish(form, search=ALL, recipients=recipients))
    assert (made.file_name, made.media_type) == (f"authdeck-{form.value}.zip", "application/zip")
    parts = {member.file_name: member.content for member in zipped.walk(io.BytesIO(made.content))}
    assert [name.rpartition("-")[2] for name in parts] == [f"0001.{ending}", f"0002.{ending}", f"0003.{ending}"]
    assert max(map(len, parts.values())) <= desk.settings.upload_limit
    choices = Choices(identity=Secret(str(ann)))
    rows = [
        row
        for name, content in parts.items()
        for row in (await import_files(desk, [Source(name, content)], ANN, preview=True, choices=choices)).items
    ]
    assert len(rows) == len({row.auth_index for row in rows}) == 30
    assert {row.outcome.value for row in rows} <= {"unchanged", "updated"}


async def test_ended_early_it_leaves_nothing(desk: Desk) -> None:
    await taken(desk, *crowd(150))
    exporting = tasks.start(export(desk, Wish(Form.CLIPROXYAPI, search=ALL), BOB), name="an export")
    while not _open_in(desk):  # noqa: ASYNC110 - until it is under way
        await asyncio.sleep(0)
    exporting.cancel()
    await asyncio.wait({exporting})
    assert exporting.cancelled()
    assert not _open_in(desk)
    assert not [entry for entry in await desk.read(audit.newest) if entry.what == Act.FILE_EXPORTED]


async def test_ended_while_it_is_noted_all_of_it_is_noted(desk: Desk) -> None:
    """Handed over by halves, some sign-ins would be refreshed by two programs."""
    indexes = await taken(desk, *crowd(250))
    wish = Wish(Form.CLIPROXYAPI, search=ALL, hand_over=True)
    exporting = tasks.start(export(desk, wish, BOB), name="an export")

    async def leave(_auth_index: str) -> None:
        exporting.cancel()

    desk.feed.subscribe("account", leave)
    await asyncio.wait({exporting})
    assert exporting.cancelled()
    assert not _open_in(desk)
    stored = await desk.read(lambda connection: accounts.entries(connection, indexes))
    for known in (stored.get, desk.directory.get):
        found = [entry.account.refresh_by for index in indexes if (entry := known(index)) is not None]
        assert found == [RefreshBy.OTHER] * 250


def _open_in(desk: Desk) -> list[str]:
    """Files without a name that this process has open in the home."""
    targets = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            targets.append(str(link.readlink()))
    return [name for name in targets if name.startswith(str(desk.settings.home / "run")) and "(deleted)" in name]

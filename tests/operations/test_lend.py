import pytest
from sqlalchemy import update

from authdeck.errors import DeckError
from authdeck.operations.desk import Desk
from authdeck.operations.edit_accounts import edit
from authdeck.operations.lend import Lender
from authdeck.storage.reading import revisions
from authdeck.storage.tables import revisions as table
from fakes.auth_files import codex, take_in
from fakes.people import ANN


async def one(desk: Desk) -> str:
    report = await take_in(desk, ("ann.json", codex()))
    return report.items[0].auth_index or ""


async def test_it_opens_an_auth_file_once(desk: Desk) -> None:
    lender, index = Lender(desk), await one(desk)
    assert lender.ready(index) is None
    credential = await lender.credential(index)
    assert credential.bearer is not None
    assert credential.bearer.open() == "at_FAKE_1"
    assert lender.ready(index) is credential
    assert "at_FAKE_1" not in repr(credential)


async def test_a_change_of_the_account_drops_what_was_opened(desk: Desk) -> None:
    lender, index = Lender(desk), await one(desk)
    await lender.credential(index)
    await edit(desk, index, ANN, {"project_id": "p-1"}, version=None)
    assert lender.ready(index) is None
    assert (await lender.credential(index)).document["project_id"] == "p-1"


async def test_an_unknown_account(desk: Desk) -> None:
    with pytest.raises(DeckError) as missing:
        await Lender(desk).credential("0" * 16)
    assert missing.value.code == "account_not_found"


async def test_a_file_that_cant_be_opened_is_a_visible_state_until_it_can_be(desk: Desk) -> None:
    lender, index = Lender(desk), await one(desk)
    stored = await desk.read(lambda connection: revisions.current(connection, index))
    await desk.write(lambda connection: connection.execute(update(table).values(sealed=b"damaged")).rowcount)
    with pytest.raises(DeckError) as unreadable:
        await lender.credential(index)
    assert (unreadable.value.code, unreadable.value.status) == ("credential_unreadable", 503)
    entry = desk.directory.get(index)
    assert entry is not None
    assert entry.account.unreadable
    await desk.write(lambda connection: connection.execute(update(table).values(sealed=stored.sealed)).rowcount)
    await lender.credential(index)
    healed = desk.directory.get(index)
    assert healed is not None
    assert healed.account.unreadable is None

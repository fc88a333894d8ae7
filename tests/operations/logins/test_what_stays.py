"""A new sign-in brings tokens and nothing else: what people set, what they hold back, and what was, stays."""

from typing import Any

import pytest

from authdeck.hold import Hold, Owner
from authdeck.operations import edit_accounts, seals
from authdeck.operations.desk import Desk
from authdeck.storage.reading import accounts, holds, revisions
from authdeck.storage.writing import holds as hold_writes
from fakes.auth_files import take_in
from fakes.people import BOB
from operations.logins.conftest import HERE, SignIn

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""What logins ask of a database is asked of both in ``test_log_in.py``."""

SET: dict[str, Any] = {
    "note": "Ann's own",
    "priority": 7,
    "weight": 3,
    "prefix": "team-a",
    "excluded_models": ["gpt-5-*"],
    "disable_cooling": True,
    "request_retry": 2,
    "file_name": "anns-own.json",
}


async def stored(desk: Desk, auth_index: str) -> Any:
    return await desk.read(lambda connection: accounts.by_index(connection, auth_index))


@pytest.mark.parametrize("provider", ["codex", "claude", "antigravity", "kimi", "xai"])
async def test_settings_holds_and_history_stay(desk: Desk, logins, sign_in: SignIn, simulator, provider) -> None:
    ann = simulator.account(provider, "ann@example.com")
    index = (await take_in(desk, simulator.auth_file(ann))).items[0].auth_index
    assert index is not None
    await edit_accounts.edit(desk, index, BOB, {**SET, "headers": {"x-team": "a"}}, version=None)
    before = await stored(desk, index)
    held = Hold(Owner.OPERATOR, "disabled", desk.now(), actor="bob", note="on leave")
    await desk.write(lambda connection: hold_writes.place(connection, before.key, held))

    now = await sign_in(ann, expected=index)
    if now.status == "choosing":  # Kimi says nobody's name
        now = await logins.choose(now.id, "expected", HERE)

    after = await stored(desk, index)
    assert (now.auth_index, now.outcome, after.generation) == (index, "updated", 2)
    assert (after.settings, after.version, after.file_name) == (before.settings, before.version, "anns-own.json")
    assert (after.has_headers, after.created_at, set(before.aliases) <= set(after.aliases)) == (
        True,
        before.created_at,
        True,
    )
    (open_hold,) = (await desk.read(lambda connection: holds.open_holds(connection, [after.key])))[after.key]
    assert (open_hold.owner, open_hold.note) == (Owner.OPERATOR, "on leave")
    kept = await desk.read(lambda connection: revisions.secret_settings(connection, index))
    assert seals.open_settings(desk.vault, index, kept).headers["x-team"].open() == "a"
    whole = await desk.read(lambda connection: revisions.of_account(connection, index))
    assert [(each.number, each.why, each.actor) for each in whole] == [(2, "logged_in", "ann"), (1, "imported", "ann")]

"""Who comes back is nearly an account that is here. The wrong account is never written over; a person is asked."""

import json
from typing import Any

import pytest

from authdeck.errors import DeckError
from authdeck.operations.desk import Desk
from authdeck.operations.log_in import Logins
from authdeck.simulator import Account, Simulator
from authdeck.storage.reading import accounts
from fakes.auth_files import take_in
from operations.logins.conftest import HERE, SignIn

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""What logins ask of a database is asked of both in ``test_log_in.py``."""

WHOLE = ("codex", "claude", "antigravity", "xai")
"""Providers whose sign-ins name their account for good."""


async def stored(desk: Desk, auth_index: str | None) -> Any:
    assert auth_index is not None
    return await desk.read(lambda connection: accounts.by_index(connection, auth_index))


async def imported(desk: Desk, simulator: Simulator, account: Account) -> str:
    return await imported_file(desk, *simulator.auth_file(account))


async def imported_file(desk: Desk, name: str, content: bytes) -> str:
    report = await take_in(desk, (name, content))
    index = report.items[0].auth_index
    assert index is not None
    return index


def partial_codex(**said: str) -> tuple[str, bytes]:
    """A file whose tokens say nothing of whose they are."""
    document = {"type": "codex", "access_token": "at_FAKE", "refresh_token": "rt_FAKE_of_the_file", **said}
    return "partial.json", json.dumps(document).encode()


async def untouched(desk: Desk, auth_index: str) -> bool:
    account = await stored(desk, auth_index)
    return (account.revision, account.generation) == (1, 1)


@pytest.mark.parametrize("provider", WHOLE)
async def test_the_same_identity_is_updated(desk, sign_in: SignIn, simulator, provider):
    ann = simulator.account(provider, "ann@example.com")
    index = await imported(desk, simulator, ann)
    done = await sign_in(ann)
    assert (done.status, done.outcome, done.auth_index, done.near) == ("done", "updated", index, ())


@pytest.mark.parametrize("provider", WHOLE)
@pytest.mark.parametrize("is_expected", [False, True])
async def test_one_email_in_another_workspace(desk, logins: Logins, sign_in: SignIn, simulator, provider, is_expected):
    """Another account, plainly: it is kept as such, and the page says which one has the same e-mail."""
    first = simulator.account(provider, "ann@example.com")
    other = simulator.account(provider, "ann@example.com", organization="org-2", subject="user-2")
    other.project_id = "fake-project-two"
    index = await imported(desk, simulator, first)

    now = await sign_in(other, expected=index if is_expected else None)

    if is_expected:
        assert (now.status, now.reason, now.choices) == ("choosing", "another_identity", ("new",))
        now = await logins.choose(now.id, "new", HERE)
    assert (now.status, now.outcome, now.near) == ("done", "new", (index,))
    assert now.auth_index != index
    assert await untouched(desk, index)


@pytest.mark.parametrize("provider", ["codex", "claude", "antigravity"])
@pytest.mark.parametrize("is_expected", [False, True])
async def test_another_person_in_one_workspace(desk, logins: Logins, sign_in: SignIn, simulator, provider, is_expected):
    ann = simulator.account(provider, "ann@example.com", organization="org-1")
    bob = simulator.account(provider, "bob@example.com", organization="org-1")
    bob.project_id = ann.project_id
    index = await imported(desk, simulator, ann)

    now = await sign_in(bob, expected=index if is_expected else None)

    if is_expected:
        assert (now.reason, now.choices) == ("another_identity", ("new",))
        with pytest.raises(DeckError, match="choice_unknown"):
            await logins.choose(now.id, "expected", HERE)
        now = await logins.choose(now.id, "new", HERE)
    assert (now.outcome, (await stored(desk, now.auth_index)).email) == ("new", "bob@example.com")
    assert await untouched(desk, index)


@pytest.mark.parametrize("choice", ["update", "new"])
async def test_a_file_that_named_the_workspace_alone(desk, logins: Logins, sign_in: SignIn, simulator, choice):
    ann = simulator.account("codex", "ann@example.com", organization="org-1")
    index = await imported_file(desk, *partial_codex(account_id="org-1", email="team@example.com"))

    now = await sign_in(ann)

    assert (now.status, now.reason, now.choices) == ("choosing", "near_match", (f"update:{index}", "new"))
    assert now.labels["email"] == "ann@example.com"
    assert await untouched(desk, index)
    done = await logins.choose(now.id, f"update:{index}" if choice == "update" else "new", HERE)
    if choice == "new":
        assert done.auth_index != index
        assert await untouched(desk, index)
        return
    assert (done.outcome, done.auth_index) == ("updated", index)
    assert (await stored(desk, index)).identity_strength == "full"
    assert (await sign_in(ann)).auth_index == index  # from now on it is known


async def test_a_file_that_named_another_workspace_is_not_offered(desk, logins: Logins, sign_in: SignIn, simulator):
    ann = simulator.account("codex", "ann@example.com", organization="org-1")
    index = await imported_file(desk, *partial_codex(account_id="org-2", email="ann@example.com"))

    now = await sign_in(ann, expected=index)

    assert (now.reason, now.choices) == ("another_identity", ("new",))
    with pytest.raises(DeckError, match="choice_unknown"):
        await logins.choose(now.id, "expected", HERE)
    assert await untouched(desk, index)
    assert (await sign_in(ann)).outcome == "new"


@pytest.mark.parametrize("missing", [("organization",), ("organization", "subject")])
async def test_a_sign_in_without_an_account_id(desk, logins: Logins, sign_in: SignIn, simulator, missing):
    ann = simulator.account("codex", "ann@example.com")
    index = await imported(desk, simulator, ann)
    before = await stored(desk, index)
    for name in missing:
        setattr(ann, name, "")

    now = await sign_in(ann)

    assert (now.reason, now.choices) == ("near_match", (f"update:{index}", "new"))
    done = await logins.choose(now.id, f"update:{index}", HERE)
    after = await stored(desk, index)
    assert (done.outcome, after.generation) == ("updated", 2)
    assert (after.identity_strength, after.organization) == ("full", before.organization)


async def test_one_that_names_nothing_at_all_is_a_new_account(desk, sign_in: SignIn, simulator):
    index = await imported(desk, simulator, simulator.account("codex", "ann@example.com"))
    nobody = simulator.account("codex", "")
    nobody.organization = nobody.subject = ""

    done = await sign_in(nobody)

    assert (done.outcome, (await stored(desk, done.auth_index)).identity_strength) == ("new", "none")
    assert await untouched(desk, index)


async def test_the_expected_one_is_not_written_over_by_one_that_is_here_too(desk, logins, sign_in: SignIn, simulator):
    bob = simulator.account("codex", "bob@example.com", organization="org-1")
    of_bob = await imported(desk, simulator, bob)
    expected = await imported_file(desk, *partial_codex(account_id="org-1"))

    now = await sign_in(bob, expected=expected)

    assert (now.reason, now.choices, now.auth_index) == ("another_identity", ("new",), of_bob)
    assert (await logins.choose(now.id, "new", HERE)).auth_index == of_bob
    assert await untouched(desk, expected)


@pytest.mark.parametrize("same_user", [False, True])
async def test_where_subjects_name_sign_ins_only_a_person_can_say(desk, logins, sign_in: SignIn, simulator, same_user):
    ann = simulator.account("kimi", "ann@example.com")
    index = await imported(desk, simulator, ann)
    came = ann if same_user else simulator.account("kimi", "ann@example.com", subject="user-of-a-new-sign-in")

    now = await sign_in(came)
    asked = (f"update:{index}", "new") if same_user else ()
    assert (now.status, now.choices) == ("choosing" if same_user else "done", asked)
    assert await untouched(desk, index)

    again = await sign_in(came, expected=index)
    assert (again.reason, again.choices) == ("identity_unproven", ("expected", "new"))
    assert (await logins.choose(again.id, "expected", HERE)).auth_index == index


async def test_a_google_user_known_by_number_may_be_the_one_known_by_email(desk, logins, sign_in: SignIn, simulator):
    ann = simulator.account("antigravity", "ann@example.com")
    name, content = simulator.auth_file(ann, sub="1234567890")
    index = await imported_file(desk, name, content)

    now = await sign_in(ann)

    assert (now.reason, now.choices) == ("near_match", (f"update:{index}", "new"))
    assert (await logins.choose(now.id, f"update:{index}", HERE)).auth_index == index
    assert (await sign_in(ann)).auth_index == index  # known by its e-mail now


async def test_a_key_is_no_sign_in(desk, sign_in: SignIn, simulator):
    content = json.dumps({"type": "codex", "api_key": "sk-FAKE-1", "email": "ann@example.com"}).encode()
    index = await imported_file(desk, "key.json", content)

    now = await sign_in(simulator.account("codex", "ann@example.com"))

    assert (now.status, now.outcome) == ("done", "new")
    assert await untouched(desk, index)


async def test_a_crowd_is_cut_to_the_first_few(desk, sign_in: SignIn, simulator):
    for number in range(8):
        name, content = partial_codex(account_id="org-1", refresh_token=f"rt_FAKE_{number}")
        await imported_file(desk, f"{number}-{name}", content)

    now = await sign_in(simulator.account("codex", "ann@example.com", organization="org-1"))

    assert (len(now.choices), now.choices[-1]) == (6, "new")

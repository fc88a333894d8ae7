"""Operators and their keys: roles, switching off, the last admin, and the preset key of an unattended install."""

from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from authdeck import ids
from authdeck.access import Role
from authdeck.errors import Conflict, DeckError, NotFound
from authdeck.operations import admin_keys, operators
from authdeck.operations.admin_keys import AdminKeys
from authdeck.operations.desk import Desk
from authdeck.storage.reading import access
from fakes.clock import SetClock
from fakes.people import ANN

PRESET = "correct horse battery staple"


def with_preset(desk: Desk, text: str) -> Desk:
    return replace(desk, settings=desk.settings.model_copy(update={"admin_key": SecretStr(text)}))


async def installed(desk: Desk, text: str = PRESET) -> AdminKeys:
    await operators.ensure_first(desk)
    keys = AdminKeys(with_preset(desk, text))
    await keys.install_preset()
    return keys


async def test_it_works(desk: Desk) -> None:
    made = await operators.create(desk, "bob", Role.OPERATOR, ANN)
    created = await admin_keys.create(desk, "bob", ANN)
    actor = await AdminKeys(desk).find(created.key.open())
    assert actor is not None
    assert (actor.name, actor.role, actor.key) == ("bob", Role.OPERATOR, made.key)


async def test_a_new_deck_gets_one_admin_and_no_key(desk: Desk) -> None:
    await operators.ensure_first(desk)
    await operators.ensure_first(desk)
    (first,) = await operators.list_operators(desk)
    assert (first.name, first.role) == ("admin", "admin")
    assert await admin_keys.list_keys(desk) == []


async def test_a_name_is_given_once(desk: Desk) -> None:
    await operators.create(desk, "bob", Role.VIEWER, ANN)
    with pytest.raises(Conflict, match="operator_exists"):
        await operators.create(desk, "bob", Role.VIEWER, ANN)


@pytest.mark.parametrize("name", ["", "local:1000", "a b", "-bob", "b" * 65, "bob\n"])
async def test_a_name_that_could_mislead_is_refused(desk: Desk, name: str) -> None:
    with pytest.raises(DeckError, match="operator_name_invalid"):
        await operators.create(desk, name, Role.VIEWER, ANN)


async def test_the_last_admin_stays(desk: Desk) -> None:
    await operators.ensure_first(desk)
    with pytest.raises(Conflict, match="operator_last_admin"):
        await operators.disable(desk, "admin", ANN)
    with pytest.raises(Conflict, match="operator_last_admin"):
        await operators.change_role(desk, "admin", Role.VIEWER, ANN)
    await operators.create(desk, "ann", Role.ADMIN, ANN)
    assert (await operators.disable(desk, "admin", ANN)).disabled_at == desk.now()


async def test_disabling_and_enabling_twice_is_fine(desk: Desk) -> None:
    await operators.create(desk, "bob", Role.VIEWER, ANN)
    assert await operators.disable(desk, "bob", ANN) == await operators.disable(desk, "bob", ANN)
    assert await operators.enable(desk, "bob", ANN) == await operators.enable(desk, "bob", ANN)


async def test_who_is_not_there_can_not_be_changed(desk: Desk) -> None:
    with pytest.raises(NotFound, match="operator_not_found"):
        await operators.disable(desk, "eve", ANN)
    with pytest.raises(NotFound, match="operator_not_found"):
        await admin_keys.create(desk, "eve", ANN)


def test_roles_by_name() -> None:
    assert operators.role_named("viewer") is Role.VIEWER
    with pytest.raises(DeckError, match="role_unknown"):
        operators.role_named("root")


async def test_a_generated_key_is_stored_only_as_a_hash(desk: Desk) -> None:
    await operators.create(desk, "bob", Role.VIEWER, ANN)
    created = await admin_keys.create(desk, "bob", ANN)
    assert ids.is_well_formed(created.key.open(), "ada")
    (stored,) = await admin_keys.list_keys(desk, "bob")
    assert (stored.hash, stored.display) == (
        desk.vault.keyed_hash("admin_key", created.key.open()),
        created.key.open()[:8],
    )


async def test_an_expired_key_is_not_found(desk: Desk, clock: SetClock) -> None:
    await operators.create(desk, "bob", Role.VIEWER, ANN)
    created = await admin_keys.create(desk, "bob", ANN, expires_at=desk.now() + timedelta(hours=1))
    assert await AdminKeys(desk).find(created.key.open()) is not None
    clock.move(hours=1)
    assert await AdminKeys(desk).find(created.key.open()) is None


async def test_a_revoked_key_is_not_found(desk: Desk) -> None:
    await operators.create(desk, "bob", Role.VIEWER, ANN)
    created = await admin_keys.create(desk, "bob", ANN)
    revoked = await admin_keys.revoke(desk, created.id, ANN)
    assert revoked.revoked_at == desk.now()
    assert await AdminKeys(desk).find(created.key.open()) is None
    with pytest.raises(NotFound, match="admin_key_not_found"):
        await admin_keys.revoke(desk, created.id + 1, ANN)


async def test_last_use_is_flushed(desk: Desk) -> None:
    await operators.create(desk, "bob", Role.VIEWER, ANN)
    created = await admin_keys.create(desk, "bob", ANN)
    keys = AdminKeys(desk)
    await keys.find(created.key.open())
    await keys.flush()
    assert (await admin_keys.list_keys(desk))[0].last_used_at == desk.now()


async def test_the_preset_key_is_the_first_admins(desk: Desk) -> None:
    keys = await installed(desk)
    actor = await keys.find(PRESET)
    assert actor is not None
    assert (actor.name, actor.role) == ("admin", Role.ADMIN)


async def test_the_preset_key_is_stored_as_argon2id(desk: Desk) -> None:
    await installed(desk)
    (stored,) = await admin_keys.list_keys(desk)
    assert stored.hash.startswith("$argon2id$")
    assert PRESET not in str(stored)


async def test_the_same_preset_key_is_kept_at_the_next_start(desk: Desk) -> None:
    await installed(desk)
    before = await admin_keys.list_keys(desk)
    await installed(desk)
    assert await admin_keys.list_keys(desk) == before


async def test_another_preset_key_replaces_it(desk: Desk) -> None:
    await installed(desk)
    keys = await installed(desk, "another staple of 24 characters")
    assert await keys.find(PRESET) is None
    assert await keys.find("another staple of 24 characters") is not None
    assert await desk.read(lambda connection: access.usable_preset_key(connection, desk.now())) is not None


async def test_another_process_checks_it_once_and_remembers(desk: Desk) -> None:
    await installed(desk)
    elsewhere = AdminKeys(desk)
    assert await elsewhere.find("wrong " + PRESET) is None
    assert await elsewhere.find(PRESET) is not None
    assert await elsewhere.find(PRESET) is not None
    assert await elsewhere.find("wrong " + PRESET) is None


async def test_a_process_that_remembers_a_replaced_key_forgets_it(desk: Desk) -> None:
    former = await installed(desk)
    await installed(desk, "another staple of 24 characters")
    assert await former.find(PRESET) is None
    assert await former.find("another staple of 24 characters") is not None


@pytest.mark.parametrize("text", ["a" * 23, "a" * 30 + "\n" + "b" * 30, ""])
async def test_a_weak_preset_key_is_refused(desk: Desk, text: str) -> None:
    with pytest.raises(DeckError, match="preset_key_weak"):
        await installed(desk, text)

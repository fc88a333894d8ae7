"""Client keys: shown once, found in memory, in force and out of force at once."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck import ids
from authdeck.errors import DeckError, NotFound
from authdeck.operations import client_keys
from authdeck.operations.client_keys import ClientKeys, Scope
from authdeck.operations.desk import Desk
from authdeck.storage.reading import access, audit
from fakes.clock import SetClock
from fakes.people import ANN, BOB

ONE_HOUR = timedelta(hours=1)


async def table(desk: Desk) -> ClientKeys:
    keys = ClientKeys(desk)
    await keys.start()
    return keys


async def test_it_works(desk: Desk) -> None:
    keys = await table(desk)
    scope = Scope(prefixes=frozenset({"team"}))
    created = await client_keys.create(desk, " Ann's laptop ", ANN, scope=scope, rate_limit=60)
    found = keys.find(created.key.open())
    assert found is not None
    assert (found.id, found.name, found.scope, found.rate_limit) == (created.id, "Ann's laptop", scope, 60)
    assert (found.created_by, found.created_at) == ("ann", desk.now())
    assert found.display == created.key.open()[:8]


async def test_the_key_is_ours_and_stored_only_as_a_hash(desk: Desk) -> None:
    created = await client_keys.create(desk, "Ann's laptop", ANN)
    assert ids.is_well_formed(created.key.open(), "adk")
    assert repr(created.key) == "***"
    (stored,) = await desk.read(access.all_client_keys)
    assert stored.hash == desk.vault.keyed_hash("client_key", created.key.open())


async def test_who_did_it_is_in_the_audit(desk: Desk) -> None:
    created = await client_keys.create(desk, "Ann's laptop", ANN)
    await client_keys.revoke(desk, created.id, BOB)
    entry = await desk.read(lambda connection: audit.last_of(connection, desk.boot))
    assert entry is not None
    assert (entry.actor, entry.what, entry.target) == ("bob", "client_key:key:revoked", created.id)
    assert created.key.open() not in str(entry)


@pytest.mark.parametrize("presented", ["", "adk_FAKE", "a" * 100_000, "é", "\ud800"])
async def test_a_strange_key_is_not_found(desk: Desk, presented: str) -> None:
    keys = await table(desk)
    await client_keys.create(desk, "Ann's laptop", ANN)
    assert keys.find(presented) is None


async def test_keys_from_before_the_start_are_found(desk: Desk) -> None:
    created = await client_keys.create(desk, "Ann's laptop", ANN)
    assert (await table(desk)).find(created.key.open()) is not None


async def test_a_revoked_key_is_out_of_force_before_the_call_returns(desk: Desk) -> None:
    keys = await table(desk)
    created = await client_keys.create(desk, "Ann's laptop", ANN)
    revoked = await client_keys.revoke(desk, created.id, BOB)
    assert keys.find(created.key.open()) is None
    assert revoked.revoked_at == desk.now()
    assert (await client_keys.revoke(desk, created.id, BOB)).revoked_at == revoked.revoked_at


async def test_an_expired_key_is_not_found(desk: Desk, clock: SetClock) -> None:
    keys = await table(desk)
    created = await client_keys.create(desk, "Ann's laptop", ANN, expires_at=desk.now() + ONE_HOUR)
    clock.move(minutes=59, seconds=59)
    assert keys.find(created.key.open()) is not None
    clock.move(seconds=1)
    assert keys.find(created.key.open()) is None


async def test_all_are_listed_newest_first(desk: Desk, clock: SetClock) -> None:
    first = await client_keys.create(desk, "first", ANN)
    clock.move(seconds=1)
    second = await client_keys.create(desk, "second", ANN)
    await client_keys.revoke(desk, first.id, ANN)
    assert [key.id for key in await client_keys.list_keys(desk)] == [second.id, first.id]


async def test_last_use_is_kept_in_memory_until_flushed(desk: Desk, clock: SetClock) -> None:
    keys = await table(desk)
    created = await client_keys.create(desk, "Ann's laptop", ANN)
    clock.move(minutes=5)
    keys.find(created.key.open())
    assert (await client_keys.list_keys(desk))[0].last_used_at is None
    await keys.flush()
    assert (await client_keys.list_keys(desk))[0].last_used_at == desk.now()


async def test_an_unknown_key_can_not_be_revoked(desk: Desk) -> None:
    with pytest.raises(NotFound, match="client_key_not_found"):
        await client_keys.revoke(desk, "0" * 32, ANN)


@pytest.mark.parametrize("name", ["", "  ", "a" * 101, "a\nb"])
async def test_a_name_is_needed(desk: Desk, name: str) -> None:
    with pytest.raises(DeckError, match="client_key_name_invalid"):
        await client_keys.create(desk, name, ANN)


async def test_a_key_can_not_begin_expired(desk: Desk) -> None:
    with pytest.raises(DeckError, match="client_key_expired_already"):
        await client_keys.create(desk, "Ann's laptop", ANN, expires_at=desk.now())


async def test_a_rate_of_nothing_is_refused(desk: Desk) -> None:
    with pytest.raises(DeckError, match="client_key_rate_invalid"):
        await client_keys.create(desk, "Ann's laptop", ANN, rate_limit=0)


def test_a_scope_bounds_what_it_names_and_nothing_else() -> None:
    bound = Scope(frozenset({"team"}), frozenset({"codex"}), frozenset({"gpt-5*", "o3"}))
    assert bound.allows_prefix("team")
    assert not bound.allows_prefix("other")
    assert not bound.allows_prefix(None)
    assert bound.allows_provider("codex")
    assert not bound.allows_provider("claude")
    assert [bound.allows_model(name) for name in ("gpt-5-codex", "o3", "o3-mini", "claude")] == [
        True,
        True,
        False,
        False,
    ]
    free = Scope()
    assert free.allows_prefix(None)
    assert free.allows_provider("claude")
    assert free.allows_model("anything")


words = st.none() | st.frozensets(st.text(min_size=1, max_size=8), max_size=4)


@given(st.builds(Scope, words, words, words))
def test_a_scope_reads_back(scope: Scope) -> None:
    assert Scope.of(scope.stored()) == scope


@pytest.mark.parametrize("stored", [{"accounts": ["a"]}, {"models": "gpt"}, {"models": [1]}, {"models": [""]}])
def test_what_is_no_scope_is_refused(stored: dict[str, object]) -> None:
    with pytest.raises(DeckError, match="client_key_scope_invalid"):
        Scope.of(stored)

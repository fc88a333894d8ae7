"""What is sealed opens in its own place alone; keyed hashes stay; rotating keys changes nothing that is stored."""

from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck.errors import DeckError
from authdeck.vault.keys import MasterKey
from authdeck.vault.vault import Place, Vault

CREATED = Vault.create(MasterKey.new())
VAULT = CREATED.vault
ANN = Place("revisions", "a" * 16, 1)

places = st.builds(Place, st.text(max_size=20), st.text(max_size=20), st.integers(0, 2**64 - 1))


@given(st.binary(max_size=300), places)
def test_it_works(plain: bytes, place: Place) -> None:
    assert VAULT.open(VAULT.seal(plain, place), place) == plain


@given(st.binary(max_size=60), st.data())
def test_any_flipped_bit_is_an_error(plain: bytes, data: st.DataObject) -> None:
    sealed = bytearray(VAULT.seal(plain, ANN))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DeckError, match=r"^sealed_"):
        VAULT.open(bytes(sealed), ANN)


@given(st.binary(max_size=200))
def test_any_other_bytes_are_an_error_of_ours(sealed: bytes) -> None:
    with pytest.raises(DeckError, match=r"^sealed_"):
        VAULT.open(sealed, ANN)


@given(places, places)
def test_another_place_says_misplaced(place: Place, other: Place) -> None:
    sealed = VAULT.seal(b"rt_FAKE_ann", place)
    if place == other:
        assert VAULT.open(sealed, other) == b"rt_FAKE_ann"
    else:
        with pytest.raises(DeckError, match="sealed_misplaced"):
            VAULT.open(sealed, other)


def test_the_same_secret_never_looks_the_same_twice() -> None:
    assert VAULT.seal(b"rt_FAKE_ann", ANN) != VAULT.seal(b"rt_FAKE_ann", ANN)


def test_nothing_of_the_secret_or_its_row_is_legible() -> None:
    sealed = VAULT.seal(b"rt_FAKE_canary", ANN)
    assert b"canary" not in sealed
    assert b"revisions" not in sealed
    assert ANN.row.encode() not in sealed


def test_unlocking_with_what_create_gave() -> None:
    master = MasterKey.new()
    created = Vault.create(master)
    sealed = created.vault.seal(b"rt_FAKE_ann", ANN)
    again = Vault.unlock(master, created.installation_id, created.key_check, created.terms)
    assert again.open(sealed, ANN) == b"rt_FAKE_ann"
    assert again.keyed_hash("client_key", "adk_FAKE") == created.vault.keyed_hash("client_key", "adk_FAKE")


def test_another_master_key_is_wrong() -> None:
    with pytest.raises(DeckError, match="master_key_wrong"):
        Vault.unlock(MasterKey.new(), CREATED.installation_id, CREATED.key_check, CREATED.terms)


def test_another_installations_terms_do_not_fit() -> None:
    master = MasterKey.new()
    one, other = Vault.create(master), Vault.create(master)
    with pytest.raises(DeckError, match="sealed_misplaced"):
        Vault.unlock(master, one.installation_id, one.key_check, other.terms)


@pytest.mark.parametrize("purpose", ["seal", "index"])
def test_a_ring_without_one_kind_of_term_is_refused(purpose: str) -> None:
    master = MasterKey.new()
    created = Vault.create(master)
    with pytest.raises(DeckError, match="key_terms_missing"):
        Vault.unlock(
            master, created.installation_id, created.key_check, [t for t in created.terms if t.purpose != purpose]
        )


def test_a_new_term_writes_and_the_old_one_still_reads() -> None:
    master = MasterKey.new()
    created = Vault.create(master)
    vault = created.vault
    old = vault.seal(b"rt_FAKE_old", ANN)
    added = vault.new_term()
    vault.adopt(added)
    new = vault.seal(b"rt_FAKE_new", ANN)
    assert (Vault.term_of(old), Vault.term_of(new), vault.newest_term) == (1, 2, 2)
    again = Vault.unlock(master, created.installation_id, created.key_check, [*created.terms, added])
    assert (again.open(old, ANN), again.open(new, ANN)) == (b"rt_FAKE_old", b"rt_FAKE_new")


def test_a_term_gone_is_named() -> None:
    created = Vault.create(MasterKey.new())
    vault = created.vault
    vault.adopt(vault.new_term())
    sealed = vault.seal(b"rt_FAKE_ann", ANN)
    other = Vault.create(MasterKey.new()).vault
    with pytest.raises(DeckError) as caught:
        other.open(sealed, ANN)
    assert (caught.value.code, caught.value.params["term"]) == ("sealed_term_unknown", 2)


def test_rotating_the_master_key_changes_no_sealed_byte_and_no_hash() -> None:
    old, new = MasterKey.new(), MasterKey.new()
    created = Vault.create(old)
    sealed, hashed = created.vault.seal(b"rt_FAKE_ann", ANN), created.vault.keyed_hash("session", "cookie")
    key_check, terms = created.vault.wrapped_under(new)
    again = Vault.unlock(new, created.installation_id, key_check, terms)
    assert (again.open(sealed, ANN), again.keyed_hash("session", "cookie")) == (b"rt_FAKE_ann", hashed)
    with pytest.raises(DeckError, match="master_key_wrong"):
        Vault.unlock(old, created.installation_id, key_check, terms)


def test_keyed_hashes_depend_on_purpose_and_installation() -> None:
    hashes = {
        VAULT.keyed_hash("client_key", "adk_FAKE"),
        VAULT.keyed_hash("admin_key", "adk_FAKE"),
        VAULT.keyed_hash("client_keya", "dk_FAKE"),
        Vault.create(MasterKey.new()).vault.keyed_hash("client_key", "adk_FAKE"),
    }
    assert len(hashes) == 4
    assert {len(text) for text in hashes} == {64}


def test_no_key_takes_the_place_of_another() -> None:
    """Two processes would have to number a term alike, which the database does not let them."""
    vault, place = Vault.create(MasterKey.new()).vault, Place("revisions", "a" * 16, 1)
    first, second = vault.new_term(), vault.new_term()
    vault.adopt(first)
    vault.adopt(first)
    sealed = vault.seal(b"rt_FAKE_1", place)
    with pytest.raises(ValueError, match=f"seal term {first.number} already"):
        vault.adopt(second)
    assert vault.open(sealed, place) == b"rt_FAKE_1"


def test_threads_share_it_while_terms_are_added() -> None:
    """Each term is made after the one before was adopted: the database numbers them, one transaction at a time."""
    vault, adding = Vault.create(MasterKey.new()).vault, Lock()

    def work(number: int) -> bool:
        place = Place("revisions", "a" * 16, number)
        if number % 50 == 0:
            with adding:
                vault.adopt(vault.new_term())
        return vault.open(vault.seal(str(number).encode() * 50, place), place) == str(number).encode() * 50

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(400)))

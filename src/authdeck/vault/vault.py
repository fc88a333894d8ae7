"""The vault: seals a row's secret so that it opens in that row alone, and makes keyed hashes for what is only compared.

It knows no table and no file; ``operations.keyring`` brings its keys from the database and the master key to it.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from authdeck import ids
from authdeck.errors import DeckError
from authdeck.vault import backups, sealing
from authdeck.vault.backups import BackupCipher
from authdeck.vault.keys import MasterKey
from authdeck.vault.sealing import Cipher, Place, Purpose

__all__ = ("Created", "Place", "Term", "Vault")

SEAL: Final = "seal"
INDEX: Final = "index"
_KNOWN: Final = b"authdeck master key"


@dataclass(frozen=True, slots=True)
class Term:
    """A key of the ring as it is stored: wrapped under the master key. ``purpose`` is ``seal`` or ``index``.

    A term whose key was forgotten, since no row names it any more, has an empty ``wrapped``.
    """

    number: int
    purpose: str
    wrapped: bytes


class Vault:
    """Safe to share between threads: the ring is replaced whole, never changed in place."""

    def __init__(
        self, master: MasterKey, installation_id: str, seals: dict[int, bytes], index: dict[int, bytes]
    ) -> None:
        self.installation_id: Final = installation_id
        self._adding: Final = threading.Lock()
        self._master = master
        self._seals = MappingProxyType(seals)
        self._ciphers = MappingProxyType({number: Cipher(key) for number, key in seals.items()})
        self._newest = max(seals)
        self._index_number: Final = max(index)
        self._index: Final = index[self._index_number]

    @classmethod
    def create(cls, master: MasterKey) -> "Created":
        """A new installation's vault, and what must be stored to unlock it again."""
        vault = cls(master, ids.new_id(), {1: sealing.new_key()}, {1: sealing.new_key()})
        key_check, terms = vault.wrapped_under(master)
        return Created(vault, vault.installation_id, key_check, terms)

    @classmethod
    def unlock(cls, master: MasterKey, installation_id: str, key_check: bytes, terms: Iterable[Term]) -> "Vault":
        """Raises ``DeckError('master_key_wrong')`` before it touches any term."""
        cipher = Cipher(master.raw)
        if not _is_master_of(cipher, installation_id, key_check):
            raise DeckError("master_key_wrong", status=500)
        keys: dict[str, dict[int, bytes]] = {SEAL: {}, INDEX: {}}
        for term in terms:
            if not term.wrapped:
                continue
            place = _term_place(installation_id, term.purpose, term.number)
            keys[term.purpose][term.number] = cipher.open(term.wrapped, place, purpose=Purpose.TERM)
        if not (keys[SEAL] and keys[INDEX]):
            raise DeckError("key_terms_missing", status=500)
        return cls(master, installation_id, keys[SEAL], keys[INDEX])

    def reopened(self, key_check: bytes, terms: Iterable[Term]) -> "Vault":
        """The same installation's vault as it is stored now. Raises ``master_key_wrong`` where others rotated it."""
        return Vault.unlock(self._master, self.installation_id, key_check, terms)

    def seal(self, plain: bytes, place: Place) -> bytes:
        """Under the newest term."""
        newest = self._newest
        return self._ciphers[newest].seal(plain, place, purpose=Purpose.ROW, term=newest)

    def open(self, sealed: bytes, place: Place) -> bytes:
        """What was sealed for this very place.

        Raises ``sealed_damaged``, ``sealed_misplaced``, ``sealed_term_unknown``, ``sealed_format_unknown`` or
        ``sealed_too_short``: a state of that row, which the caller shows; never a reason to drop it.
        """
        term = sealing.read_header(sealed).term
        cipher = self._ciphers.get(term)
        if cipher is None:
            raise DeckError(
                "sealed_term_unknown", status=500, term=term, table=place.table, row=place.row, number=place.number
            )
        return cipher.open(sealed, place, purpose=Purpose.ROW)

    def keyed_hash(self, purpose: str, text: str) -> str:
        """64 hex digits; the same for as long as the installation lives, whatever master key or seal term it has."""
        return sealing.keyed_hash(self._index, purpose, text)

    @property
    def newest_term(self) -> int:
        return self._newest

    @property
    def terms(self) -> frozenset[int]:
        """Numbers of the seal terms that open here."""
        return frozenset(self._seals)

    @staticmethod
    def term_of(sealed: bytes) -> int:
        """Which term sealed these bytes: one that no row names any more may go."""
        return sealing.read_header(sealed).term

    def new_term(self) -> Term:
        """A seal term for all writes from now on. Store it before anything sealed with it: see ``adopt``."""
        key = sealing.new_key()
        number = self._newest + 1
        return Term(number, SEAL, self._wrap(self._master, SEAL, number, key))

    def adopt(self, term: Term) -> None:
        """Take a stored term into the ring. The newest number writes; all read.

        Raises ``ValueError`` where the ring has another key of that number: what is sealed with it would be lost.
        """
        place = _term_place(self.installation_id, term.purpose, term.number)
        key = Cipher(self._master.raw).open(term.wrapped, place, purpose=Purpose.TERM)
        with self._adding:
            if self._seals.get(term.number, key) != key:
                raise ValueError(f"there is a seal term {term.number} already, with another key")
            seals = {**self._seals, term.number: key}
            self._ciphers = MappingProxyType({**self._ciphers, term.number: Cipher(key)})
            self._seals = MappingProxyType(seals)
            self._newest = max(seals)

    def wrapped_under(self, master: MasterKey) -> tuple[bytes, tuple[Term, ...]]:
        """Key check and every term under another master key; nothing sealed changes. Store both in one transaction."""
        check = Cipher(master.raw).seal(_KNOWN, _check_place(self.installation_id), purpose=Purpose.CHECK, term=0)
        seals = (Term(n, SEAL, self._wrap(master, SEAL, n, key)) for n, key in self._seals.items())
        index = Term(self._index_number, INDEX, self._wrap(master, INDEX, self._index_number, self._index))
        return check, (*seals, index)

    def use_master(self, master: MasterKey) -> None:
        """Wrap terms under this master key from now on."""
        with self._adding:
            self._master = master

    def backup_cipher(self, backup_id: str) -> tuple[bytes, BackupCipher]:
        """A key for one backup, wrapped under the master key, and what seals under it."""
        return backups.new(self._master, self.installation_id, backup_id)

    def _wrap(self, master: MasterKey, purpose: str, number: int, key: bytes) -> bytes:
        place = _term_place(self.installation_id, purpose, number)
        return Cipher(master.raw).seal(key, place, purpose=Purpose.TERM, term=0)


@dataclass(frozen=True, slots=True)
class Created:
    """A new vault and the rows that unlock it."""

    vault: Vault
    installation_id: str
    key_check: bytes
    terms: tuple[Term, ...]


def is_master_of(master: MasterKey, installation_id: str, key_check: bytes) -> bool:
    return _is_master_of(Cipher(master.raw), installation_id, key_check)


def _is_master_of(cipher: Cipher, installation_id: str, key_check: bytes) -> bool:
    try:
        cipher.open(key_check, _check_place(installation_id), purpose=Purpose.CHECK)
    except DeckError:
        return False
    return True


def _check_place(installation_id: str) -> Place:
    return Place("installation", installation_id)


def _term_place(installation_id: str, purpose: str, number: int) -> Place:
    return Place("key_terms", f"{installation_id}:{purpose}", number)

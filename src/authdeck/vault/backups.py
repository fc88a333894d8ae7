"""Sealing a backup: a key of its own, wrapped under the master key; pieces bound to their backup and their number."""

from typing import Final

from authdeck.errors import DeckError
from authdeck.vault import sealing
from authdeck.vault.keys import MasterKey
from authdeck.vault.sealing import Cipher, Place, Purpose


class BackupCipher:
    """Seals and opens the pieces of one backup. ``number`` is a piece's place in it, from 0."""

    def __init__(self, key: bytes, backup_id: str) -> None:
        self._cipher: Final = Cipher(key)
        self._backup_id: Final = backup_id

    def seal(self, plain: bytes, number: int) -> bytes:
        return self._cipher.seal(plain, self._place(number), purpose=Purpose.BACKUP, term=0)

    def open(self, sealed: bytes, number: int) -> bytes:
        """Raises ``backup_damaged``: changed, or not the piece that stood here."""
        try:
            return self._cipher.open(sealed, self._place(number), purpose=Purpose.BACKUP)
        except DeckError as error:
            raise DeckError("backup_damaged", piece=number) from error

    def _place(self, number: int) -> Place:
        return Place("backup", self._backup_id, number)


def new(master: MasterKey, installation_id: str, backup_id: str) -> tuple[bytes, BackupCipher]:
    key = sealing.new_key()
    place = _key_place(installation_id, backup_id)
    return Cipher(master.raw).seal(key, place, purpose=Purpose.BACKUP_KEY, term=0), BackupCipher(key, backup_id)


def unlock(master: MasterKey, installation_id: str, backup_id: str, wrapped: bytes) -> BackupCipher:
    """Raises ``backup_key_wrong``: another master key, or a header that was changed."""
    try:
        place = _key_place(installation_id, backup_id)
        key = Cipher(master.raw).open(wrapped, place, purpose=Purpose.BACKUP_KEY)
    except DeckError as error:
        raise DeckError("backup_key_wrong") from error
    return BackupCipher(key, backup_id)


def _key_place(installation_id: str, backup_id: str) -> Place:
    return Place("backup.key", f"{installation_id}:{backup_id}")

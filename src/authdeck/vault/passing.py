"""Sealing what lies on disk for a moment: under a key of its own that is never written down, and ends with this."""

from typing import Final

from authdeck import ids
from authdeck.vault import sealing
from authdeck.vault.sealing import Cipher, Place, Purpose


class PassingCipher:
    """Seals and opens pieces; ``number`` is a piece's place, from 0. ``OVERHEAD`` bytes longer is each when sealed."""

    OVERHEAD: Final = sealing.SHORTEST

    def __init__(self) -> None:
        self._cipher: Final = Cipher(sealing.new_key())
        self._id: Final = ids.new_id()

    def seal(self, plain: bytes, number: int) -> bytes:
        return self._cipher.seal(plain, Place("passing", self._id, number), purpose=Purpose.PASSING, term=0)

    def open(self, sealed: bytes, number: int) -> bytes:
        """Raises ``sealed_damaged`` and the like where the disk gives back something else."""
        return self._cipher.open(sealed, Place("passing", self._id, number), purpose=Purpose.PASSING)

"""The vectors are the format: bytes written once, from docs/vault-format.md, and never made again by this code."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from authdeck.errors import DeckError
from authdeck.vault.keys import MasterKey
from authdeck.vault.sealing import Cipher, Place, Purpose
from authdeck.vault.vault import Vault

VECTORS = sorted((Path(__file__).parent / "vectors").glob("*.txt"))
CODES = {
    "damaged": "sealed_damaged",
    "misplaced": "sealed_misplaced",
    "unknown term": "sealed_term_unknown",
    "unknown format": "sealed_format_unknown",
    "too short": "sealed_too_short",
}
INDEX = bytes(32)


@dataclass(frozen=True)
class Vector:
    headers: dict[str, str]
    sealed: bytes

    @property
    def place(self) -> Place:
        return Place(self.headers["table"], self.headers["row"], int(self.headers["number"]))

    @property
    def vault(self) -> Vault:
        seals = {int(self.headers["term"]): bytes.fromhex(self.headers["key"])}
        return Vault(MasterKey.new(), "0" * 32, seals, {1: INDEX})

    def bytes_of(self, name: str) -> bytes:
        return bytes.fromhex(self.headers[name])


def read(path: Path) -> Vector:
    head, _, body = path.read_text().partition("\n\n")
    return Vector(dict(line.split(": ", 1) if ": " in line else (line[:-1], "") for line in head.splitlines()),
                  bytes.fromhex("".join(body.split())))  # fmt: skip


def named(outcome: bool) -> list[Path]:
    return [path for path in VECTORS if (read(path).headers["expect"] == "opens") is outcome]


@pytest.mark.parametrize("path", named(outcome=True), ids=lambda path: path.stem)
def test_it_opens(path: Path) -> None:
    vector = read(path)
    assert vector.vault.open(vector.sealed, vector.place) == vector.bytes_of("plain")


@pytest.mark.parametrize("path", named(outcome=True), ids=lambda path: path.stem)
def test_sealing_again_with_the_nonce_gives_the_same_bytes(path: Path) -> None:
    vector = read(path)
    again = Cipher(vector.bytes_of("key")).seal(
        vector.bytes_of("plain"),
        vector.place,
        purpose=Purpose.ROW,
        term=int(vector.headers["term"]),
        nonce=vector.bytes_of("nonce"),
    )
    assert again == vector.sealed


@pytest.mark.parametrize("path", named(outcome=False), ids=lambda path: path.stem)
def test_it_is_refused_for_the_reason_it_names(path: Path) -> None:
    vector = read(path)
    with pytest.raises(DeckError) as caught:
        vector.vault.open(vector.sealed, vector.place)
    assert caught.value.code == CODES[vector.headers["expect"]]


def test_every_outcome_has_a_vector() -> None:
    assert {read(path).headers["expect"] for path in VECTORS} == {"opens", *CODES}

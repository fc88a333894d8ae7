"""The master key: one text form, a file for its owner alone, never replaced and never guessed from a passphrase."""

import pickle
import stat
from pathlib import Path

import pytest

from authdeck import ids
from authdeck.errors import DeckError
from authdeck.vault.keys import PREFIX, MasterKey, create_key_file, read_key_file


def test_it_works(tmp_path: Path) -> None:
    key = create_key_file(tmp_path / "home" / "master.key")
    read = read_key_file(tmp_path / "home" / "master.key")
    assert read is not None
    assert (read.raw, len(read.raw)) == (key.raw, 32)


def test_the_text_form_reads_back() -> None:
    key = MasterKey.new()
    assert MasterKey.parse(f"  {key.reveal()}\n").raw == key.raw
    assert key.reveal().startswith("authdeck-master_")


def test_the_bytes_are_the_number_in_base_62() -> None:
    body = "0" * 42 + "z"
    text = f"{PREFIX}_{body}{ids._checksum(PREFIX + body)}"
    assert MasterKey.parse(text).raw == bytes(31) + bytes([61])


def test_printing_shows_nothing() -> None:
    key = MasterKey.new()
    assert f"{key} {key!r}" == "*** ***"
    with pytest.raises(TypeError):
        pickle.dumps(key)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("correct horse battery staple", "master_key_passphrase"),
        ("", "master_key_passphrase"),
        ("a" * 64, "master_key_passphrase"),
        ("ada_FAKE", "master_key_other_kind"),
        ("adk_FAKE", "master_key_other_kind"),
        ("authdeck-master_FAKE", "master_key_mistyped"),
    ],
)
def test_what_is_no_master_key_is_refused(text: str, code: str) -> None:
    with pytest.raises(DeckError) as caught:
        MasterKey.parse(text)
    assert caught.value.code == code
    assert not text or text not in str(caught.value)


def test_a_changed_character_is_noticed() -> None:
    text = MasterKey.new().reveal()
    changed = text[:-8] + ("0" if text[-8] != "0" else "1") + text[-7:]
    with pytest.raises(DeckError, match="master_key_mistyped"):
        MasterKey.parse(changed)


def test_a_number_past_256_bits_is_refused() -> None:
    body = "z" * 43
    with pytest.raises(DeckError, match="master_key_mistyped"):
        MasterKey.parse(f"{PREFIX}_{body}{ids._checksum(PREFIX + body)}")


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    create_key_file(tmp_path / "master.key")
    assert stat.S_IMODE((tmp_path / "master.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["master.key"]


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    create_key_file(tmp_path / "master.key")
    (tmp_path / "master.key").chmod(0o640)
    with pytest.raises(DeckError, match="master_key_file_open"):
        read_key_file(tmp_path / "master.key")


def test_an_existing_file_is_never_replaced(tmp_path: Path) -> None:
    key = create_key_file(tmp_path / "master.key")
    with pytest.raises(DeckError, match="master_key_exists"):
        create_key_file(tmp_path / "master.key")
    again = read_key_file(tmp_path / "master.key")
    assert again is not None
    assert again.raw == key.raw


def test_no_file_is_no_key(tmp_path: Path) -> None:
    assert read_key_file(tmp_path / "master.key") is None

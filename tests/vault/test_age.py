"""Archives open with their own key only, and say what is missing."""

import subprocess
import sys

import pyrage
import pytest

from authdeck.errors import DeckError
from authdeck.secret import Secret
from authdeck.vault import age
from authdeck.vault.age import Opener

PASSPHRASE = Secret("a FAKE passphrase")


def refused(content: bytes, opener: Opener) -> str:
    with pytest.raises(DeckError) as raised:
        age.opened(content, opener)
    return raised.value.code


def test_it_works() -> None:
    ann = pyrage.x25519.Identity.generate()
    content = age.for_recipients(b"files", [str(ann.to_public())])
    assert age.is_archive(content)
    assert b"files" not in content
    assert age.opened(content, Opener(identity=Secret(f"# created: today\n{ann}\n"))) == b"files"


def test_a_passphrase_opens_what_it_closed() -> None:
    content = age.for_passphrase(b"files", PASSPHRASE)
    assert age.opened(content, Opener(passphrase=PASSPHRASE)) == b"files"
    assert refused(content, Opener(passphrase=Secret("another one, also FAKE"))) == "age_key_wrong"
    assert refused(content, Opener()) == "age_key_missing"
    assert refused(content, Opener(identity=Secret(str(pyrage.x25519.Identity.generate())))) == "age_key_wrong"


def test_another_identity_does_not_open_it() -> None:
    content = age.for_recipients(b"files", [str(pyrage.x25519.Identity.generate().to_public())])
    eve = Secret(str(pyrage.x25519.Identity.generate()))
    assert refused(content, Opener(identity=eve)) == "age_key_wrong"
    assert refused(content, Opener(identity=Secret("nonsense"))) == "age_identity_invalid"
    assert refused(content[:-1] + b"x", Opener(identity=eve)) == "age_key_wrong"


def test_what_is_too_weak_or_no_recipient_is_refused() -> None:
    with pytest.raises(DeckError) as raised:
        age.for_passphrase(b"files", Secret("short"))
    assert raised.value.code == "age_passphrase_short"
    with pytest.raises(DeckError) as raised:
        age.for_recipients(b"files", ["age1nonsense"])
    assert raised.value.code == "age_recipient_invalid"


def test_a_machine_without_the_memory_says_so() -> None:
    """In a process of its own, which may take as much as the program itself and no half a gigabyte more."""
    program = """if True:
        import resource
        from authdeck.errors import DeckError
        from authdeck.secret import Secret
        from authdeck.vault import age
        resource.setrlimit(resource.RLIMIT_AS, (400 * 1024**2,) * 2)
        try:
            age.for_passphrase(b"x", Secret("a FAKE passphrase"))
        except DeckError as error:
            print(error.code)
    """
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert said.stdout.strip() == "age_not_done", said.stderr

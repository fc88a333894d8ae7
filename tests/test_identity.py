"""Which documents are the same account."""

import json
from typing import Any

import pytest

from authdeck import formats, identity, providers
from authdeck.identity import Identity, Strength
from authdeck.settings import Providers


def of(**document: Any) -> Identity:
    (draft,) = formats.read("a.json", json.dumps(document).encode())
    return identity.of(providers.complete(draft, Providers()))


CLAUDE = {"type": "claude", "access_token": "at_FAKE", "organization_uuid": "org-1", "account_uuid": "acc-1"}


def test_it_works() -> None:
    who = of(**CLAUDE)
    assert (who.organization, who.subject, who.strength) == ("org-1", "acc-1", Strength.FULL)
    assert who.text is not None
    assert who == of(**{**CLAUDE, "access_token": "other", "email": "new@example.com"})


def test_another_organisation_under_one_email_is_another_account() -> None:
    one, other = (
        of(**CLAUDE, email="ann@example.com"),
        of(**{**CLAUDE, "organization_uuid": "org-2"}, email="ann@example.com"),
    )
    assert one.text != other.text


def test_halves_cannot_be_shifted_into_each_other() -> None:
    one = of(**{**CLAUDE, "organization_uuid": "a", "account_uuid": 'b","c'})
    other = of(**{**CLAUDE, "organization_uuid": 'a","b', "account_uuid": "c"})
    assert one.text != other.text


@pytest.mark.parametrize(
    ("document", "strength"),
    [
        ({"type": "codex", "access_token": "x", "account_id": "acc-1", "chatgpt_user_id": "user-1"}, Strength.FULL),
        ({"type": "codex", "access_token": "x", "account_id": "acc-1"}, Strength.PARTIAL),
        ({"type": "codex", "access_token": "x", "email": "ann@example.com"}, Strength.NONE),
        ({"type": "claude", "access_token": "x", "account_uuid": "acc-1"}, Strength.PARTIAL),
        ({"type": "antigravity", "access_token": "x", "email": "a@b.c", "project_id": "p"}, Strength.FULL),
        ({"type": "antigravity", "access_token": "x", "email": "a@b.c"}, Strength.PARTIAL),
        ({"type": "xai", "access_token": "x", "sub": "x-1"}, Strength.FULL),
        ({"type": "xai", "access_token": "x"}, Strength.NONE),
        ({"type": "kimi", "access_token": "x", "device_id": "d-1"}, Strength.PARTIAL),
        ({"type": "kimi", "access_token": "x"}, Strength.NONE),
    ],
)
def test_strength(document: dict[str, Any], strength: Strength) -> None:
    who = of(**document)
    assert who.strength is strength
    assert (who.text is not None) is (strength is Strength.FULL)


def test_a_key_is_its_own_identity() -> None:
    key = {"type": "openai_compatible", "base_url": "https://llm.example.com/v1", "api_key": "sk-FAKE-1"}
    who = of(**key)
    assert who.strength is Strength.FULL
    assert who.text == of(**{**key, "base_url": "https://llm.example.com/v1/", "name": "other"}).text
    assert who.text != of(**{**key, "api_key": "sk-FAKE-2"}).text
    assert who.text != of(**{**key, "base_url": "https://other.example.com/v1"}).text
    assert who.text != of(type="codex", base_url=key["base_url"], api_key=key["api_key"]).text


def test_the_key_is_never_shown() -> None:
    assert "sk-FAKE-1" not in repr(of(type="codex", api_key="sk-FAKE-1"))

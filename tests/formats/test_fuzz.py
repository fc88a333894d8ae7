"""Whatever bytes come, a parser answers with drafts or with a code that has a sentence. It never breaks.

``AUTHDECK_PROOF_INPUTS=100000`` says how many inputs each of them gets; without it a sample.
"""

import json
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authdeck import formats, providers
from authdeck.credential import Draft
from authdeck.errors import DeckError
from authdeck.formats import Refused, zipped
from authdeck.settings import Providers
from authdeck.wording import has_sentence

INPUTS = int(os.environ.get("AUTHDECK_PROOF_INPUTS", "150"))
PROOF = settings(
    max_examples=INPUTS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)

KEYS = [
    "type", "provider", "accessToken", "access_token", "refresh_token", "refreshToken", "id_token", "session", "user",
    "account", "accounts", "proxies", "exported_at", "data", "platform", "credentials", "status", "name", "tokens",
    "token", "OPENAI_API_KEY", "claudeAiOauth", "expires", "expired", "expiresAt", "service_account", "private_key",
    "api_key", "api-key", "base_url", "models", "headers", "proxy_url", "priority", "weight", "prefix", "disabled",
    "excluded_models", "model_aliases", "project_id", "location", "id", "email", "plan_type", "account_id", "timestamp",
    "expires_in", "profile", "extra", "last_refresh", "note",
]  # fmt: skip
WORDS = [
    "codex", "claude", "xai", "kimi", "vertex", "gemini", "openai", "oauth", "service_account", "openai_compatible",
    "active", "at_FAKE", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJSUzI1NiJ9.e30.x", "2026-12-01T00:00:00Z", "9" * 30,
    "\u200b", "http://[", "direct", "",
]  # fmt: skip

leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.sampled_from(WORDS), st.text(max_size=12)
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=6)), inner, max_size=8),
    ),
    max_leaves=25,
)
documents = st.one_of(
    st.dictionaries(st.sampled_from(KEYS), values, min_size=1, max_size=10),
    st.lists(st.dictionaries(st.sampled_from(KEYS), values, max_size=8), min_size=1, max_size=3),
    values,
)
sources = st.sampled_from([None, *formats.SOURCES])


def check(content: bytes, source: str | None) -> None:
    for row in offered(content, source):
        if isinstance(row, Refused):
            assert has_sentence(row.error.code), row.error.code
        else:
            completed(row)


def offered(content: bytes, source: str | None) -> list[Draft | Refused]:
    try:
        return formats.offered("a.json", content, source)
    except DeckError as error:
        return [Refused("a.json", error)]


def completed(draft: Draft) -> None:
    """A draft's bytes are its document, and its provider takes it or says why not."""
    assert formats.opened(draft.content) == draft.document
    refused: list[str] = []
    try:
        draft = providers.complete(draft, Providers())
    except DeckError as error:
        refused.append(error.code)
    assert all(has_sentence(code) for code in refused)
    assert all(has_sentence(code) for code, _ in draft.notes)
    providers.PROVIDERS[draft.provider].tokens(draft.document)
    providers.PROVIDERS[draft.provider].secrets(draft.document)


@PROOF
@given(documents, sources)
def test_documents_of_familiar_words(document: Any, source: str | None) -> None:
    check(json.dumps(document).encode("utf-8", "surrogatepass"), source)


@PROOF
@given(st.binary(max_size=300), sources)
def test_any_bytes(content: bytes, source: str | None) -> None:
    check(content, source)


@PROOF
@given(documents, st.integers(min_value=0), st.binary(min_size=1, max_size=4))
def test_damaged_documents(document: Any, at: int, damage: bytes) -> None:
    content = json.dumps(document).encode("utf-8", "surrogatepass")
    at %= len(content) + 1
    check(content[:at] + damage + content[at + len(damage) :], None)


@PROOF
@given(
    st.dictionaries(st.text(max_size=12), st.one_of(st.binary(max_size=40), documents), max_size=4),
    st.integers(min_value=0),
    st.binary(max_size=4),
)
def test_damaged_zips(files: dict[str, Any], at: int, damage: bytes) -> None:
    contents = {
        name: content if isinstance(content, bytes) else json.dumps(content).encode("utf-8", "surrogatepass")
        for name, content in files.items()
        if name.isprintable() and name
    }
    content = zipped.write(contents)
    at %= len(content) + 1
    check(content[:at] + damage + content[at + len(damage) :], None)


def test_every_source_has_a_name_of_its_own() -> None:
    assert len(set(formats.SOURCES)) == len(formats.SOURCES)
    with pytest.raises(DeckError):
        formats.offered("a.json", b"{}", "nonsense")

"""Out and in again: nothing that a format carries is lost, and nothing edited means the same bytes."""

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from authdeck import formats
from authdeck.account import AccountSettings, ErrorAction, ErrorRule, ModelAlias, SecretSettings
from authdeck.credential import Draft
from authdeck.formats import cliproxyapi, codex_cli, sub2api
from authdeck.secret import Secret
from fakes.auth_files import codex

NOW = datetime(2026, 11, 23, tzinfo=UTC)
words = st.from_regex(r"[a-z][a-z0-9]{0,7}", fullmatch=True)
error_rules = st.builds(
    ErrorRule,
    status=st.integers(400, 503),
    match=st.lists(words, max_size=2).map(tuple),
    match_regexr=st.lists(words, max_size=2).map(tuple),
    action=st.sampled_from(ErrorAction),
)
account_settings = st.builds(
    AccountSettings,
    note=words | st.just(""),
    priority=st.integers(-5, 5),
    weight=st.integers(0, 9),
    project_id=st.none() | words,
    prefix=st.none() | words,
    excluded_models=st.lists(words, max_size=3, unique=True).map(lambda names: tuple(sorted(names))),
    model_aliases=st.lists(words, max_size=2, unique=True).map(
        lambda names: tuple(ModelAlias(f"{name}-model", name, keep_original=len(name) > 3) for name in names)
    ),
    disable_cooling=st.none() | st.booleans(),
    request_retry=st.none() | st.integers(0, 5),
    websockets=st.none() | st.booleans(),
    using_api=st.none() | st.booleans(),
    request_scoped_errors=st.lists(error_rules, max_size=2).map(tuple),
)
secret_settings = st.builds(
    SecretSettings,
    proxy_url=st.none() | st.just(Secret("socks5://127.0.0.1:1080")) | st.just(Secret("direct")),
    headers=st.dictionaries(words.map(lambda name: f"x-{name}"), words.map(Secret), max_size=2),
)
unknown = st.dictionaries(words.map(lambda name: f"odd_{name}"), st.integers() | words | st.none(), max_size=3)


def read(content: bytes, file_name: str = "a.json") -> Draft:
    [draft] = formats.read(file_name, content)
    return draft


@given(account_settings, secret_settings, st.booleans(), words | st.just(""), unknown, account_settings)
def test_cliproxyapi_carries_every_setting_and_keeps_what_it_does_not_know(
    settings: AccountSettings,
    secrets: SecretSettings,
    disabled: bool,
    label: str,
    odd: dict[str, Any],
    former: AccountSettings,
) -> None:
    before = codex(note=former.note, priority=former.priority, excluded_models=list(former.excluded_models), **odd)
    after = cliproxyapi.write(before, settings, secrets, label=label, disabled=disabled)
    draft = read(after)
    assert (draft.settings, draft.secret_settings, draft.disabled) == (settings, secrets, disabled)
    assert draft.notes == ()
    assert odd.items() <= draft.document.items()
    assert draft.document.get("label", "") == label
    assert cliproxyapi.write(after, settings, secrets, label=label, disabled=disabled) == after


@given(account_settings, unknown)
def test_nothing_edited_is_the_same_bytes(settings: AccountSettings, odd: dict[str, Any]) -> None:
    content = json.dumps({**json.loads(codex(note=settings.note)), **odd}, indent=3).encode()
    draft = read(content)
    same = cliproxyapi.write(content, draft.settings, draft.secret_settings, label="", disabled=draft.disabled)
    assert same == content


TOKENS = ("access_token", "refresh_token", "id_token", "account_id")


@given(words, words, words)
def test_codex_cli_carries_tokens_and_account(email: str, organization: str, token: str) -> None:
    document = formats.opened(codex(f"{email}@example.com", organization, access_token=f"at_FAKE_{token}"))
    draft = read(codex_cli.write(document), "auth.json")
    assert draft.source == "codex_cli"
    assert {name: draft.document[name] for name in TOKENS} == {name: document[name] for name in TOKENS}
    assert draft.document["last_refresh"] == document["last_refresh"]


def test_codex_cli_carries_a_key() -> None:
    draft = read(codex_cli.write({"type": "codex", "api_key": "sk-FAKE"}), "auth.json")
    assert (draft.kind.value, draft.document["api_key"]) == ("api_key", "sk-FAKE")


@given(st.lists(st.tuples(words, words, st.booleans()), min_size=1, max_size=4, unique_by=lambda each: each[:2]))
def test_sub2api_carries_every_sign_in(people: list[tuple[str, str, bool]]) -> None:
    given_ = [formats.opened(codex(f"{name}@example.com", organization)) for name, organization, _ in people]
    bundle = sub2api.write(given_, [off for _, _, off in people], NOW)
    drafts = formats.read("bundle.json", bundle)
    assert [draft.disabled for draft in drafts] == [off for _, _, off in people]
    for document, draft in zip(given_, drafts, strict=True):
        carried = (*TOKENS, "email", "expired")
        assert {name: draft.document[name] for name in carried} == {name: document[name] for name in carried}

"""Files become drafts: which format, which account, which settings, and what is said about the rest."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from authdeck import formats, providers
from authdeck.account import Kind, ModelAlias, Provider
from authdeck.errors import DeckError
from authdeck.formats.converting import OTHER_PROGRAM
from authdeck.secret import Secret
from authdeck.settings import Providers
from authdeck.wording import has_sentence
from fakes.auth_files import codex

EXAMPLES: dict[str, dict[str, Any]] = {
    "codex": {
        "access_token": "eyJ.FAKE", "account_id": "acc-fake-1", "disabled": False, "email": "u@example.com",
        "expired": "2026-09-01T10:00:00Z", "id_token": "eyJ.FAKE", "last_refresh": "2026-08-22T10:00:00Z",
        "refresh_token": "rt_FAKE", "type": "codex", "note": "team A", "priority": 10, "weight": 3, "prefix": "team",
        "proxy_url": "socks5://127.0.0.1:1080", "headers": {"X-Foo": "1"}, "excluded_models": ["gpt-5-*"],
    },
    "claude": {
        "type": "claude", "access_token": "sk-ant-oat01-FAKE", "refresh_token": "sk-ant-ort01-FAKE", "id_token": "",
        "email": "u@example.com", "account_uuid": "aaaaaaaa", "organization_uuid": "bbbbbbbb",
        "claude_device_ids": ["00"], "expired": "2026-08-22T18:00:00Z", "disabled": False,
    },
    "antigravity": {
        "type": "antigravity", "access_token": "ya29.FAKE", "refresh_token": "1//FAKE", "expires_in": 3599,
        "timestamp": 1787392800000, "expired": "2026-08-22T11:00:00Z", "email": "u@example.com",
        "project_id": "fake-proj-1",
    },
    "xai": {
        "type": "xai", "auth_kind": "oauth", "access_token": "FAKE", "refresh_token": "FAKE", "id_token": "eyJ.FAKE",
        "expires_in": 21600, "email": "u@example.com", "sub": "FAKE", "base_url": "https://api.x.ai/v1",
        "token_endpoint": "https://auth.x.ai/FAKE",
    },
    "kimi": {
        "type": "kimi", "access_token": "FAKE", "refresh_token": "FAKE", "token_type": "Bearer",
        "device_id": "00000000-0000-4000-8000-000000000000", "expired": "2026-08-22T11:00:00Z",
    },
}  # fmt: skip


def read(document: Any, file_name: str = "a.json") -> Any:
    (draft,) = formats.read(file_name, json.dumps(document).encode())
    return draft


def refused(content: bytes, file_name: str = "a.json", source: str | None = None) -> DeckError:
    with pytest.raises(DeckError) as raised:
        formats.read(file_name, content, source)
    return raised.value


@pytest.mark.parametrize("name", EXAMPLES)
def test_files_of_cliproxyapi_are_taken_as_they_are(name: str) -> None:
    content = json.dumps(EXAMPLES[name], indent=1).encode()
    (draft,) = formats.read(f"{name}-u.json", content)
    assert (draft.provider.value, draft.kind, draft.source) == (name, Kind.OAUTH, "cliproxyapi")
    assert draft.content == content
    assert draft.document == EXAMPLES[name]
    completed = providers.complete(draft, Providers())
    assert completed.notes == ()


def test_settings_are_lifted_out() -> None:
    draft = read(EXAMPLES["codex"])
    assert (draft.settings.note, draft.settings.priority, draft.settings.weight) == ("team A", 10, 3)
    assert (draft.settings.prefix, draft.settings.excluded_models) == ("team", ("gpt-5-*",))
    assert draft.secret_settings.proxy_url == Secret("socks5://127.0.0.1:1080")
    assert draft.secret_settings.headers == {"X-Foo": Secret("1")}


def test_hyphens_and_unknown_fields_are_kept() -> None:
    draft = read({"type": " Codex ", "access_token": "x", "proxy-url": "direct", "mystery": {"a": [1]}})
    assert draft.secret_settings.proxy_url == Secret("direct")
    assert draft.document["mystery"] == {"a": [1]}
    assert b'"proxy-url"' in draft.content


SETTING = [
    ("priority", "7", 7),
    ("priority", -3, -3),
    ("weight", "5", 5),
    ("weight", -4, 0),
    ("weight", 0, 0),
    ("weight", 2.0, 2),
    ("prefix", " /team/ ", "team"),
    ("excluded_models", ["B*", "a", "b*"], ("a", "b*")),
    ("disable_cooling", "true", True),
    ("disable_cooling", 0, False),
    ("request_retry", "2", 2),
    ("request_retry", -1, None),
    ("websockets", "false", False),
    ("using_api", True, True),
    ("note", " n ", "n"),
    ("model_aliases", [{"name": "m", "alias": "x", "fork": False}], (ModelAlias("m", "x", keep_original=False),)),
]


@pytest.mark.parametrize(("name", "given_", "kept"), SETTING)
def test_settings_in_every_spelling(name: str, given_: Any, kept: Any) -> None:
    draft = read({"type": "codex", "access_token": "x", name: given_})
    assert getattr(draft.settings, name) == kept
    assert draft.notes == ()


@pytest.mark.parametrize(
    ("name", "given_"),
    [
        ("priority", "high"),
        ("priority", 1.5),
        ("priority", 10**30),
        ("weight", 1.5),
        ("weight", 1_000_001),
        ("weight", "heavy"),
        ("weight", float("1e400")),
        ("prefix", "a/b"),
        ("prefix", 5),
        ("note", {"a": 1}),
        ("proxy_url", "ftp://127.0.0.1"),
        ("proxy_url", "http://127.0.0.1:99999"),
        ("proxy_url", "http://[::1"),
        ("headers", ["x"]),
        ("excluded_models", 5),
        ("model_aliases", [{"name": "m"}]),
        ("disable_cooling", "maybe"),
        ("disabled", "maybe"),
        ("request_retry", "often"),
        ("websockets", "perhaps"),
    ],
)
def test_a_bad_setting_costs_itself_only(name: str, given_: Any) -> None:
    (draft,) = formats.read("a.json", _dump({"type": "codex", "access_token": "x", "note": "kept", name: given_}))
    assert [(code, params["setting"]) for code, params in draft.notes] == [("setting_ignored", name)]
    assert draft.settings.note == ("" if name == "note" else "kept")


def _dump(document: dict[str, Any]) -> bytes:
    return json.dumps(document).replace("Infinity", "1e400").encode()


def test_one_bad_header_leaves_the_others() -> None:
    headers = {"X-A": "1", "Authorization": "canary", "X-B": "$canary", "X-C": 5, "X-D": ""}
    draft = read({"type": "codex", "access_token": "x", "headers": headers})
    assert draft.secret_settings.headers == {"X-A": Secret("1")}
    assert [params["header"] for code, params in draft.notes if code == "header_ignored"] == [
        "Authorization",
        "X-B",
        "X-C",
    ]
    assert "canary" not in repr(draft.notes)


def test_a_prefix_that_no_path_can_hold_works_by_model_only() -> None:
    draft = read({"type": "codex", "access_token": "x", "prefix": "team a"})
    assert draft.settings.prefix == "team a"
    assert draft.notes == (("prefix_by_model_only", {"prefix": "team a"}),)


@pytest.mark.parametrize(
    ("said", "disabled"), [(True, True), ("true", True), (1, True), (False, False), ("false", False)]
)
def test_disabled_files_stay_switched_off(said: Any, disabled: bool) -> None:
    assert read({"type": "codex", "access_token": "x", "disabled": said}).disabled is disabled


def test_an_unreadable_expiry_is_noted() -> None:
    assert read({"type": "codex", "access_token": "x", "expired": "soon"}).notes == (
        ("date_ignored", {"field": "expired"}),
    )


# ---- keys ----


@pytest.mark.parametrize(
    ("document", "provider"),
    [
        (
            {"type": "openai_compatible", "base_url": "https://llm.example.com/v1", "api_key": "sk-FAKE"},
            "openai_compatible",
        ),
        (
            {"type": "openai-compatibility", "base-url": "https://llm.example.com", "api-key": "sk-FAKE"},
            "openai_compatible",
        ),
        ({"type": "gemini", "api_key": "AIzaFAKE"}, "gemini"),
        ({"type": "claude", "api_key": "sk-FAKE"}, "claude"),
        ({"type": "codex", "api_key": "sk-FAKE"}, "codex"),
        ({"type": "xai", "api_key": "xai-FAKE"}, "xai"),
        ({"type": "kimi", "api_key": "sk-FAKE"}, "kimi"),
        ({"type": "vertex", "api_key": "AIzaFAKE"}, "vertex"),
    ],
)
def test_keys_are_auth_files_too(document: dict[str, Any], provider: str) -> None:
    draft = providers.complete(read(document), Providers())
    assert (draft.provider.value, draft.kind, draft.source) == (provider, Kind.API_KEY, "api_key")


def test_a_keys_models_are_its_own() -> None:
    document = {"type": "openai_compatible", "base_url": "https://llm.example.com", "api_key": "sk-FAKE"}
    document["models"] = ["a", {"name": "b", "alias": "x"}, {"id": "c"}, 5, {"name": ""}, "a"]  # type: ignore[assignment]
    assert providers.complete(read(document), Providers()).claims.models == ("a", "b", "c")


def test_what_a_key_lacks_is_named() -> None:
    with pytest.raises(DeckError) as raised:
        providers.complete(read({"type": "gemini"}, "gemini-ann.json"), Providers())
    assert (raised.value.code, raised.value.params["file_name"]) == ("field_missing", "gemini-ann.json")


# ---- other programs ----


def test_codex_cli() -> None:
    tokens = {"id_token": "i", "access_token": "at_FAKE", "refresh_token": "rt_FAKE", "account_id": "acc-1", "new": 1}
    draft = read(
        {"auth_mode": "chatgpt", "OPENAI_API_KEY": None, "tokens": tokens, "last_refresh": "2026-08-22T10:00:00Z"}
    )
    assert (draft.provider, draft.kind, draft.source) == (Provider.CODEX, Kind.OAUTH, "codex_cli")
    assert (OTHER_PROGRAM, {"program": "Codex CLI"}) in draft.notes
    stored = formats.opened(draft.content)
    assert stored == draft.document
    assert (stored["refresh_token"], stored["account_id"], stored["new"]) == ("rt_FAKE", "acc-1", 1)
    assert stored["last_refresh"] == "2026-08-22T10:00:00Z"


def test_codex_cli_with_a_key_only() -> None:
    draft = read({"OPENAI_API_KEY": "sk-FAKE", "tokens": None})
    assert (draft.kind, draft.document["api_key"], draft.notes) == (Kind.API_KEY, "sk-FAKE", ())


def test_claude_code() -> None:
    login = {"accessToken": "at_FAKE", "refreshToken": "rt_FAKE", "expiresAt": 1796119200000, "scopes": ["a"]}
    draft = read({"claudeAiOauth": {**login, "subscriptionType": "max"}})
    assert (draft.provider, draft.source) == (Provider.CLAUDE, "claude_code")
    completed = providers.complete(draft, Providers())
    assert completed.claims.plan == "max"
    assert draft.document["expired"] == "2026-12-01T10:00:00Z"
    assert draft.document["scopes"] == ["a"]
    assert OTHER_PROGRAM in dict(draft.notes)


def test_service_account() -> None:
    key = {
        "type": "service_account",
        "project_id": "fake-proj",
        "client_email": "sa@fake.example",
        "private_key": "FAKE",
    }
    draft = read(key)
    assert (draft.provider, draft.kind, draft.source) == (Provider.VERTEX, Kind.SERVICE_ACCOUNT, "service_account")
    assert draft.document["service_account"] == key


# ---- lists ----


def test_a_list_gives_one_draft_each_with_its_own_bytes() -> None:
    content = b'[ {"type":"codex","access_token":"a" ,"n":1.0},\n {"type":"claude","access_token":"b"} ]'
    first, second = formats.read("team.json", content)
    assert (first.file_name, second.file_name) == ("team-1.json", "team-2.json")
    assert first.content == b'{"type":"codex","access_token":"a" ,"n":1.0}'
    assert second.provider is Provider.CLAUDE


def test_a_list_of_one_keeps_the_name() -> None:
    assert formats.read("team.json", b'[{"type":"codex","access_token":"a"}]')[0].file_name == "team.json"


def test_a_bad_member_is_named() -> None:
    error = refused(b'[{"type":"codex","access_token":"a"},{"type":"nope"}]', "team.json")
    assert (error.code, error.params["member"], error.params["file_name"]) == ("type_unknown", 2, "team.json")


# ---- refusals ----


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{}", "type_missing"),
        (b'{"type":5}', "field_invalid"),
        (b'{"type":null}', "type_missing"),
        (b'{"type":"nope"}', "type_unknown"),
        (b'{"type":"gemini-cli"}', "type_not_supported"),
        (b'{"type":"qwen","access_token":"x"}', "type_not_supported"),
        (b"[]", "file_empty"),
        (b"5", "not_an_object"),
        (b'"codex"', "not_an_object"),
        (b"[1]", "member_not_an_object"),
        (b"[" + b"{}," * 5000 + b"{}]", "too_many_members"),
        (b'{"tokens":{}}', "type_missing"),
    ],
)
def test_refusals_name_file_and_reason(content: bytes, code: str) -> None:
    error = refused(content, "bad.json")
    assert (error.code, error.params["file_name"]) == (code, "bad.json")
    assert has_sentence(error.code)


def test_a_path_in_the_name_is_refused_before_reading() -> None:
    assert refused(b"\xff", "../a.json").code == "file_name_invalid"


def test_a_format_can_be_insisted_on() -> None:
    error = refused(b'{"type":"codex"}', source="claude_code")
    assert (error.code, error.params["format"]) == ("format_looks_like", "cliproxyapi")
    assert refused(b"{}", source="claude_code").code == "field_missing"
    assert refused(b'{"type":"codex"}', source="nope").code == "format_unknown"


# ---- indexes ----


def test_indexes_of_cliproxyapi() -> None:
    index = formats.cliproxy_index
    assert index("/home/ann/.cli-proxy-api", "codex-user@example.com-plus.json", "codex") == "de23d74f07604254"
    assert index("/data/auths/", "claude-user@example.com.json", " Claude ") == "97f03d2c6a1171de"
    assert formats.cliproxy_key_index("gemini-api-key", "", "AIzaFAKE") == "17d5748b8fca8034"
    of_server = formats.cliproxy_key_index("openai-compatibility", "https://api.example.com/v1", "sk-fake-1")
    assert of_server == "22d89e9fd9fe938b"


# ---- any bytes ----

NAMES = st.sampled_from(["a.json", "../a.json", "", "ü.JSON"]) | st.text(max_size=20)
KEYS = st.sampled_from(
    ["type", "access_token", "refresh_token", "api_key", "api-key", "base_url", "tokens", "claudeAiOauth", "headers",
     "models", "service_account", "project_id", "expired", "expires_in", "timestamp", "prefix", "weight", "proxy_url",
     "model_aliases", "disabled", "id_token", "OPENAI_API_KEY", "location", "auth_kind", "excluded_models", "token"]
)  # fmt: skip
WORDS = st.sampled_from(
    [*EXAMPLES, "gemini", "openai_compatible", "vertex", "service_account", "https://x.example", "a.b.c"]
)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=5),
    max_leaves=15,
)


def _take_in(name: str, content: bytes) -> None:
    """Read, complete and ask everything of what comes: only coded errors may come out of it."""
    try:
        drafts = formats.read(name, content)
    except DeckError as error:
        assert has_sentence(error.code), error.code  # noqa: PT017
        return
    for draft in drafts:
        module = providers.PROVIDERS[draft.provider]
        module.claims(draft.document)
        module.tokens(draft.document)
        module.secrets(draft.document)
        formats.opened(draft.content)
        try:
            providers.complete(draft, Providers())
        except DeckError as error:
            assert has_sentence(error.code), error.code  # noqa: PT017


@given(NAMES, st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example("a.json", b'{"type":"codex","access_token":"x","expired":1e400}')
def test_any_bytes_give_drafts_or_a_coded_error(name: str, content: bytes) -> None:
    _take_in(name, content)


@given(st.dictionaries(KEYS, ANY, max_size=8) | st.lists(ANY, max_size=3), WORDS)
def test_any_document_gives_drafts_or_a_coded_error(document: Any, kind: str) -> None:
    if isinstance(document, dict):
        document = {**document, "type": kind}
    _take_in("a.json", json.dumps(document).encode())


@pytest.mark.parametrize("number", [10**400, -(10**400), 1e308])
def test_a_number_beyond_all_dates_is_no_date(number: float) -> None:
    [draft] = formats.read("a.json", codex(expired=number))
    assert ("date_ignored", {"field": "expired"}) in draft.notes


def test_what_would_be_too_deep_once_converted_is_refused() -> None:
    """Claude Code's file moves one level up, a service account one level down: there it could not be opened again."""
    deep: Any = 1
    for _ in range(63):
        deep = [deep]
    with pytest.raises(DeckError) as raised:
        formats.read("a.json", json.dumps({"type": "service_account", "odd": deep}).encode())
    assert raised.value.code == "too_deep"


@pytest.mark.parametrize("blank", ["", " ", "\t"])
def test_a_blank_setting_is_no_setting(blank: str) -> None:
    [draft] = formats.read("a.json", codex(project_id=blank, prefix=blank, priority=blank))
    assert (draft.settings.project_id, draft.settings.prefix, draft.settings.priority) == (None, None, 0)
    assert draft.notes == ()

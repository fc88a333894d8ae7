"""Strict reading, and changing tokens without touching anything else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck.errors import DeckError
from authdeck.formats.document import (
    MAX_BYTES,
    canonical,
    check_name,
    member_name,
    members,
    opened,
    parse,
    patch,
    redacted,
)

CHALLENGE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>cf_chl_opt</body></html>"


def refused(content: bytes) -> DeckError:
    with pytest.raises(DeckError) as raised:
        parse(content)
    return raised.value


def test_it_works() -> None:
    assert parse(b'\xef\xbb\xbf {"type": "codex"}\n') == {"type": "codex"}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file_empty"),
        (b" \n\t", "file_empty"),
        (b"\xef\xbb\xbf", "file_empty"),
        (b"{", "file_not_json"),
        (b'{"a":1,}', "file_not_json"),
        (b"{'a':1}", "file_not_json"),
        (b'{"a":1} {"b":2}', "file_not_json"),
        (b'{"a":01}', "file_not_json"),
        (b'{"a":"\x01"}', "file_not_json"),
        (b'{"a":' + b"9" * 5000 + b"}", "file_not_json"),
        (b'{"a":NaN}', "number_invalid"),
        (b'{"a":-Infinity}', "number_invalid"),
        (b'{"a":1,"a":2}', "duplicate_key"),
        (b'{"a":{"b":1,"\\u0062":2}}', "duplicate_key"),
        (b"[" * 65 + b"]" * 65, "too_deep"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "too_deep"),
        (b"[" * 200_000, "too_deep"),
        (b'{"a":"\xff"}', "encoding_invalid"),
        ('{"a":"x"}'.encode("utf-16"), "encoding_invalid"),
        (CHALLENGE, "html_page"),
        (b"  \n" + CHALLENGE, "html_page"),
        (b"<html>403 Forbidden</html>", "html_page"),
        (b'{"a":"\\u0000"}', "character_refused"),
        (b'{"a":"\\ud800"}', "character_refused"),
        ('{"a":"at_\u200bFAKE"}'.encode(), "character_refused"),
        ('{"a\ufeff":1}'.encode(), "character_refused"),
        (b'{"note":"\\ud83d"}', "character_refused"),
        (b" " * (MAX_BYTES + 1), "file_too_large"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[:20].decode("latin-1"),
)
def test_what_is_refused(content: bytes, code: str) -> None:
    assert refused(content).code == code


def test_errors_say_where() -> None:
    assert refused(b'{\n  "a": oops}').params == {"line": 2, "column": 8}
    assert refused(b'{"token":1,"token":2}').params == {"key": "token"}
    found = refused('{"outer":{"access_token":"at\u2060FAKE"}}'.encode()).params
    assert found == {"field": "outer.access_token", "position": 3, "character": "U+2060"}


def test_depth_up_to_the_limit_is_fine() -> None:
    assert parse(b"[" * 64 + b"]" * 64)


def test_a_note_may_hold_a_joined_emoji() -> None:
    assert opened('{"note":"\U0001f469\u200d\U0001f4bb"}'.encode())["note"]


def test_a_json_text_about_html_is_no_page() -> None:
    assert opened(b'{"note":"<html> cloudflare"}')


@pytest.mark.parametrize(("content", "found"), [(b"[]", "list"), (b"null", "null"), (b'"x"', "text"), (b"1", "number")])
def test_a_stored_file_is_an_object(content: bytes, found: str) -> None:
    with pytest.raises(DeckError) as raised:
        opened(content)
    assert (raised.value.code, raised.value.params) == ("not_an_object", {"found": found})


def test_canonical_spelling_wins_over_hyphens() -> None:
    given_ = {"proxy-url": "a", "proxy_url": "b", "api-key": "c", "other-key": "d"}
    assert canonical(given_) == {"proxy_url": "b", "api_key": "c", "other-key": "d"}


# ---- names ----


@pytest.mark.parametrize("name", ["codex-ann@example.com-plus.json", "A.JSON", "x y.json", "名前.json", "a.b.json"])
def test_names_that_may_be(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../../etc/passwd.json", "has_path"),
        ("a/b.json", "has_path"),
        ("a\\b.json", "has_path"),
        ("C:x.json", "has_character"),
        ('a"b.json', "has_character"),
        ("a\nb.json", "has_control_character"),
        ("a\x00.json", "has_control_character"),
        ("a\x9b31m.json", "has_control_character"),
        ("a\u202egnp.json", "has_invisible_character"),
        ("codex.txt", "not_json"),
        ("codex", "not_json"),
        ("", "not_json"),
        (".json", "bad_edges"),
        (" a.json", "bad_edges"),
        ("a .json", "bad_edges"),
        (".a.json", "bad_edges"),
        ("a..json", "bad_edges"),
        ("con.json", "reserved"),
        ("LPT1.x.json", "reserved"),
        ("a" * 300 + ".json", "too_long"),
        ("ü" * 120 + ".json", "too_long"),
    ],
)
def test_names_that_may_not_be(name: str, problem: str) -> None:
    with pytest.raises(DeckError) as raised:
        check_name(name)
    assert (raised.value.code, raised.value.params["problem"]) == ("file_name_invalid", problem)


def test_members_are_named_by_place() -> None:
    assert member_name("a.json", 1, 1) == "a.json"
    assert [member_name("a.json", number, 2) for number in (1, 2)] == ["a-1.json", "a-2.json"]


# ---- changes ----


def test_patch_touches_only_what_it_names() -> None:
    content = b'{\n  "b": 1.50,\n  "access_token": "old",\n  "z": {"k" : [1,2 ]},\n  "n": 1e2\n}\n'
    patched = patch(content, {"access_token": "new", "expired": "2026-12-01T10:00:00Z"})
    assert patched == (
        b'{\n  "b": 1.50,\n  "access_token": "new",\n  "z": {"k" : [1,2 ]},\n  "n": 1e2,\n'
        b'  "expired": "2026-12-01T10:00:00Z"\n}\n'
    )


@pytest.mark.parametrize(
    ("content", "changes", "patched"),
    [
        (b"{}", {"a": 1}, b'{"a": 1}'),
        (b'{"a":1}', {"b": 2}, b'{"a":1,"b":2}'),
        (b'{"a": 1}', {"b": 2}, b'{"a": 1, "b": 2}'),
        (b'{"a":1,"b":"x"}', {"b": "y", "a": "z"}, b'{"a":"z","b":"y"}'),
        (b'{"b":{"a":1}}', {"a": 2}, b'{"b":{"a":1},"a":2}'),
        (b'\xef\xbb\xbf{"a":1}', {"a": 2}, b'\xef\xbb\xbf{"a":2}'),
        (b'{"\\u0061":1}', {"a": 2}, b'{"\\u0061":2}'),
        ('{"note":"ü"}'.encode(), {"note": "ö"}, '{"note":"ö"}'.encode()),
    ],
)
def test_patches(content: bytes, changes: dict[str, object], patched: bytes) -> None:
    assert patch(content, changes) == patched


@pytest.mark.parametrize("content", [b"[]", b"", b"{", b'{"a"', b"x", b'{"a" 1}'])
def test_patch_refuses_what_is_no_object(content: bytes) -> None:
    with pytest.raises(DeckError):
        patch(content, {"a": 1})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(max_size=6), VALUES, max_size=6)


@given(OBJECTS, OBJECTS, st.sampled_from([None, 2]), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_a_patched_document_is_the_old_one_with_the_changes(
    document: dict[str, Any], changes: dict[str, Any], indent: int | None, separators: tuple[str, str]
) -> None:
    content = json.dumps(document, indent=indent, separators=separators if indent is None else None).encode()
    patched = patch(content, changes)
    assert json.loads(patched) == {**document, **changes}
    assert list(json.loads(patched)) == list({**document, **changes})
    assert patch(content, {}) == content


@given(st.lists(OBJECTS, max_size=4), st.sampled_from([None, 1]))
def test_members_keep_their_bytes(documents: list[dict[str, Any]], indent: int | None) -> None:
    content = json.dumps(documents, indent=indent).encode()
    parts = members(content)
    assert [json.loads(part) for part in parts] == documents
    assert all(part in content for part in parts)


# ---- showing ----


def test_redaction_hides_every_secret_and_nothing_else() -> None:
    document = {
        "type": "codex",
        "access_token": "canary",
        "tokens": {"refresh_token": "canary", "account_id": "acc-1"},
        "cookies": ["canary"],
        "OPENAI_API_KEY": "canary",
        "headers": {"X-A": "canary"},
        "proxy_url": "socks5://ann:canary@127.0.0.1:1080",
        "odd": "eyJhbGciOiJub25lIn0.canary.canary",
        "service_account": {"private_key": "canary", "private_key_id": "id-1", "client_email": "a@b"},
        "token_type": "Bearer",
        "expired": "2026-12-01",
        "id_token": "",
    }
    shown = redacted(document)
    assert "canary" not in json.dumps(shown)
    assert shown["proxy_url"] == "socks5://***@127.0.0.1:1080"
    assert shown["headers"] == {"X-A": "***"}
    assert (shown["token_type"], shown["expired"], shown["id_token"]) == ("Bearer", "2026-12-01", "")
    assert shown["tokens"]["account_id"] == "acc-1"
    assert shown["service_account"]["private_key_id"] == "id-1"

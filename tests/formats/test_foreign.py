"""Sessions, bundles and archives: every shape they come in, and what is said about the rest of them."""

import io
import json
import zipfile
from typing import Any

import pytest

from authdeck import formats
from authdeck.account import Kind, Provider
from authdeck.credential import Draft
from authdeck.errors import DeckError
from authdeck.formats import Refused, zipped
from fakes.auth_files import codex, jwt


def offered(document: Any, file_name: str = "a.json", source: str | None = None) -> list[Draft | Refused]:
    return formats.offered(file_name, json.dumps(document).encode(), source)


def one(document: Any, source: str | None = None) -> Draft:
    [row] = offered(document, source=source)
    assert isinstance(row, Draft)
    return row


def refused(document: Any, source: str | None = None) -> DeckError:
    with pytest.raises(DeckError) as raised:
        offered(document, source=source)
    return raised.value


# ---- ChatGPT sessions ----

ANN = {"id": "user-ann", "email": "ann@example.com", "name": "Ann"}
WORKSPACE = {"id": "acc-1", "planType": "plus"}
WHO = {"user": ANN, "account": WORKSPACE}
TOKEN = {"accessToken": "at_FAKE"}
SNAKES = {"account_id": "acc-1", "plan_type": "plus"}
PROFILE = {"account": {"chatgpt_account_id": "acc-1", "chatgpt_plan_type": "plus"}}
FLAT = {"email": "ann@example.com", "name": "Ann", "user_id": "user-ann", "chatgpt_account_id": "acc-1"}
SESSIONS: dict[str, tuple[Any, str | None]] = {
    "as the browser has it": ({**WHO, **TOKEN, "expires": "2026-12-01T00:00:00Z"}, None),
    "snake case": ({"user": ANN, "account": SNAKES, "access_token": "at_FAKE"}, None),
    "token inside": ({**WHO, "token": TOKEN}, None),
    "tokens inside": ({**WHO, "tokens": {"access_token": "at_FAKE"}}, None),
    "credentials inside": ({**WHO, "credentials": {"access_token": "at_FAKE"}}, None),
    "session around it": ({"session": {**WHO, **TOKEN}}, None),
    "account in the profile": ({"user": ANN, "profile": PROFILE, **TOKEN}, None),
    "an array of one": ([{**WHO, **TOKEN}], None),
    "in pieces": ([WHO, TOKEN], None),
    "the same token twice": ([{"user": ANN, **TOKEN}, {"account": WORKSPACE, **TOKEN}], None),
    "a bare token, named": ({**FLAT, "plan_type": "plus", "access_token": "at_FAKE"}, "chatgpt_session"),
}


@pytest.mark.parametrize("shape", SESSIONS)
def test_a_session_is_read_in_every_shape(shape: str) -> None:
    document, source = SESSIONS[shape]
    draft = one(document, source)
    assert (draft.provider, draft.kind, draft.source) == (Provider.CODEX, Kind.OAUTH, "chatgpt_session")
    said = {"access_token": "at_FAKE", "email": "ann@example.com", "account_id": "acc-1", "plan_type": "plus"}
    assert said.items() <= draft.document.items()
    assert draft.document["chatgpt_account_id"] == "acc-1"
    assert draft.document["chatgpt_user_id"] == "user-ann"
    assert ("no_refresh_token", {}) in draft.notes


def test_two_sessions_are_an_error() -> None:
    pieces = [{"user": ANN, "accessToken": "at_FAKE_1"}, {"user": ANN, "accessToken": "at_FAKE_2"}]
    assert refused(pieces).code == "session_several"


def test_the_browsers_tokens_and_dates_are_kept() -> None:
    access = jwt({"iat": 1_795_000_000, "exp": 1_796_000_000})
    session = {
        "user": ANN,
        "accessToken": access,
        "sessionToken": "st_FAKE",
        "refreshToken": "rt_FAKE",
        "expires": "2026-12-01T00:00:00Z",
        "theme": "dark",
    }
    document = one(session).document
    assert (document["session_token"], document["refresh_token"]) == ("st_FAKE", "rt_FAKE")
    assert (document["expired"], document["theme"]) == ("2026-12-01T00:00:00Z", "dark")
    assert document["last_refresh"] == "2026-11-18T11:06:40Z"
    assert "no_refresh_token" not in dict(one(session).notes)


@pytest.mark.parametrize(
    "unsafe", ["eyJhbGciOiJub25lIn0.eyJhIjoxfQ.x", "eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.", "e30.e30.x"]
)
def test_an_unsigned_id_token_is_dropped_here_and_refused_in_an_auth_file(unsafe: str) -> None:
    draft = one({"user": ANN, "accessToken": "at_FAKE", "idToken": unsafe})
    assert "id_token" not in draft.document
    assert b"id_token" not in draft.content
    assert ("id_token_dropped", {}) in draft.notes
    assert refused({"type": "codex", "access_token": "at_FAKE", "id_token": unsafe}).code == "id_token_unsafe"


# ---- Sub2API ----


def account(name: str = "ann", **changes: Any) -> dict[str, Any]:
    credentials = {
        "access_token": "at_FAKE",
        "refresh_token": "rt_FAKE",
        "email": "ann@example.com",
        "chatgpt_account_id": "acc-1",
        "plan_type": "Team",
        "chatgpt_user_id": "user-ann",
    }
    return {
        "name": name,
        "platform": "openai",
        "type": "oauth",
        "status": "active",
        "credentials": credentials,
        **changes,
    }


BUNDLES: dict[str, Any] = {
    "export": {"exported_at": "2026-11-01T00:00:00Z", "proxies": [], "accounts": [account()]},
    "without proxies": {"exported_at": "2026-11-01T00:00:00Z", "accounts": [account()]},
    "data around it": {"data": {"accounts": [account()]}},
    "bare array": [account()],
    "one account": account(),
}


@pytest.mark.parametrize("shape", BUNDLES)
def test_a_bundle_is_read_in_every_shape(shape: str) -> None:
    draft = one(BUNDLES[shape])
    assert (draft.source, draft.document["account_id"], draft.disabled) == ("sub2api", "acc-1", False)
    assert draft.file_name == "codex-6ef4c6f5-ann@example.com-team.json" or draft.file_name.endswith(
        "-ann@example.com-team.json"
    )
    assert draft.document["refresh_token"] == "rt_FAKE"


def test_each_account_of_a_bundle_is_a_row_of_its_own() -> None:
    bundle = {
        "proxies": [],
        "accounts": [
            account(),
            account("gina", platform="gemini"),
            account("key", type="apikey"),
            account("bob", credentials={}),
            "nonsense",
            account("paused", status="error"),
        ],
    }
    rows = offered(bundle, "bundle.json")
    codes = [row.error.code if isinstance(row, Refused) else row.document["name"] for row in rows]
    assert codes == [
        "ann",
        "sub2api_not_openai",
        "sub2api_not_openai",
        "sub2api_token_missing",
        "member_not_an_object",
        "paused",
    ]
    assert isinstance(rows[3], Refused)
    assert rows[3].error.params["account"] == "bob"
    assert isinstance(rows[5], Draft)
    assert rows[5].disabled
    names = [row.file_name for row in rows if isinstance(row, Draft)]
    assert len(set(names)) == len(names)


def test_a_bundle_has_an_end() -> None:
    assert refused({"proxies": [], "accounts": [account()] * 5001}).code == "too_many_members"
    assert refused({"proxies": [], "accounts": []}).code == "file_empty"


# ---- the format named ----


@pytest.mark.parametrize(
    ("source", "document", "looks_like"),
    [
        ("codex_cli", json.loads(codex()), "cliproxyapi"),
        ("cliproxyapi", {"user": ANN, "accessToken": "at_FAKE"}, "chatgpt_session"),
        ("cliproxyapi", BUNDLES["export"], "sub2api"),
        ("sub2api", {"claudeAiOauth": {"accessToken": "at_FAKE"}}, "claude_code"),
        ("chatgpt_session", {"tokens": {"access_token": "at_FAKE"}, "OPENAI_API_KEY": None}, "codex_cli"),
        ("api_key", {"type": "service_account"}, "service_account"),
    ],
)
def test_a_wrong_name_is_told_what_it_looks_like(source: str, document: Any, looks_like: str) -> None:
    error = refused(document, source)
    assert (error.code, error.params["format"]) == ("format_looks_like", looks_like)


def test_a_region_stands_beside_a_service_account_or_comes_from_the_caller() -> None:
    key = {"type": "service_account", "project_id": "p", "client_email": "a@p.iam", "private_key": "FAKE"}
    assert one({**key, "location": "europe-west4"}).document["location"] == "europe-west4"
    moved = formats.with_location(one(key), "global")
    assert (moved.document["location"], formats.opened(moved.content)["location"]) == ("global", "global")
    assert formats.with_location(one(json.loads(codex())), "global").document.get("location") is None


# ---- zips ----


def rows_of(content: bytes) -> list[tuple[str, str]]:
    rows = formats.offered("all.zip", content)
    return [(row.file_name, row.error.code if isinstance(row, Refused) else row.source) for row in rows]


def test_a_bad_member_never_stops_the_others() -> None:
    content = zipped.write(
        {
            "good.json": codex(),
            "folder/deep/../other.json": codex("bob@example.com"),
            "bad.json": b"{",
            "notes.txt": b"hello",
            "nested.zip": zipped.write({"a.json": codex()}),
            "__MACOSX/._good.json": b"\0",
            ".DS_Store": b"\0",
            "bundle.json": json.dumps(BUNDLES["export"]).encode(),
        }
    )
    found = rows_of(content)
    assert found[:5] == [
        ("good.json", "cliproxyapi"),
        ("other.json", "cliproxyapi"),
        ("bad.json", "file_not_json"),
        ("notes.txt", "file_name_invalid"),
        ("nested.zip", "zip_nested"),
    ]
    assert [code for _, code in found[5:]] == ["sub2api"]
    [_, other, *_] = formats.offered("all.zip", content)
    assert isinstance(other, Draft)
    assert other.notes[0] == ("path_removed", {"path": "folder/deep/../other.json"})


def test_what_unpacks_to_too_much_is_refused() -> None:
    assert rows_of(zipped.write({"zeros.json": b" " * (8 * 1024 * 1024)})) == [("zeros.json", "zip_ratio")]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(8):
            archive.writestr(f"{number}.json", b"x" * (9 * 1024 * 1024))
    with pytest.raises(DeckError) as raised:
        formats.offered("all.zip", out.getvalue())
    assert raised.value.code == "zip_too_large"


def test_a_zip_has_an_end_and_must_be_one() -> None:
    with pytest.raises(DeckError) as raised:
        formats.offered("all.zip", zipped.write({f"{number}.json": b"" for number in range(5002)}))
    assert raised.value.code == "too_many_members"
    with pytest.raises(DeckError) as raised:
        formats.offered("all.zip", b"PK\x03\x04 and nothing more")
    assert raised.value.code == "zip_invalid"


def test_an_archive_in_a_zip_is_said_so_and_ones_own_zip_is_walked() -> None:
    files = {"folder/a.json": codex(), "part.age": b"age-encryption.org/v1 and more", "bad.zip": zipped.write({})}
    content = zipped.write(files, [{"file_name": "a.json", "sha256": zipped.digest(codex())}])
    assert rows_of(content)[:2] == [("a.json", "cliproxyapi"), ("part.age", "zip_archive_inside")]
    found = list(zipped.walk(io.BytesIO(content)))
    assert [(member.file_name, member.content) for member in found[:2]] == [
        ("a.json", codex()),
        ("part.age", files["part.age"]),
    ]
    assert found[2].refused is not None
    assert zipped.listed(io.BytesIO(content))[1] == ("folder/a.json", len(codex()))
    with pytest.raises(DeckError) as raised:
        list(zipped.walk(io.BytesIO(b"PK\x03\x04 and nothing more")))
    assert raised.value.code == "zip_invalid"


def test_a_zip_member_without_a_name_is_a_row_of_its_own() -> None:
    content = bytearray(zipped.write({"x": codex(), "b.json": codex()}))
    content[content.index(b"PK\x01\x02") + 46] = 0  # its name, where the directory says it
    assert [row[1] for row in rows_of(bytes(content))] == ["zip_member_damaged", "cliproxyapi"]


def test_a_manifest_is_held_against_the_files() -> None:
    manifest = [
        {"file_name": "a.json", "sha256": zipped.digest(codex())},
        {"file_name": "b.json", "sha256": zipped.digest(codex())},
        {"file_name": "c.json", "sha256": ""},
    ]
    content = zipped.write({"a.json": codex(), "b.json": codex("eve@example.org")}, manifest)
    assert rows_of(content) == [
        ("a.json", "cliproxyapi"),
        ("b.json", "archive_member_changed"),
        ("c.json", "archive_member_missing"),
    ]

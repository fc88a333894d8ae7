"""Anything may be uploaded: good files are imported, bad ones are rejected with a reason, and nothing else happens."""

import json

from authdeck.simulator.demo import PERSONAS, demo_files

# What each is rejected for, and its bytes.
BAD = {
    "challenge.json": ("html_page", b"<!DOCTYPE html><html><title>Just a moment...</title></html>"),
    "empty.json": ("file_empty", b""),
    "half.json": ("file_not_json", b'{"type": "codex", "access_tok'),
    "list-of-numbers.json": ("member_not_an_object", b"[1, 2, 3]"),
    "text.json": ("not_an_object", b'"just text"'),
    "null.json": ("not_an_object", b"null"),
    "not-utf8.json": ("encoding_invalid", b"\xff\xfe\x00{"),
    "no-type.json": ("type_missing", b'{"hello": "world"}'),
    "unknown-type.json": ("type_unknown", b'{"type": "ferret", "access_token": "at_FAKE"}'),
    "no-tokens.json": ("field_missing", b'{"type": "codex", "email": "eve@example.com"}'),
    "numbers.json": ("field_invalid", b'{"type": "codex", "access_token": 7, "refresh_token": []}'),
    "deep.json": ("too_deep", b'{"type": "codex", "a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "../../outside.json": ("file_name_invalid", b"{}"),
}


def test_every_kind_of_auth_file(deck, simulator):
    files = demo_files(simulator)

    rows = deck.upload(*files)

    assert [row["outcome"] for row in rows] == ["new"] * len(PERSONAS), rows
    assert [row["file_name"] for row in rows] == [name for name, _ in files]
    by_index = {account["auth_index"]: account for account in deck.accounts()}
    shown = [by_index[row["auth_index"]] for row in rows]
    assert [account["provider"] for account in shown] == [persona.provider for persona in PERSONAS]
    for account, persona in zip(shown, PERSONAS, strict=True):
        assert account["note"] == persona.settings.get("note", "")
        assert account["priority"] == persona.settings.get("priority", 0)
        assert account["prefix"] == persona.settings.get("prefix")
        assert account["enabled"] is not persona.settings.get("disabled", False)


def test_bad_files_do_not_stop_good_ones(deck, simulator):
    first, last = (simulator.auth_file(simulator.account("codex", f"{name}@example.com")) for name in ("ann", "bob"))

    rows = deck.upload(first, *((name, content) for name, (_, content) in BAD.items()), last)

    assert [row["outcome"] for row in rows] == ["new", *["rejected"] * len(BAD), "new"]
    assert {row["file_name"]: row["reason"]["code"] for row in rows[1:-1]} == {
        name: code for name, (code, _) in BAD.items()
    }
    assert all(row["reason"]["sentence"].endswith(".") and not row["auth_index"] for row in rows[1:-1]), rows
    assert len(deck.accounts()) == 2


def test_no_secret_of_a_rejected_file_comes_back(deck):
    content = json.dumps({"type": "codex", "access_token": ["rt_FAKE_canary"], "refresh_token": "rt_FAKE_canary"})

    answer = deck.management.post("/imports", files=[("file", ("eve.json", content.encode(), "application/json"))])

    assert answer.status_code == 200
    assert "rt_FAKE_canary" not in answer.text
    assert "rt_FAKE_canary" not in deck.log.read_text()


def test_a_file_of_100_megabytes_is_refused_and_the_server_lives(deck, simulator):
    huge = b'{"type": "codex", "access_token": "' + b"x" * 100 * 1024 * 1024 + b'"}'

    answer = deck.management.post("/imports", files=[("file", ("huge.json", huge, "application/json"))])

    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "upload_too_large"
    assert deck.add(simulator.account("codex", "ann@example.com"))


def test_a_preview_writes_nothing(deck, simulator):
    files = demo_files(simulator)
    before = [(path.name, path.stat().st_size) for path in sorted(deck.home.rglob("*.json"))]

    rows = deck.upload(*files, preview="true")

    assert {row["outcome"] for row in rows} == {"new"}
    assert deck.accounts() == []
    assert [(path.name, path.stat().st_size) for path in sorted(deck.home.rglob("*.json"))] == before
    assert {row["outcome"] for row in deck.upload(*files)} == {"new"}


def test_the_command_line_previews_and_imports_the_same_folder(deck, simulator, tmp_path):
    folder = tmp_path / "auths"
    folder.mkdir()
    for name, content in demo_files(simulator):
        (folder / name).write_bytes(content)

    deck.run("import", str(folder), "--preview")
    assert deck.accounts() == []

    report = json.loads(deck.run("import", str(folder), "--json").stdout)
    assert {row["outcome"] for row in report["items"]} == {"new"}
    assert len(deck.accounts()) == len(PERSONAS)

    again = json.loads(deck.run("import", str(folder), "--json").stdout)
    assert {row["outcome"] for row in again["items"]} == {"unchanged"}


def test_an_import_as_json(deck, simulator):
    name, content = simulator.auth_file(simulator.account("codex", "ann@example.com"))

    answer = deck.ask("POST", "/imports", json={"file_name": name, "document": json.loads(content)})

    assert [row["outcome"] for row in answer["items"]] == ["new"]


def test_nothing_secret_lies_in_the_home_in_clear(deck, simulator):
    secrets = []
    for name, content in demo_files(simulator):
        deck.upload((name, content))
        document = json.loads(content)
        secrets += [document[field].encode() for field in ("refresh_token", "api_key") if field in document]
    deck.restart()

    stored = b"".join(path.read_bytes() for path in deck.home.rglob("*") if path.is_file())

    assert secrets
    assert not [secret for secret in secrets if secret in stored]

"""Secrets go into a file for their owner alone, and nowhere by accident."""

import json
from pathlib import Path

import pyrage
import pytest

from cli.conftest import Shell
from fakes.auth_files import codex


def test_it_works(shell: Shell, folder: Path, tmp_path: Path) -> None:
    shell.run("import", folder)
    out = tmp_path / "out.json"
    said = shell.ok("export", "ann.json", "--output", out)
    assert out.read_bytes() == codex()
    assert out.stat().st_mode & 0o777 == 0o600
    assert "two programs" in said.err
    assert "FAKE" not in said.out + said.err
    again = shell.run("export", "ann.json", "--output", out)
    assert (again.code, "--force" in again.err) == (2, True)


def test_an_archive_and_back(alone: Shell, folder: Path, tmp_path: Path) -> None:
    alone.run("import", folder)
    secret, out = tmp_path / "passphrase", tmp_path / "all.age"
    secret.write_text("a FAKE passphrase\n")
    alone.ok("export", "--search", "", "--format", "archive", "--passphrase-file", secret, "-o", out)
    assert out.read_bytes().startswith(b"age-encryption.org/v1")
    elsewhere = Shell(tmp_path / "elsewhere")
    said = elsewhere.ok("import", out, "--passphrase-file", secret)
    assert "2 new" in said.out
    assert "Saved is not tried" in said.out


@pytest.mark.parametrize(("form", "small"), [("archive", "10000"), ("cliproxyapi", "4000")])
def test_what_is_too_large_for_one_request_comes_back_in_parts(
    alone: Shell, tmp_path: Path, form: str, small: str
) -> None:
    """The limit of an upload is small here, so that thirty accounts are many."""
    crowd, key, out = tmp_path / "crowd", tmp_path / "key", tmp_path / "all.zip"
    crowd.mkdir()
    for number in range(30):
        content = codex(f"p{number}@example.com", f"acc-{number}", f"user-{number}", access_token=f"at_FAKE_{number}")
        (crowd / f"p{number}.json").write_bytes(content)
    alone.ok("import", crowd, "--json")
    ann = pyrage.x25519.Identity.generate()
    key.write_text(str(ann))
    to = ("--recipient", str(ann.to_public())) if form == "archive" else ()
    said = alone.run("export", "--search", "", "--format", form, *to, "-o", out, AUTHDECK_UPLOAD_LIMIT=small)
    warning, last = said.err.splitlines()
    assert warning.startswith("p0.json, p1.json, p2.json and 27 more: ")
    assert (said.code, last) == (0, f"Wrote 30 to {out}.")
    assert out.stat().st_size > int(small)
    elsewhere = Shell(tmp_path / "elsewhere")
    came = elsewhere.run("import", out, "--identity-file", key, "--json", AUTHDECK_UPLOAD_LIMIT=small)
    assert (came.code, came.json["counts"]["new"], len(came.json["items"])) == (0, 30, 30)


def test_a_preview_writes_nothing(alone: Shell, folder: Path) -> None:
    alone.run("import", folder)
    told = alone.ok("export", "bob.json", "--format", "codex_cli", "--preview", "--json").json
    assert told["items"][0]["lost"] == ["note", "priority"]
    assert alone.run("export", "bob.json").code == 2
    assert alone.run("export", "-o", "x.json").code == 2


@pytest.mark.parametrize(
    "words",
    [
        ("export", "ann.json", "--provider", "codex", "-o", "x.json"),
        ("export", "ann.json", "--search", "", "--preview"),
        ("export", "--provider", "", "--plan", "plus", "-o", "x.json"),
        ("export", "ann.json", "-o", "-", "--json"),
        ("inspect", "--provider", ""),
        ("quota", "--refresh", "--kind", ""),
        ("accounts", "list", "--state", "cooling", "--state", " "),
    ],
)
def test_who_is_meant_has_to_be_clear(newcomer: Shell, words: tuple[str, ...]) -> None:
    said = newcomer.run(*words)
    assert (said.code, newcomer.home.exists()) == (2, False), said.err


def test_what_was_written_is_told_as_json(alone: Shell, folder: Path, tmp_path: Path) -> None:
    alone.run("import", folder)
    out = tmp_path / "out.json"
    said = alone.ok("export", "ann.json", "-o", out, "--json")
    assert (said.json["file"], said.json["total"], said.json["rotating"], said.err) == (str(out), 1, 1, "")
    assert out.read_bytes() == codex()


def test_at_a_terminal_import_and_export_say_how_far_they_are(alone: Shell, tmp_path: Path) -> None:
    crowd, out = tmp_path / "crowd", tmp_path / "all.zip"
    crowd.mkdir()
    for number in range(101):
        content = codex(f"p{number}@example.com", f"acc-{number}", f"user-{number}", access_token=f"at_FAKE_{number}")
        (crowd / f"p{number}.json").write_bytes(content)
    shown = alone.at_a_terminal("import", crowd, "--refresh-by", "authdeck")
    assert "Importing" in shown
    assert "100%" in shown
    shown = alone.at_a_terminal("export", "--search", "", "-o", out)
    assert "Exporting" in shown
    assert "100%" in shown
    size = out.stat().st_size / 1000
    assert f"{size:.1f}/{size:.1f} kB" in shown
    done = alone.ok("batch", "--search", "", "--export", "cliproxyapi", "--json").json["id"]
    assert "Exporting" in alone.at_a_terminal("batch", "content", done, "-o", out, "--force")
    assert "Exporting" not in alone.at_a_terminal("export", "p1.json", "-o", out, "--force")  # too quick to watch


def test_models_and_endpoints_are_printed(alone: Shell, folder: Path) -> None:
    alone.run("import", folder)
    assert "Known to be in the plan plus" in alone.ok("accounts", "models", "ann.json").out
    said = alone.ok("accounts", "endpoints", "ann.json")
    assert "/v1/responses" in said.out
    assert 'env_key = "AUTHDECK_CLIENT_KEY"' in said.out
    assert json.loads(alone.ok("accounts", "endpoints", "ann.json", "--json").out)["snippets"]

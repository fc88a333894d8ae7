"""Batches on the command line, beside a server and without one."""

import json
from pathlib import Path

import pytest

from cli.conftest import Shell
from fakes.auth_files import codex


def test_it_works(shell: Shell, folder: Path) -> None:
    shell.run("import", folder)
    looked = shell.ok("batch", "--search", "", "--set", "priority=9", "--clear", "note", "--preview", "--json").json
    assert (looked["status"], looked["counts"]["done"]) == ("previewed", 2)
    done = shell.ok("batch", "apply", looked["id"], "--json").json
    assert [item["after"]["priority"] for item in done["items"]] == [9, 9]
    assert "note Bob's → –" in shell.ok("batch", "show", done["id"]).out
    assert done["id"] in shell.ok("batch", "list").out
    back = shell.ok("batch", "undo", done["id"])
    assert "Completed: 2 done." in back.out
    assert shell.ok("accounts", "show", "bob.json", "--json").json["priority"] == 5
    assert "Completed" in shell.ok("batch", "cancel", done["id"]).out


def test_a_skipped_row_ends_with_1(shell: Shell, folder: Path) -> None:
    shell.run("import", folder)
    said = shell.run("batch", "ann.json", "nobody.json", "--disable", "on leave", "--json")
    assert (said.code, said.json["counts"]["done"], said.json["counts"]["skipped"]) == (1, 1, 1)
    assert shell.ok("accounts", "show", "ann.json", "--json").json["enabled"] is False


def test_many_are_waited_for(alone: Shell, tmp_path: Path) -> None:
    files = tmp_path / "many"
    files.mkdir()
    for number in range(1_050):
        name = f"p{number}"
        content = codex(f"{name}@example.com", f"acc-{name}", f"user-{name}", access_token=f"at_FAKE_{name}")
        (files / f"{name}.json").write_bytes(content)
    alone.ok("import", files, "--json")
    done = alone.ok("batch", "--search", "", "--lock", "--json").json
    assert (done["status"], done["counts"]["done"], len(done["items"])) == ("completed", 1_050, 1_050)


def test_secrets_come_from_a_file(alone: Shell, folder: Path, tmp_path: Path) -> None:
    alone.run("import", folder)
    secrets = tmp_path / "secrets.json"
    secrets.write_text(json.dumps({"headers": {"X-Team": "t_FAKE"}, "proxy_url": "http://u:pw_FAKE@10.0.0.1:1"}))
    said = alone.ok("batch", "ann.json", "--secrets-from", secrets, "--json")
    assert "FAKE" not in said.out
    assert alone.ok("accounts", "show", "ann.json", "--json").json["headers"] is True
    names = tmp_path / "names.txt"
    names.write_text("ann.json\nbob.json\n")
    assert alone.ok("batch", "--names-from", names, "--delete", "--json").json["counts"]["done"] == 2
    trashed = [row["auth_index"] for row in alone.ok("trash", "list", "--json").json["items"]]
    assert alone.ok("trash", "restore", *trashed, "--json").json["counts"]["done"] == 2


@pytest.mark.parametrize(
    "words",
    [
        ("batch", "ann.json"),
        ("batch", "--set", "priority=5"),
        ("batch", "ann.json", "--search", "x", "--lock"),
        ("batch", "ann.json", "--set", "priority"),
        ("batch", "ann.json", "--set", "proxy_url=http://u:pw_FAKE@h:1"),
        ("batch", "ann.json", "--secrets-from", "nowhere.json"),
    ],
)
def test_usage_mistakes_end_with_2(alone: Shell, words: tuple[str, ...]) -> None:
    assert alone.run(*words).code == 2
    assert not alone.home.exists()


@pytest.mark.parametrize(("typed", "offered"), [("authdeck ba", "batch"), ("authdeck batch un", "undo")])
def test_the_shell_completes(alone: Shell, typed: str, offered: str) -> None:
    position = str(len(typed.split()) - 1)
    said = alone.run(_AUTHDECK_COMPLETE="complete_bash", COMP_WORDS=typed, COMP_CWORD=position)
    assert offered in said.out.split()

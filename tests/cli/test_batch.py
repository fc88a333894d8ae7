"""Batches on the command line, beside a server and without one."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyrage import x25519

from cli.conftest import Shell
from cli.test_login import TERMINAL
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
    assert "Completed: 2 done." in shell.ok("batch", "cancel", done["id"]).out  # too late, and no row was left


def test_a_skipped_row_ends_with_1(shell: Shell, folder: Path) -> None:
    shell.run("import", folder)
    said = shell.run("batch", "ann.json", "nobody.json", "--disable", "on leave", "--json")
    assert (said.code, said.json["counts"]["done"], said.json["counts"]["skipped"]) == (1, 1, 1)
    assert shell.ok("accounts", "show", "ann.json", "--json").json["enabled"] is False


def test_settings_are_set_cleared_and_left_alone(shell: Shell, folder: Path) -> None:
    shell.run("import", folder)

    def settings(name: str) -> tuple[list[str], bool | None, int]:
        shown = shell.ok("accounts", "show", name, "--json").json
        return shown["excluded_models"], shown["disable_cooling"], shown["priority"]

    both = ("ann.json", "bob.json")
    models, cooling = '["GPT-5*", "o4"]', "disable_cooling=true"
    batch = shell.ok("batch", *both, "--set", f"excluded_models={models}", "--set", cooling, "--json").json["id"]
    assert [settings(name) for name in both] == [(["gpt-5*", "o4"], True, 0), (["gpt-5*", "o4"], True, 5)]
    said = shell.ok("batch", "show", batch).out
    assert "excluded_models – → gpt-5*, o4" in said
    assert "disable_cooling – → yes" in said
    shell.ok("batch", "ann.json", "--set", "excluded_models=o9,o8", "--set", "disable_cooling=false", "--json")
    assert settings("ann.json") == (["o8", "o9"], False, 0)
    shell.ok("batch", "--search", "", "--set", "priority=7", "--json")
    assert [settings(name) for name in both] == [(["o8", "o9"], False, 7), (["gpt-5*", "o4"], True, 7)]
    words = ("--clear", "excluded_models", "--clear", "disable_cooling", "--json")
    cleared = shell.ok("batch", *both, *words).json["id"]
    assert [settings(name) for name in both] == [([], None, 7), ([], None, 7)]
    shell.ok("batch", "undo", cleared, "--json")
    assert [settings(name) for name in both] == [(["o8", "o9"], False, 7), (["gpt-5*", "o4"], True, 7)]


MANY = 1_050


@pytest.fixture
def many(alone: Shell, tmp_path: Path) -> Shell:
    files = tmp_path / "many"
    files.mkdir()
    for number in range(MANY):
        name = f"p{number}"
        content = codex(f"{name}@example.com", f"acc-{name}", f"user-{name}", access_token=f"at_FAKE_{name}")
        (files / f"{name}.json").write_bytes(content)
    alone.ok("import", files, "--json")
    return alone


def test_many_are_waited_for(many: Shell) -> None:
    done = many.ok("batch", "--search", "", "--lock", "--json").json
    assert (done["status"], done["counts"]["done"], len(done["items"])) == ("completed", MANY, MANY)


def test_a_person_who_waits_sees_a_bar(many: Shell) -> None:
    def said(*more: str) -> str:
        command = [sys.executable, "-m", "authdeck", "batch", "--search", "", *more]
        environment = many.environment(TERM="xterm-256color")
        typed = subprocess.run(
            [sys.executable, "-c", TERMINAL, *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=environment, start_new_session=True, timeout=60, check=True,
        )  # fmt: skip
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", typed.stdout.decode())

    watched = said("--set", "priority=3")
    assert re.search(r"Changing [━╸╺]+ +\d+%", watched), watched
    assert f"Completed: {MANY} done." in watched
    assert "Changing" not in said("--set", "priority=4", "--json")
    assert "Changing" not in many.ok("batch", "--search", "", "--set", "priority=5").err  # nobody watches a pipe


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


def test_each_flag_is_the_change_of_its_name(alone: Shell, folder: Path) -> None:
    alone.run("import", folder)

    def batch(*words: str) -> dict[str, int]:
        counts: dict[str, int] = alone.ok("batch", *words, "--json").json["counts"]
        return counts

    def ann(field: str) -> Any:
        return alone.ok("accounts", "show", "ann.json", "--json").json[field]

    assert batch("ann.json", "--disable", "away", "--until", "2099-01-02T03:04:05Z")["done"] == 1
    assert (ann("enabled"), ann("reasons")[0]["until"]) == (False, "2099-01-02T03:04:05Z")
    batch("ann.json", "--enable")
    assert ann("enabled")
    batch("ann.json", "--lock")
    assert ann("locked")
    batch("ann.json", "--unlock")
    assert not ann("locked")
    batch("ann.json", "--set", "prefix=team")
    assert batch("--where", "prefix=team", "--set", "priority=7")["total"] == 1
    assert ann("priority") == 7
    alone.ok("batch", "bob.json", "--set", "project_id=p-7")
    assert [row["file_name"] for row in alone.ok("accounts", "list", "--project", "p-7", "--json").json["items"]] == [
        "bob.json"
    ]
    assert len(alone.ok("accounts", "list", "--limit", "1", "--json").json["items"]) == 1
    preview = alone.run("batch", "ann.json", "nobody.json", "--refresh", "--preview", "--json").json
    assert preview["change"] == {"refresh": True}
    assert [(row["outcome"], row["reason"] and row["reason"]["code"]) for row in preview["items"]] == [
        ("done", None), ("skipped", "account_not_found"),
    ]  # fmt: skip
    index = ann("auth_index")
    out = folder.parent / "ann.age"
    alone.ok(
        "batch", "ann.json", "--export", "archive", "--recipient", str(x25519.Identity.generate().to_public()),
        "--hand-over", "--output", out,
    )  # fmt: skip
    assert out.read_bytes().startswith(b"age-encryption.org/v1")
    assert ann("refresh_by") == "other"
    batch("ann.json", "--delete")
    assert alone.run("accounts", "show", "ann.json").code == 1
    assert batch(index, "--restore")["done"] == 1
    assert ann("auth_index") == index


@pytest.mark.parametrize(
    "words",
    [
        ("batch", "ann.json"),
        ("batch", "--set", "priority=5"),
        ("batch", "ann.json", "--search", "x", "--lock"),
        ("batch", "ann.json", "--set", "priority"),
        ("batch", "ann.json", "--set", "proxy_url=http://u:pw_FAKE@h:1"),
        ("batch", "ann.json", "--secrets-from", "nowhere.json"),
        ("batch", "--where", "provider=", "--delete"),
        ("batch", "--where", "search=", "--delete"),
        ("batch", "--search", "ann", "--where", "plan= ", "--delete"),
        ("batch", "content", "0" * 32, "-o", "-", "--json"),
    ],
)
def test_usage_mistakes_end_with_2(newcomer: Shell, words: tuple[str, ...]) -> None:
    assert newcomer.run(*words).code == 2
    assert not newcomer.home.exists()


@pytest.mark.parametrize(("typed", "offered"), [("authdeck ba", "batch"), ("authdeck batch un", "undo")])
def test_the_shell_completes(alone: Shell, typed: str, offered: str) -> None:
    position = str(len(typed.split()) - 1)
    said = alone.run(_AUTHDECK_COMPLETE="complete_bash", COMP_WORDS=typed, COMP_CWORD=position)
    assert offered in said.out.split()


def test_an_export_is_a_change_like_others(shell: Shell, folder: Path, tmp_path: Path) -> None:
    shell.run("import", folder)
    looked = shell.run("batch", "--search", "", "--export", "codex_cli", "--preview")
    assert "Not carried by this form: note, priority." in looked.out
    assert (shell.run("batch", "ann.json", "--export", "cliproxyapi", "-o", "-").code, looked.code) == (2, 0)
    out = tmp_path / "out.json"
    done = shell.ok("batch", "ann.json", "--export", "cliproxyapi", "--output", out, "--json").json
    assert done["counts"]["done"] == 1
    assert (out.read_bytes(), out.stat().st_mode & 0o777) == (codex(), 0o600)
    again = tmp_path / "again.json"
    told = shell.ok("batch", "content", done["id"], "-o", again, "--json")
    assert (told.json["file"], told.json["counts"]["done"], told.err) == (str(again), 1, "")
    assert again.read_bytes() == codex()
    assert shell.run("batch", "content", done["id"], "-o", again).code == 2
    assert f"Wrote {again}." in shell.ok("batch", "content", done["id"], "-o", again, "--force").err
    assert shell.run("batch", "ann.json", "--set", "priority=5", "-o", again).code == 2

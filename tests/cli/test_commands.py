"""Every command that people use, run for real, with and without a server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from authdeck import __version__
from authdeck.search import CodexStatus
from cli.conftest import Shell


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Commands beside one server that all tests of this file may ask: none of these changes anything."""
    shell = Shell(tmp_path_factory.mktemp("served") / "home")
    with shell.serving():
        yield shell


def test_an_account_is_found_changed_switched_off_and_brought_back(shell: Shell, folder: Path) -> None:
    shell.run("import", folder)
    assert "ann.json" in shell.ok("accounts", "list").out
    assert "terms: " in shell.ok("accounts", "show", "ann.json").out
    assert "None yet: no answer" in shell.ok("accounts", "show", "ann.json", "--headers").out
    assert shell.ok("accounts", "show", "ann.json", "--headers", "--json").json["seen_headers"] == []
    edited = shell.ok("accounts", "edit", "ann.json", "--note", "Ann's", "--priority", "7", "--json").json
    assert (edited["note"], edited["priority"], edited["version"]) == ("Ann's", 7, 2)
    assert shell.ok("accounts", "edit", "ann.json", "--clear", "note", "--json").json["note"] == ""
    off = shell.ok("accounts", "disable", "ann.json", "--reason", "on leave", "--json").json
    assert off["health"] == "disabled"
    assert "on leave" in shell.ok("accounts", "list", "--state", "disabled").out
    assert shell.ok("accounts", "enable", "ann.json", "--json").json["enabled"] is True
    assert shell.ok("accounts", "lock", "ann.json", "--json").json["locked"] is True
    assert shell.ok("accounts", "unlock", "ann.json", "--json").json["locked"] is False
    index = off["auth_index"]
    shell.ok("accounts", "delete", "ann.json")
    assert index in shell.ok("trash", "list").out
    assert index in shell.ok("trash", "list", "--search", f"{index[:5]}*").out
    assert index not in shell.ok("trash", "list", "--search", "nobody").out
    assert shell.ok("accounts", "restore", index, "--json").json["auth_index"] == index
    gone = shell.ok("accounts", "delete", "ann.json", "--json").json
    assert (gone["auth_index"], gone["trashed"], gone["dependents"]["requests"]) == (index, True, 0)
    seen = shell.ok("trash", "purge", "--search", "ann*", "--preview", "--json").json
    assert (seen["status"], seen["counts"]["done"]) == ("previewed", 1)
    assert shell.ok("trash", "restore", "--search", "ann*", "--json").json["counts"]["done"] == 1
    refused = shell.run("trash", "purge", index, "--yes")
    assert (refused.code, "not in the trash" in refused.out) == (1, True)
    shell.ok("accounts", "delete", "ann.json")
    assert shell.ok("trash", "purge", index, "--yes", "--json").json["counts"]["done"] == 1
    assert shell.ok("trash", "list", "--json").json["total"] == 0
    assert shell.run("trash", "purge", index, "--search", "x").code == 2


def test_accounts_are_chosen_by_every_filter_and_explained(served: Shell, folder: Path) -> None:
    served.run("import", folder)
    served.ok("accounts", "lock", "ann.json")
    for words, found in (
        (("--search", "ANN*json", "--plan", "plus", "--locked"), ["ann.json"]),
        (("--locked",), ["ann.json"]),
        (("--unlocked",), ["bob.json"]),
        ((), ["ann.json", "bob.json"]),
    ):
        listed = served.ok("accounts", "list", *words, "--sort", "name", "--json").json["items"]
        assert [row["file_name"] for row in listed] == found
    for other in (("--problem",), ("--healthy",), ("--disabled",), ("--prefix", "none"), ("--codex-status", "reauth")):
        assert "ann.json" not in served.ok("accounts", "list", *other).out
    assert served.run("export", "--preview", "--search", "ann*", "--kind", "api_key").err.endswith("(export_empty)\n")
    for flag, one in (("--locked", "ann.json"), ("--unlocked", "bob.json")):
        taken = served.ok("export", "--preview", "--kind", "oauth", "--plan", "plus", flag, "--json").json["items"]
        assert [row["file_name"] for row in taken] == [one]
        explained = served.ok("routing", "explain", flag, "--json").json["items"]
        assert [row["file_name"] for row in explained] == [one]
    assert "ann.json" not in served.ok("quota", "--search", "ann*", "--kind", "api_key").out
    for flags in (("--healthy",), ("--disabled",), ("--locked", "--codex-status", "reauth", "--plan", "plus")):
        assert served.ok("routing", "explain", *flags, "--json").json["total"] == 0
    assert served.ok("export", "--search", "", "--preview", "--json").json["items"]
    assert "Acknowledge" in served.ok("accounts", "why", "ann.json").out.title()
    found = served.ok("routing", "explain", "--model", "gpt-5", "--json").json
    assert [item["used"] for item in found["items"]] == [False] * found["total"]
    assert "ann.json" in served.ok("routing", "explain", "ann.json", "--path", "/v1/messages").out
    assert served.run("accounts", "list", "--plan", "plus", "--state", "hot").err.rstrip().endswith("(filter_invalid)")


@pytest.mark.parametrize("status", CodexStatus)
def test_every_codex_status_can_be_asked_for(served: Shell, folder: Path, status: CodexStatus) -> None:
    """That none of these accounts has one leaves nothing; what it finds is told by the API's own tests."""
    served.run("import", folder)
    listed = served.ok("accounts", "list", "--codex-status", status.value, "--json").json
    assert (listed["total"], listed["facets"]["provider"]) == (0, {})


def test_no_other_codex_status_is_taken(served: Shell) -> None:
    assert served.run("accounts", "list", "--codex-status", "tired").err.rstrip().endswith("(filter_invalid)")


def test_keys_terms_operators_and_upstreams(shell: Shell) -> None:
    made = shell.ok("keys", "create", "laptop", "--model", "gpt-*", "--json").json
    assert made["key"].startswith("adk_")
    listed = shell.ok("keys", "list", "--json")
    assert (listed.json["items"][0]["name"], made["key"] in listed.out) == ("laptop", False)
    shell.ok("keys", "revoke", made["id"])
    assert shell.ok("keys", "restore", made["id"]).out == "laptop works again.\n"
    shell.ok("keys", "revoke", made["id"])
    assert shell.ok("terms", "acknowledge", "codex", "--json").json["acknowledged_by"].startswith("local:")
    assert shell.ok("terms", "withdraw", "codex", "--json").json["acknowledged"] is False
    shell.ok("operators", "create", "bob", "--role", "viewer")
    assert shell.ok("operators", "key", "bob").out.startswith("ada_")
    assert "viewer" in shell.ok("operators", "list").out
    assert "https://api.example.com" in shell.ok("upstreams", "approve", "https://api.example.com/v1").out
    assert shell.ok("upstreams", "list", "--json").json["total"] == 1
    shell.ok("upstreams", "withdraw", "https://api.example.com")
    assert "/sign-in/link/" in shell.ok("sign-in-link").out
    assert "No request yet" in shell.ok("requests").out
    assert shell.ok("doctor").out.count("ok ") >= 5


def test_a_key_is_alone_on_stdout_so_that_it_can_be_piped(newcomer: Shell) -> None:
    said = newcomer.ok("keys", "create", "pipe")
    assert said.out.strip().startswith("adk_")
    assert len(said.out.split()) == 1
    assert "once" in said.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("accounts", "show", "nobody"), "account_not_found"),
        (("accounts", "restore", "0" * 16), "account_not_found"),
        (("keys", "revoke", "none"), "client_key_not_found"),
        (("requests", "show", "0" * 32), "request_not_found"),
        (("terms", "acknowledge", "gemini"), "terms_not_needed"),
        (("accounts", "list", "--sort", "colour"), "sort_unknown"),
    ],
)
def test_a_failure_is_one_sentence_with_its_code(served: Shell, words: tuple[str, ...], code: str) -> None:
    said = served.run(*words)
    assert (said.code, said.out) == (1, "")
    assert said.err.rstrip().endswith(f"({code})")
    assert len(said.err.strip().splitlines()) == 1


@pytest.mark.parametrize("words", [(), ("accounts", "edit", "ann.json"), ("nonsense",), ("accounts", "show")])
def test_usage_mistakes_end_with_2(newcomer: Shell, words: tuple[str, ...]) -> None:
    assert newcomer.run(*words).code == 2
    assert not newcomer.home.exists()


def test_help_and_version_open_no_home(newcomer: Shell) -> None:
    assert "import" in newcomer.ok("--help").out
    assert newcomer.ok("version").out.strip() == f"authdeck {__version__}"
    assert not newcomer.home.exists()


def test_a_bad_setting_is_named(alone: Shell) -> None:
    said = alone.run("accounts", "list", AUTHDECK_TRASH_DAYS="many")
    assert said.code == 1
    assert "AUTHDECK_TRASH_DAYS" in said.err


def test_a_home_that_another_process_holds_without_answering_is_left_alone(alone: Shell) -> None:
    with alone.serving() as server:
        (alone.home / "run" / "server.json").unlink()
        said = alone.run("accounts", "list")
        assert said.code == 1
        assert said.err.rstrip().endswith("(home_in_use)")
        assert server.poll() is None


def test_a_killed_servers_file_is_no_hindrance(alone: Shell) -> None:
    with alone.serving() as server:
        server.kill()
        server.wait(30)
        assert (alone.home / "run" / "server.json").exists()
        assert "No account matches" in alone.ok("accounts", "list").out


def test_doctor_says_what_is_wrong_and_ends_with_1(alone: Shell) -> None:
    alone.ok("doctor")
    (alone.home / "authdeck.db").chmod(0o644)
    said = alone.run("doctor", "--json")
    assert said.code == 1
    bad = [finding for finding in said.json["items"] if not finding["fine"]]
    assert {finding["code"] for finding in bad} == {"checkup_home_exposed"}


def test_doctor_computes_the_derived_state_anew(alone: Shell, folder: Path) -> None:
    alone.run("import", folder)
    said = alone.ok("doctor", "--rebuild-state").out.splitlines()
    assert said[0].endswith("- -> unknown")
    assert said[-1] == f"{len(said) - 1} differed."
    assert alone.ok("doctor", "--rebuild-state", "--json").json["items"] == []


def test_doctor_reports_a_home_that_does_not_open(alone: Shell) -> None:
    alone.ok("doctor")
    (alone.home / "master.key").unlink()
    said = alone.run("doctor")
    assert said.code == 1
    assert said.out.startswith("BAD")
    assert not (alone.home / "master.key").exists()


def test_the_server_leaves_no_token_behind(alone: Shell) -> None:
    with alone.serving():
        written = json.loads((alone.home / "run" / "server.json").read_text())
        assert (alone.home / "run" / "server.json").stat().st_mode & 0o077 == 0
        assert written["address"].startswith("http://127.0.0.1:")
    assert not (alone.home / "run" / "server.json").exists()


def test_no_sign_in_link_is_printed_into_a_log(alone: Shell) -> None:
    with alone.serving() as server:
        server.terminate()
        server.wait(60)
    assert "/sign-in/link/" not in alone.log.read_text()


def test_settings_are_changed_and_say_where_they_come_from(shell: Shell) -> None:
    assert "trash_days is 14 now (local:" in shell.ok("settings", "set", "trash_days", "14").out
    row = next(row for row in shell.ok("settings", "show", "--json").json["items"] if row["name"] == "trash_days")
    assert (row["value"], row["source"]) == (14, "console")
    assert shell.run("settings", "set", "trash_days", "9999").err.rstrip().endswith("(setting_refused)")
    assert "(default)" in shell.ok("settings", "set", "trash_days", "--default").out
    assert shell.run("settings", "set", "trash_days").code == 2


def test_what_the_environment_sets_is_locked(alone: Shell) -> None:
    refused = alone.run("settings", "set", "trash_days", "14", AUTHDECK_TRASH_DAYS="3")
    assert refused.code == 1
    assert "AUTHDECK_TRASH_DAYS" in refused.err

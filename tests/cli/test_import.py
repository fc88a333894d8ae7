import json
from hashlib import sha256
from pathlib import Path

from cli.conftest import Shell
from fakes.auth_files import codex


def outcomes(items: list[dict[str, str]]) -> dict[str, str]:
    return {row["file_name"]: row["outcome"] for row in items}


def test_it_works(shell: Shell, folder: Path) -> None:
    said = shell.run("import", folder, "--json")
    assert said.code == 1  # one file is broken
    assert outcomes(said.json["items"]) == {"ann.json": "new", "bob.json": "new", "broken.json": "rejected"}
    assert [Path(name).name for name in said.json["skipped"]] == ["README.txt", "nested"]
    again = shell.run("import", folder, "--json").json["items"]
    assert outcomes(again) == {"ann.json": "unchanged", "bob.json": "unchanged", "broken.json": "rejected"}
    assert {row["auth_index"] for row in again} == {row["auth_index"] for row in said.json["items"]}


def test_a_person_reads_a_row_a_file_and_the_counts(alone: Shell, folder: Path) -> None:
    said = alone.run("import", folder)
    assert "broken.json is not valid JSON" in said.out
    assert "Skipped" in said.out
    assert said.out.rstrip().endswith("2 new, 1 rejected.")
    assert "stop any other program" in said.err


def test_sound_files_alone_end_well(alone: Shell, folder: Path) -> None:
    assert alone.run("import", folder / "ann.json", folder / "bob.json").code == 0


def test_a_preview_writes_nothing(alone: Shell, folder: Path) -> None:
    said = alone.run("import", folder, "--preview")
    assert "Preview, nothing written: 2 new, 1 rejected." in said.out
    assert alone.ok("accounts", "list", "--json").json["total"] == 0


def test_the_folders_cliproxy_index_becomes_an_alias(alone: Shell, folder: Path) -> None:
    alone.run("import", folder)
    index = sha256(f"codex:{folder / 'ann.json'}".encode()).hexdigest()[:16]
    assert alone.ok("accounts", "show", index, "--json").json["file_name"] == "ann.json"


def test_a_mounted_folder_is_named_as_the_other_program_sees_it(alone: Shell, folder: Path) -> None:
    alone.run("import", folder, "--cliproxy-auth-dir", "/data/auths", "--refresh-by", "other")
    index = sha256(b"codex:/data/auths/ann.json").hexdigest()[:16]
    assert alone.ok("accounts", "show", index, "--json").json["refresh_by"] == "other"


def test_more_files_than_one_request_takes(alone: Shell, tmp_path: Path) -> None:
    for number in range(230):
        (tmp_path / f"{number:03}.json").write_bytes(codex(organization=f"acc-{number}", user=f"user-{number}"))
    said = alone.ok("import", tmp_path, "--json")
    assert said.json["counts"] == {"new": 230, "updated": 0, "unchanged": 0, "conflict": 0, "rejected": 0}
    assert alone.ok("accounts", "list", "--json").json["total"] == 230


def test_a_file_too_large_or_unreadable_is_a_row(alone: Shell, folder: Path) -> None:
    (folder / "large.json").write_bytes(b" " * 11_000_000)
    (folder / "away.json").symlink_to(folder / "nowhere.json")
    said = alone.run("import", folder, "--json")
    rows = {row["file_name"]: row for row in said.json["items"]}
    assert rows["large.json"]["reason"]["code"] == "file_too_large"
    assert rows["ann.json"]["outcome"] == "new"
    assert str(folder / "away.json") in said.json["skipped"]


def test_a_folder_without_auth_files_says_so(alone: Shell, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "No auth file found" in alone.ok("import", tmp_path / "empty").out


def test_a_path_that_is_not_there_is_a_usage_mistake(alone: Shell) -> None:
    assert alone.run("import", "/nowhere/at/all").code == 2


def test_an_unknown_choice_is_one_sentence(alone: Shell, folder: Path) -> None:
    said = alone.run("import", folder, "--on-conflict", "burn")
    assert said.code == 1
    assert said.err.rstrip().endswith("(request_invalid)")


def test_json_is_all_that_is_on_stdout(alone: Shell, folder: Path) -> None:
    assert json.loads(alone.run("import", folder, "--json").out)["preview"] is False

"""``auth_index``: given once, and the same through everything."""

import json


def renamed(file, name):
    return name, file[1]


def test_it_is_the_same_after_everything(deck, simulator):
    ann = simulator.account("codex", "ann@example.com", plan="plus")
    (auth_index,) = deck.add(ann, note="Ann")

    (again,) = deck.upload(simulator.auth_file(ann))
    (other_name,) = deck.upload(renamed(simulator.auth_file(ann), "my-old-file.json"))
    simulator.sign_in(ann)
    ann.plan = "pro"
    simulator.sign_in(ann)
    (signed_in_again,) = deck.upload(simulator.auth_file(ann))
    deck.ask("PATCH", f"/accounts/{auth_index}", json={"note": "Ann, pro"}, headers={"if-match": "*"})
    deck.ask("PUT", f"/accounts/{auth_index}/disablement", json={})
    deck.restart()

    assert (again["outcome"], other_name["outcome"]) == ("unchanged", "unchanged")
    assert signed_in_again["outcome"] == "updated"
    assert {row["auth_index"] for row in (again, other_name, signed_in_again)} == {auth_index}
    (shown,) = deck.accounts()
    assert shown["auth_index"] == auth_index
    assert (shown["note"], shown["plan"], shown["enabled"]) == ("Ann, pro", "pro", False)
    assert len(auth_index) == 16


def test_signing_in_again_keeps_what_a_person_set(deck, simulator):
    ann = simulator.account("claude", "ann@example.com")
    (auth_index,) = deck.add(ann)
    given = {"note": "canary", "priority": 42, "prefix": "team"}
    deck.ask("PATCH", f"/accounts/{auth_index}", json=given, headers={"if-match": "*"})
    simulator.sign_in(ann)

    (row,) = deck.upload(simulator.auth_file(ann, note="from the file", priority=1))

    shown = deck.account(auth_index)
    assert row["outcome"] == "updated"
    assert {name: shown[name] for name in given} == given


def test_the_same_person_in_two_organisations_is_two_accounts(deck, simulator):
    home = simulator.account("claude", "ann@example.com", organization="org-home")
    work = simulator.account("claude", "ann@example.com", organization="org-work")

    (first,) = deck.upload(simulator.auth_file(home))

    (second,) = deck.upload(renamed(simulator.auth_file(work), "claude-ann-at-work.json"))

    assert (first["outcome"], second["outcome"]) == ("new", "new")
    assert first["auth_index"] != second["auth_index"]
    assert {account["organization"] for account in deck.accounts()} == {"org-home", "org-work"}


def test_a_taken_file_name_overwrites_nothing(deck, simulator):
    """CLIProxyAPI names both of Ann's files alike: a choice is asked for."""
    home, work = (
        simulator.auth_file(simulator.account("claude", "ann@example.com", organization=name))
        for name in ("home", "work")
    )

    first, second = deck.upload(home, work)
    (chosen,) = deck.upload(work, on_conflict="keep_both")

    assert (first["outcome"], second["outcome"], second["reason"]["code"]) == ("new", "conflict", "file_name_taken")
    assert chosen["outcome"] == "new"
    assert {account["file_name"] for account in deck.accounts()} == {home[0], chosen["stored_as"]}


def test_an_older_copy_changes_nothing(deck, simulator):
    ann = simulator.account("codex", "ann@example.com")
    old = simulator.auth_file(ann)
    deck.add(ann)
    simulator.sign_in(ann)
    deck.upload(simulator.auth_file(ann))

    (row,) = deck.upload(old)

    assert row["outcome"] == "unchanged"
    assert deck.accounts()[0]["generation"] == 2


def test_trash_and_back(deck, simulator):
    (auth_index,) = deck.add(simulator.account("codex", "ann@example.com"))

    deleted = deck.management.delete(f"/accounts/{auth_index}", headers={"if-match": "*"})
    assert deleted.status_code in {200, 204}
    assert deck.accounts() == []

    restored = deck.management.post(f"/trash/{auth_index}/restoration", json={})
    assert restored.status_code in {200, 201}
    assert deck.accounts()[0]["auth_index"] == auth_index


def test_what_was_imported_can_be_had_again(deck, simulator):
    name, content = simulator.auth_file(simulator.account("codex", "ann@example.com"))
    (row,) = deck.upload((name, content))

    shown = deck.management.get(f"/accounts/{row['auth_index']}/document", params={"reveal": "true"})
    redacted = deck.management.get(f"/accounts/{row['auth_index']}/document")

    assert shown.status_code == 200, shown.text
    document = shown.json()
    assert json.loads(content)["refresh_token"] in json.dumps(document)
    assert "rt_FAKE" not in redacted.text

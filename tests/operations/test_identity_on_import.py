"""Which account an offered file becomes, case by case: never two that are one, never one that are two."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from authdeck.account import RefreshBy
from authdeck.import_plan import Outcome
from authdeck.operations import trash
from authdeck.operations.desk import Desk
from authdeck.operations.entries import by_name
from fakes.auth_files import codex, jwt, take_in
from fakes.people import ANN

NEW, UPDATED, UNCHANGED, CONFLICT = Outcome.NEW, Outcome.UPDATED, Outcome.UNCHANGED, Outcome.CONFLICT
LATER = {"refresh_token": "rt_FAKE_later", "last_refresh": "2026-11-23T10:00:00Z"}
LATEST = {"refresh_token": "rt_FAKE_latest", "last_refresh": "2026-11-24T10:00:00Z"}


def document(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def claude(**fields: Any) -> bytes:
    plain = {"type": "claude", "access_token": "at_FAKE_c", "refresh_token": "rt_FAKE_c", "email": "ann@example.com"}
    return document(**{**plain, "organization_uuid": "org-1", "account_uuid": "user-1", **fields})


def kimi(number: int, **fields: Any) -> bytes:
    access = jwt({"user_id": "kimi-ann", "iat": 1_763_800_000 + number, "exp": 1_795_400_000})
    return document(type="kimi", access_token=access, refresh_token=f"rt_FAKE_kimi_{number}", **fields)


def bare(refresh: str = "rt_FAKE_bare", **fields: Any) -> bytes:
    return document(type="codex", access_token="at_FAKE_bare", refresh_token=refresh, email="ann@example.com", **fields)


def plan(name: str) -> str:
    auth = {"chatgpt_account_id": "acc-fake-1", "chatgpt_user_id": "user-fake-1", "chatgpt_plan_type": name}
    return jwt({"email": "ann@example.com", "https://api.openai.com/auth": auth})


CODEX_CLI = document(
    auth_mode="chatgpt",
    tokens={
        "id_token": plan("plus"),
        "access_token": "at_FAKE_cli",
        "refresh_token": "rt_FAKE_cli",
        "account_id": "acc-fake-1",
    },
    last_refresh="2026-11-22T10:00:00Z",
)


@dataclass(frozen=True)
class Case:
    """Files in the order in which they are offered, with how each ends and which account (0, 1, …) it is."""

    name: str
    files: list[tuple[str, bytes, Outcome, int]]
    notes: frozenset[str] = field(default_factory=frozenset)
    """Codes that the last row must carry, as reason or note."""


CASES = [
    Case(
        "two workspaces under one e-mail",
        [("a.json", codex(), NEW, 0), ("b.json", codex(organization="acc-fake-2"), NEW, 1)],
        frozenset({"near_match"}),
    ),
    Case(
        "two workspaces under one e-mail, Claude",
        [("a.json", claude(), NEW, 0), ("b.json", claude(organization_uuid="org-2", refresh_token="rt_F2"), NEW, 1)],
        frozenset({"near_match"}),
    ),
    Case("two users of one workspace", [("a.json", codex(), NEW, 0), ("b.json", codex(user="user-fake-2"), NEW, 1)]),
    Case(
        "plan change",
        [
            ("codex-ann-plus.json", codex(), NEW, 0),
            ("codex-ann-pro.json", codex(id_token=plan("pro"), **LATER), UPDATED, 0),
        ],
    ),
    Case("re-login", [("a.json", codex(), NEW, 0), ("a.json", codex(**LATER), UPDATED, 0)]),
    Case(
        "another e-mail, the same user",
        [("a.json", codex(), NEW, 0), ("b.json", codex("ann@new.example.com", **LATER), UPDATED, 0)],
    ),
    Case("missing claims: twice the same file", [("a.json", bare(), NEW, 0), ("a.json", bare(), UNCHANGED, 0)]),
    Case(
        "missing claims: another token adds an account",
        [("a.json", bare(), NEW, 0), ("b.json", bare("rt_FAKE_other"), NEW, 1)],
        frozenset({"near_match"}),
    ),
    Case(
        "missing claims: known by its token under another name",
        [("a.json", bare(), NEW, 0), ("b.json", bare(), UNCHANGED, 0)],
    ),
    Case(
        "missing claims of a known account: known by its token",
        [("a.json", codex(refresh_token="rt_FAKE_bare"), NEW, 0), ("b.json", bare(), UPDATED, 0)],
    ),
    Case(
        "Kimi's new file at each login adds an account and says which comes near",
        [("kimi-1.json", kimi(1), NEW, 0), ("kimi-2.json", kimi(2), NEW, 1), ("kimi-1.json", kimi(1), UNCHANGED, 0)],
    ),
    Case(
        "an older copy re-imported",
        [("a.json", codex(), NEW, 0), ("a.json", codex(**LATER), UPDATED, 0), ("a.json", codex(), UNCHANGED, 0)],
        frozenset({"older_than_revision"}),
    ),
    Case(
        "an older copy that was never seen",
        [("a.json", codex(**LATEST), NEW, 0), ("a.json", codex(**LATER), UNCHANGED, 0)],
        frozenset({"older_than_current"}),
    ),
    Case(
        "the same token under two identities",
        [
            ("a.json", codex(refresh_token="rt_F"), NEW, 0),
            ("b.json", codex(user="eve", refresh_token="rt_F"), CONFLICT, 0),
        ],
        frozenset({"token_of_two_identities"}),
    ),
    Case("the same file under two names", [("a.json", codex(), NEW, 0), ("b.json", codex(), UNCHANGED, 0)]),
    Case(
        "a live folder of another program, then its newer tokens",
        [
            ("auth.json", CODEX_CLI, NEW, 0),
            ("auth.json", CODEX_CLI, UNCHANGED, 0),
            ("auth.json", CODEX_CLI.replace(b"rt_FAKE_cli", b"rt_FAKE_cli2").replace(b"11-22T", b"11-23T"), UPDATED, 0),
        ],
        frozenset({"other_program_logged_in"}),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_case(case: Case, desk: Desk) -> None:
    known: dict[int, str] = {}
    codes: set[str] = set()
    for name, content, outcome, which in case.files:
        (row,) = (await take_in(desk, (name, content))).items
        codes = {code for code, _ in row.notes} | ({row.reason[0]} if row.reason else set())
        assert row.outcome is outcome, (name, row)
        if outcome is not CONFLICT:
            assert known.setdefault(which, str(row.auth_index)) == row.auth_index
    assert len(set(known.values())) == len(known)
    assert case.notes <= codes, codes


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_the_same_in_one_import(case: Case, desk: Desk) -> None:
    """Rows of one chunk see what the rows before them did, though storage is asked for all of them together."""
    rows = (await take_in(desk, *((name, content) for name, content, _, _ in case.files))).items
    known: dict[int, str] = {}
    for row, (_, _, outcome, which) in zip(rows, case.files, strict=True):
        assert row.outcome is outcome, row
        if outcome is not CONFLICT:
            assert known.setdefault(which, str(row.auth_index)) == row.auth_index
    assert len(set(known.values())) == len(known)
    codes = {code for code, _ in rows[-1].notes} | ({rows[-1].reason[0]} if rows[-1].reason else set())
    assert case.notes <= codes, codes


async def test_names_within_one_import_are_free_of_each_other(desk: Desk) -> None:
    files = [("a.json", codex(organization=f"acc-{number}")) for number in range(3)]
    other = ("a-2.json", codex(organization="acc-9"))
    rows = (await take_in(desk, *files, other, on_conflict="keep_both")).items
    assert [row.outcome for row in rows] == [NEW] * 4
    assert [row.stored_as or row.file_name for row in rows] == ["a.json", "a-2.json", "a-3.json", "a-2-2.json"]


async def test_another_programs_sign_in_is_left_to_it(desk: Desk) -> None:
    (row,) = (await take_in(desk, ("auth.json", CODEX_CLI))).items
    assert by_name(desk, str(row.auth_index)).account.refresh_by is RefreshBy.OTHER


async def test_in_the_trash_both_choices_keep_what_was(desk: Desk) -> None:
    (first,) = (await take_in(desk, ("a.json", codex()))).items
    await trash.delete(desk, str(first.auth_index), ANN, version=None)
    (row,) = (await take_in(desk, ("a.json", codex(**LATER)))).items
    assert (row.outcome, row.reason) == (CONFLICT, ("in_trash", {"auth_index": first.auth_index}))
    (apart,) = (await take_in(desk, ("a.json", codex(**LATER)), on_conflict="keep_both")).items
    assert apart.outcome is NEW
    assert apart.auth_index != first.auth_index

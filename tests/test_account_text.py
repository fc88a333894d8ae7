"""A word of any field that an account is known by finds that account, and no other one."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from authdeck.account import Account, AccountSettings, Kind, Provider
from authdeck.directory import Directory
from authdeck.entry import Entry
from authdeck.hold import Hold, Owner
from authdeck.search import from_query

NOON: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
PLAIN: Final = Account(1, "", Provider.XAI, Kind.OAUTH, "", AccountSettings())
SETTINGS: Final = ("note", "project_id", "prefix")
WRITTEN: Final = (
    "file_name", "email", "note", "aliases", "organization", "subject", "label", "plan", "project_id", "prefix",
)  # fmt: skip
"""Fields that may hold anything."""


def one(index: int, field: str = "", value: Any = None) -> Entry:
    """An account of which only that field says anything of its own."""
    plain = replace(PLAIN, key=index, auth_index=f"{index:016d}", file_name=f"{index}.json")
    if field == "hold":
        return Entry(plain, (Hold(Owner.COOLDOWN, value, NOON, NOON + timedelta(hours=1)),))
    if field == "proven":
        return Entry(replace(plain, last_success_at=value))
    if field in SETTINGS:
        return Entry(replace(plain, settings=replace(plain.settings, **{field: value})))
    if field == "aliases":
        value = ("de23d74f07604254", value)
    return Entry(replace(plain, **{field: value}) if field else plain)


FIELDS: Final[Mapping[str, tuple[str, Any, str, str]]] = {
    "file name": ("file_name", "Team-Berlin-7.json", "berlin-7", "TEAM*7.json"),
    "type": ("provider", Provider.ANTIGRAVITY, "antigravity", "anti*ity"),
    "e-mail": ("email", "Ann.Stone@Example.com", "stone@example", "ann*@example.com"),
    "note": ("note", "Lent to\nthe night shift", "to the night", "lent*shift"),
    "auth_index": ("auth_index", "feb1234567890abc", "feb1234567890abc", "feb*abc"),
    "alias": ("aliases", "former-Name.json", "former-name", "former*json"),
    "organization": ("organization", "acc-Fake-9f2", "acc-fake-9f2", "acc*9f2"),
    "subject": ("subject", "user-Fake-88", "user-fake-88", "user*88"),
    "label": ("label", "Blue Machine", "blue machine", "blue*machine"),
    "plan": ("plan", "Enterprise", "enterprise", "enter*ise"),
    "project id": ("project_id", "gcp-Lab-4", "gcp-lab-4", "gcp*4"),
    "prefix": ("prefix", "tokyo", "tokyo", "tok*o"),
    "status": ("proven", NOON, "available", "avail*e"),
    "code": ("hold", "usage_limit_reached", "usage_limit_reached", "usage*reached"),
    "code in words": ("hold", "usage_limit_reached", "usage limit reached", "usage limit*"),
    "status of a hold": ("hold", "slow_down", "cooling", "cool*g"),
}


@pytest.mark.parametrize("said", FIELDS)
def test_a_word_of_each_field_finds_that_account_alone(said: str) -> None:
    field, value, word, pattern = FIELDS[said]
    wanted, directory = one(1, field, value), Directory()
    directory.apply(wanted)
    others = {(field, value) for field, value, *_ in FIELDS.values()} - {(field, value)}
    if field == "hold":
        others = {each for each in others if each[0] != "hold"}  # both are cooling
    for index, each in enumerate(sorted(others, key=str), 2):
        directory.apply(one(index, *each))
    directory.apply(one(99))

    for asked in (word, word.upper(), word.title(), f"  {word} ", f"*{word}*", pattern, pattern.upper(), word[1:-1]):
        assert _found(directory, asked) == [wanted.account.auth_index], asked
    assert _found(directory, f"{word}*zz") == []


@pytest.mark.parametrize("field", WRITTEN)
@pytest.mark.parametrize("word", ["q", "Q", "夜", "夜间", "q*夜", "ü", "Ü", "ß", "*夜*"])
def test_one_letter_and_any_script_will_do(field: str, word: str) -> None:
    wanted, directory = one(1, field, "Qß-ÜL-夜间任务"), Directory()
    for each in (wanted, one(2), one(3, field, "日常"), one(4, "email", "ann@example.com")):
        directory.apply(each)
    assert _found(directory, word) == [wanted.account.auth_index]


def test_what_ended_is_not_found_any_more() -> None:
    directory = Directory()
    directory.apply(one(1, "hold", "usage_limit_reached"))
    asked = from_query({"search": "usage limit"})
    assert directory.find(asked, NOON).total == 1
    assert directory.find(asked, NOON + timedelta(hours=1)).total == 0


def _found(directory: Directory, text: str) -> list[str]:
    """As people ask: by the words of an address."""
    return [each.account.auth_index for each in directory.find(from_query({"search": text}), NOON).items]

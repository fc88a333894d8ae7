"""Lists from memory say what the database would: after any changes, whatever is asked, on SQLite and on PostgreSQL.

A second process that follows the change feed says the same.

``AUTHDECK_PROOF_ROUNDS`` asks for more rounds of changes than a run of all tests has time for; each asks 20 questions.
``AUTHDECK_PROOF_SEED`` draws others.
"""

import json
import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, insert, update

from authdeck.account import Kind, Provider
from authdeck.candidate import Status
from authdeck.directory import Directory, Found
from authdeck.evidence import Action, Source
from authdeck.health import Health
from authdeck.hold import Hold, Owner
from authdeck.operations.desk import Desk
from authdeck.operations.reconcile import settle_all
from authdeck.operations.records import changed
from authdeck.quota import Presence, QuotaWindow
from authdeck.search import SORTS, AccountSearch, CodexStatus
from authdeck.storage.database import WriteConnection
from authdeck.storage.tables import accounts, candidates
from authdeck.storage.writing import accounts as writing
from authdeck.storage.writing import evidence, holds
from fakes import plain_sql
from fakes.another_process import following
from fakes.auth_files import take_in
from fakes.clock import SetClock
from fakes.crowd import Bulk, crowd

ROUNDS: Final = int(os.environ.get("AUTHDECK_PROOF_ROUNDS", "4"))
SEED: Final = os.environ.get("AUTHDECK_PROOF_SEED", "7")
PEOPLE: Final = 40
OTHERS: Final = 12
QUESTIONS: Final = 20
PREFIXES: Final = ("night", "day", None)
LABELS: Final = ("Night shift", "值班", "")
NOTES: Final = ("Team pool", "夜间任务", "on loan", "")
CODES: Final[Mapping[Owner, Sequence[str]]] = {
    Owner.CREDENTIAL: ("refresh_refused", *plain_sql.REVIEWED),
    Owner.COOLDOWN: ("usage_limit_reached", "slow"),
    Owner.INSPECTION: ("quota_exhausted",),
    Owner.OPERATOR: ("disabled",),
    Owner.INCIDENT: ("many_refused",),
}


async def test_the_directory_answers_as_plain_sql_does(desk: Desk, clock: SetClock) -> None:
    chance, bulk = random.Random(SEED), Bulk(desk, chunk=7)
    indexes = [*await crowd(desk, PEOPLE - OTHERS), *await others(desk)]
    elsewhere, follower = await following(desk, clock)
    for _ in range(ROUNDS):
        some = chance.sample(indexes, chance.randrange(1, PEOPLE))
        batch = await bulk.change(some, **change(chance))
        if chance.random() < 0.3:
            await bulk.undo(batch)
        await desk.write(happening(desk, chance, chance.sample(indexes, PEOPLE // 2)))
        if chance.random() < 0.5:
            await settle_all(desk, indexes)
            for stored, expected in await desk.read(lambda c: plain_sql.derived(c, desk.now())):
                assert stored == expected
        await follower.poll()
        for _ in range(QUESTIONS):
            await compare(desk, elsewhere.directory, question(chance, desk.directory))
        clock.move(hours=chance.choice([0, 1, 5]))  # some of what was seen ends by itself


async def compare(desk: Desk, elsewhere: Directory, search: AccountSearch) -> None:
    now = desk.now()
    expected = await desk.read(lambda c: plain_sql.answer(c, search, now))
    facets = await desk.read(lambda c: plain_sql.facets(c, search, now))
    for directory in (desk.directory, elsewhere):
        assert directory.matching(search, now) == expected, search
        found, shown = pages(directory, search, now)
        assert found.total == len(expected)
        assert shown == [expected[at : at + search.page_size] for at in range(0, len(expected) or 1, search.page_size)]
        assert found.facets == facets, search


def pages(directory: Directory, search: AccountSearch, now: datetime) -> tuple[Found, list[list[str]]]:
    """The first page, and who stands on each, by the cursor of the one before."""
    first = found = directory.find(search, now)
    shown = [[entry.account.auth_index for entry in found.items]]
    while found.next:
        found = directory.find(replace(search, cursor=found.next), now)
        shown.append([entry.account.auth_index for entry in found.items])
    return first, shown


async def others(desk: Desk) -> list[str]:
    """Accounts of other providers, of which some have a key instead of a sign-in, named on from those of the crowd."""
    files = []
    for number in range(PEOPLE - OTHERS, PEOPLE):
        tokens = {"access_token": f"at_FAKE_{number}", "refresh_token": f"rt_FAKE_{number}"}
        key, who = {"api_key": f"sk-FAKE-{number}"}, {"email": f"p{number}@example.com"}
        document = (
            {"type": "claude", **who, **tokens, "account_uuid": f"user-fake-{number}"},
            {"type": "kimi", **tokens, "device_id": f"device-fake-{number}"},
            {"type": "gemini", **key},
            {"type": "claude", **key},
        )[number % 4]
        files.append((f"p{number}.json", json.dumps(document).encode()))
    items = (await take_in(desk, *files)).items
    assert [item.outcome for item in items] == ["new"] * OTHERS
    return [str(item.auth_index) for item in items]


def change(chance: random.Random) -> Mapping[str, Any]:
    kinds: Sequence[Mapping[str, Any]] = (
        {"priority": chance.randrange(-3, 4), "note": chance.choice(NOTES)},
        {"prefix": chance.choice(PREFIXES), "project_id": chance.choice(["alpha", None])},
        {"disable": {"reason": "a while"}},
        {"enable": True},
        {"lock": True},
        {"unlock": True},
        {"delete": True},
        {"restore": True},
    )
    return chance.choice(kinds)


def happening(desk: Desk, chance: random.Random, indexes: Sequence[str]) -> Callable[[WriteConnection], None]:
    """What happens to accounts beside what people do: answers, plans, limits that are met, holds that come and go."""
    now = desk.now()

    def work(connection: WriteConnection) -> None:
        for index in indexes:
            entry = desk.directory.get(index)
            if entry is None:
                continue
            key = entry.account.key
            for_it = {"plan": chance.choice(["free", "plus", "pro", "enterprise", "team", "prolite", None])}
            asked, answered = (chance.choice([None, now, now - timedelta(hours=chance.randrange(30))]) for _ in "12")
            told = {"label": chance.choice(LABELS), "unreadable": chance.choice(["key_missing", *[None] * 7])}
            seen = {**for_it, **told, "last_request_at": asked, "last_success_at": answered}
            connection.execute(update(accounts).where(accounts.c.key == key).values(seen))
            if chance.random() < 0.4:
                owner = chance.choice(list(Owner))
                holds.release(connection, key, owner, by="authdeck", at=now)
            if chance.random() < 0.5:
                holds.place(connection, key, hold(chance, now))
            if chance.random() < 0.5:
                evidence.replace_windows(connection, {key: [window(chance, now)]})
            if chance.random() < 0.2:
                ask(connection, key, chance, now)
            if chance.random() < 0.2:
                former = f"Former-{chance.randrange(20)}.json"
                writing.add_alias(connection, key, "file_name", former, source="test", since=now)
            changed(desk, connection, "account", index)

    return work


def ask(connection: WriteConnection, key: int, chance: random.Random, now: datetime) -> None:
    """A row of the action queue, open or not."""
    reason = chance.choice(["refused_once", "unclear"])
    connection.execute(delete(candidates).where(candidates.c.account == key, candidates.c.reason_code == reason))
    row = {"reason_code": reason, "suggested_action": chance.choice([Action.REVIEW, Action.REAUTH]).value, "hits": 1}
    status = chance.choice(list(Status)).value
    connection.execute(insert(candidates).values(**row, account=key, status=status, first_seen=now, last_seen=now))


def hold(chance: random.Random, now: datetime) -> Hold:
    owner = chance.choice([Owner.COOLDOWN, *Owner])
    until = chance.choice([None, now + timedelta(hours=1), now + timedelta(hours=6, seconds=chance.randrange(99))])
    scope = chance.choice([None, None, "gpt-5"]) if owner is Owner.COOLDOWN else None
    detail = chance.choice([{}, {"signal": "quota"}])
    return Hold(owner, chance.choice(CODES[owner]), now, until, scope, actor="authdeck", detail=detail)


def window(chance: random.Random, now: datetime) -> QuotaWindow:
    return QuotaWindow(
        chance.choice(["five_hour", "weekly", "monthly", "spark"]),
        chance.choice([None, 10.0, 90.0, 100.0]),
        chance.choice([now, now, now - timedelta(days=40)]),
        Source.HEADER,
        scope=chance.choice([None, None, "gpt-5"]),
        resets_at=chance.choice([None, now + timedelta(hours=chance.randrange(1, 9), seconds=chance.randrange(99))]),
        limit_reached=chance.random() < 0.2,
        counts=chance.random() < 0.8,
        presence=chance.choice([Presence.ACTIVE, Presence.ACTIVE, Presence.INACTIVE]),
    )


def question(chance: random.Random, directory: Directory) -> AccountSearch:
    words = ["team", "夜", "P1", "loan", "p3*json", "KIMI", "n*ght", "Needs re", "refresh_ref", "usage limit", "nobody"]
    words += called(chance, directory)
    wanted: dict[str, Any] = {
        "text": chance.choice(words),
        "provider": chance.choice([Provider.CODEX, Provider.KIMI, Provider.GEMINI]),
        "kind": chance.choice(list(Kind)),
        "state": frozenset(chance.sample(list(Health), chance.randrange(1, 4))),
        "problem": True,
        "healthy": True,
        "disabled": True,
        "codex_status": chance.choice(list(CodexStatus)),
        "prefix": chance.choice(["night", "day", "never"]),
        "project": "alpha",
        "locked": chance.choice([True, False]),
        "plan": chance.choice(["plus", "free", "enterprise", "unknown"]),
    }
    chosen = {name: wanted[name] for name in chance.sample(sorted(wanted), chance.randrange(3))}
    return AccountSearch(sort=chance.choice(["", "-"]) + chance.choice(SORTS), page_size=7, **chosen)


def called(chance: random.Random, directory: Directory) -> Sequence[str]:
    """Parts of what some account is known by, one of each kind, in either case, some with a ``*`` in them."""
    found = []
    for name in ("organization", "subject", "email", "auth_index", "label"):
        known = [text for entry in directory.entries() if (text := getattr(entry.account, name))]
        found.append(part(chance, chance.choice(known or ["nobody"])))
    former = [alias for entry in directory.entries() for alias in entry.account.aliases]
    return [*found, part(chance, chance.choice(former or ["nobody"]))]


def part(chance: random.Random, text: str) -> str:
    """As it reaches a search: without spaces around."""
    begin = chance.randrange(max(1, len(text) - 3))
    some = text[begin : begin + chance.randrange(3, 12)]
    if chance.random() < 0.3:
        some = f"{some[:2]}*{some[-1:]}"
    return (some.upper() if chance.random() < 0.3 else some).strip()

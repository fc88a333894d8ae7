"""Every act has words in both languages, and leads to a page that is there."""

import html
import re
from pathlib import Path
from typing import Any, Final

import pytest

from authdeck import wording
from authdeck.access import Actor, Role
from authdeck.acts import Act
from authdeck.notice import ChannelKind, Kind
from authdeck.operations import client_keys, saved_views, trash
from authdeck.operations.channels import RuleWish, add_channel, add_rule
from authdeck.operations.records import record
from authdeck.storage.database import WriteConnection
from authdeck.wording.catalogue import LOCALES
from fakes.clock import SetClock
from fakes.house import House, build
from fakes.people import BOB
from web.conftest import Visitor, visiting

FIRST: Final = Actor("admin", Role.ADMIN)
KIM: Final = "codex-kim@example.com-plus.json"
GONE: Final = "codex-zoe@example.com-plus.json"
WITHOUT_PAGE: Final = frozenset({"vault"})
"""Groups of acts whose subject has no page: key terms, backups and the master key are the command line's."""


def said(act: Act, locale: str) -> str:
    return wording.sentence(f"act.{act}", {"it": "IT"}, locale) if wording.has_sentence(f"act.{act}") else ""


@pytest.mark.parametrize("locale", LOCALES)
def test_every_act_has_words(locale: str) -> None:
    assert [act for act in Act if "IT" not in said(act, locale)] == []
    assert [act for act in Act if not wording.has_sentence(f"acts_of.{act.partition(':')[0]}")] == []


def test_the_words_differ_by_language() -> None:
    assert [act for act in Act if said(act, "en") == said(act, "zh-CN")] == []


async def targets(house: House, ann: Visitor) -> dict[str, tuple[str, dict[str, Any]]]:
    """A real target for the acts of each group, with what the entry tells beside it."""
    desk, index = house.desk, house.index(KIM)
    key = await client_keys.create(desk, "laptop", BOB)
    channel = (await add_channel(desk, "On call", ChannelKind.WEBHOOK, "https://hooks.example.com/FAKE", BOB)).channel
    rule = await add_rule(desk, RuleWish("nights", channel.id, {Kind.STATE_CHANGED}), BOB)
    view = await saved_views.save(desk, saved_views.ACCOUNTS, FIRST, name="Team", query="plan=plus", shared=True)
    ordered = await ann.post("/batches", act="lock", account=[index], next="/auth-files")
    batch = ordered.headers["location"].partition("?")[0].rpartition("/")[2]
    return {
        "account": (index, {}),
        "account:file": (house.index(GONE), {"file_name": GONE}),
        "account:hold": (index, {"owner": "credential", "code": "token_revoked"}),
        "accounts:batch": (batch, {}),
        "accounts:files": (batch, {}),
        "accounts:inspection": ("1" * 32, {}),
        "client_key": (key.id, {"name": "laptop"}),
        "login": ("2" * 32, {}),
        "notification:channel": (channel.id, {"name": "On call"}),
        "notification:rule": (rule.id, {"name": "nights"}),
        "operator": ("admin", {}),
        "queue": ("", {"rows": 3}),
        "queue:incident": ("7", {}),
        "requests": ("requests", {}),
        "schedule": ("9", {"name": "nightly"}),
        "setting": ("refresh.retry_unknown", {}),
        "terms": ("codex", {}),
        "upstream": ("https://llm.example.com", {}),
        "vault": ("1", {}),
        "view": (str(view.key), {"name": "Team", "shared": True}),
    }


def links(text: str) -> list[str]:
    """Of the entries, unescaped."""
    return [html.unescape(found) for found in re.findall(r'<a (?:class="link" )?href="([^"]+)"', text)]


async def test_every_entry_leads_to_a_page_that_is_there(ann: Visitor, house: House) -> None:
    desk, by_group = house.desk, await targets(house, ann)
    await trash.delete(desk, house.index(GONE), BOB, version=None)

    def work(connection: WriteConnection) -> None:
        for act in Act:
            group = act.rpartition(":")[0]
            target, after = by_group.get(group) or by_group[group.partition(":")[0]]
            batch = target if act is Act.BATCH_BEGUN else None
            record(desk, connection, BOB, act, target, after=after, batch=batch)

    await desk.write(work)
    seen, without = set[str](), []
    for act in Act:
        text = (await ann.get(f"/audit?what={act.partition(':')[0]}&actor=bob")).text
        entries = [entry for entry in text.split('<li class="log__item">') if f">{act}<" in entry]
        assert entries, act
        found = links(entries[0])
        seen.update(found)
        if not found:
            without.append(act.partition(":")[0])
    assert set(without) == WITHOUT_PAGE
    for href in sorted(seen):
        answer = await ann.get(href)
        assert answer.status_code == 200, href
    assert any(href.startswith("/trash?search=") for href in seen)
    assert f"/batches/{by_group['accounts:batch'][0]}" in seen
    assert {"/inspection/history", "/inspection/schedules", "/queue?view=incidents"} <= seen


async def test_a_setting_leads_to_where_it_stands(ann: Visitor, house: House) -> None:
    def work(connection: WriteConnection) -> None:
        for name in ("trash_days", "automation.disable", "no_longer_known"):
            record(house.desk, connection, BOB, Act.SETTING_CHANGED, name)

    await house.desk.write(work)
    text = (await ann.get("/audit?what=setting")).text
    assert 'href="/settings/retention#trash_days"' in text
    assert 'href="/settings/automation#automation-disable"' in text
    assert 'id="automation-disable"' in (await ann.get("/settings/automation")).text
    assert 'href="/settings"' in text


async def test_what_can_be_put_back_is_put_back_from_there(tmp_path: Path) -> None:
    clock = SetClock()
    async with build(tmp_path, clock, filled=False) as house, visiting(house) as ann:
        await ann.sign_in(house)
        made = await client_keys.create(house.desk, "laptop", BOB)
        clock.move(minutes=1)
        await client_keys.revoke(house.desk, made.id, BOB)
        path = f"/client-keys/{made.id}/restoration"
        assert path in (await ann.get("/audit?what=client_key")).text
        clock.move(minutes=1)
        assert (await ann.post(path, want="restored")).status_code == 303
        assert path not in (await ann.get("/audit?what=client_key")).text
        await client_keys.revoke(house.desk, made.id, BOB)
        clock.move(days=1)
        await ann.sign_in(house)
        assert path not in (await ann.get("/audit?what=client_key")).text


async def test_what_automation_released_is_not_undone_there(ann: Visitor, house: House) -> None:
    index = house.index(KIM)
    told = {"owner": "credential", "code": "token_revoked"}

    def work(connection: WriteConnection) -> None:
        record(house.desk, connection, Actor("authdeck", Role.ADMIN), Act.HOLD_RELEASED, index, after=told)

    await house.desk.write(work)
    assert f"/auth-files/{index}/holding" not in (await ann.get("/audit?actor=authdeck")).text

"""Monitoring before the first request: what to check, in order, with what is really seen of it."""

import html
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio

from authdeck.account import Provider
from authdeck.hold import Hold, Owner
from authdeck.operations import client_keys, disable, terms
from authdeck.operations.records import changed
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts
from authdeck.storage.writing import holds
from fakes.auth_files import codex, take_in
from fakes.clock import SetClock
from fakes.house import House, build
from fakes.people import ANN
from web.conftest import Visitor, visiting
from web.test_monitoring import main

CODEX = (
    ("ann.json", codex("ann@example.com", "acc-fake-ann", "user-fake-ann")),
    ("bob.json", codex("bob@example.com", "acc-fake-bob", "user-fake-bob")),
)
KEY = ("claude-key.json", json.dumps({"type": "claude", "api_key": "sk-ant-FAKE-key"}).encode())


class Step(NamedTuple):
    """One of the list: where it leads, and all that it says."""

    done: bool
    href: str
    said: str


class Desk(NamedTuple):
    house: House
    visitor: Visitor
    clock: SetClock

    async def steps(self, locale: str = "en") -> list[Step]:
        self.visitor.client.cookies.set("authdeck_locale", locale)
        text = main((await self.visitor.get("/monitoring")).text)
        listed = text[text.index('<ol class="steps">') : text.index("</ol>")]
        return [_step(item) for item in re.findall(r"<li.*?</li>", listed, re.DOTALL)]

    async def step(self, href: str) -> Step:
        (found,) = [step for step in await self.steps() if step.href.startswith(href)]
        return found

    async def take_in(self, *files: tuple[str, bytes]) -> list[str]:
        report = await take_in(self.house.desk, *files)
        return [str(item.auth_index) for item in report.items]


def _step(item: str) -> Step:
    href = re.search(r'<p><a href="([^"]+)"', item)
    words = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", item)).split())
    return Step('class="is-done"' in item, href[1] if href else "", words)


@asynccontextmanager
async def _moved_in(home: Path) -> AsyncIterator[Desk]:
    clock = SetClock()
    async with build(home, clock, filled=False) as house, visiting(house) as visitor:
        await visitor.sign_in(house)
        yield Desk(house, visitor, clock)


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with _moved_in(tmp_path) as made:
        yield made


async def test_nothing_is_here(desk: Desk) -> None:
    assert (await desk.steps())[:4] == [
        Step(False, "/import", "An account There is none yet. Add one."),
        Step(True, "/settings/terms", "Provider terms Nothing waits for an acknowledgement."),
        Step(False, "/auth-files", "An account that can serve None can serve now. See why."),
        Step(False, "/client-keys", "A client key The client needs one; the admin key is none. Create one."),
    ]


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("en", [
            "An account Accounts here: 3.",
            "Provider terms Nothing waits for an acknowledgement.",
            "An account that can serve Accounts that nothing holds back: 3.",
            "A client key Client keys that count: 2. The admin key is none.",
        ]),
        ("zh-CN", [
            "一个账号 现有账号：3。",
            "服务商条款 没有等待确认的条款。",
            "一个可以服务的账号 没有受限的账号：3。",
            "一个客户端密钥 有效的客户端密钥：2。管理密钥不算。",
        ]),
    ],
)  # fmt: skip
async def test_everything_is_done(desk: Desk, locale: str, said: list[str]) -> None:
    await desk.take_in(*CODEX, KEY)
    await terms.acknowledge(desk.house.desk, "codex", ANN)
    for name in ("laptop", "phone"):
        await client_keys.create(desk.house.desk, name, ANN)
    *steps, _ = await desk.steps(locale)
    assert [step.said for step in steps] == said
    assert [step.done for step in steps] == [True] * 4
    assert [step.href for step in steps] == ["/auth-files", "/settings/terms", "/auth-files", "/client-keys"]


async def test_the_last_step_is_what_a_client_is_told(desk: Desk) -> None:
    """The addresses and commands of the page Client keys, each ready to copy; of what the accounts here serve."""
    before = (await desk.steps())[-1].said
    assert "http://127.0.0.1:8417/v1 " in before
    await desk.take_in(("gemini.json", json.dumps({"type": "gemini", "api_key": "AIzaFAKE" + "0" * 31}).encode()))
    step, keys = (await desk.steps())[-1], (await desk.visitor.get("/client-keys")).text
    assert (step.done, step.href) == (False, "")
    assert "http://127.0.0.1:8417/v1beta " in step.said
    assert "export GOOGLE_GEMINI_BASE_URL=http://127.0.0.1:8417" in step.said
    assert 'curl http://127.0.0.1:8417/v1/models -H "Authorization: Bearer adk_…"' in step.said
    copied = re.findall(r'data-copy="([^"]+)"', main((await desk.visitor.get("/monitoring")).text))
    assert copied == re.findall(r'data-copy="([^"]+)"', keys)
    assert len(copied) == 3
    assert "客户端的基础地址是本服务器 并把 adk_… 换成客户端密钥" in (await desk.steps("zh-CN"))[-1].said


async def test_terms_are_waited_for_by_sign_ins_alone(desk: Desk) -> None:
    """A key serves whoever acknowledged what; accounts whose terms wait are none that can serve."""
    await desk.take_in(*CODEX, KEY)
    assert await desk.step("/settings/terms") == Step(
        False, "/settings/terms",
        "Provider terms Subscription sign-ins do not serve before somebody decides: Codex.",
    )  # fmt: skip
    assert (await desk.steps())[2].said == "An account that can serve Accounts that nothing holds back: 1."


async def test_every_provider_whose_terms_wait_is_named(desk: Desk) -> None:
    sign_in = {"type": "claude", "email": "bob@example.com", "access_token": "at_FAKE_c", "refresh_token": "rt_FAKE_c"}
    await desk.take_in(CODEX[0], ("claude.json", json.dumps(sign_in).encode()))
    waiting = await desk.step("/settings/terms")
    assert waiting.said.endswith("decides: Codex, Claude.")
    assert (await desk.steps())[2] == Step(
        False, "/auth-files", "An account that can serve None can serve now. See why."
    )
    await terms.acknowledge(desk.house.desk, Provider.CLAUDE, ANN)
    assert (await desk.step("/settings/terms")).said.endswith("decides: Codex.")
    await terms.acknowledge(desk.house.desk, Provider.CODEX, ANN)
    assert (await desk.step("/settings/terms")).done
    await terms.withdraw(desk.house.desk, Provider.CODEX, ANN)
    assert (await desk.step("/settings/terms")).said.endswith("decides: Codex.")


async def test_accounts_of_which_none_can_serve_lead_to_why(desk: Desk) -> None:
    """To the problems where there are some; disabled accounts are none."""
    ann, bob = await desk.take_in(*CODEX)
    await terms.acknowledge(desk.house.desk, "codex", ANN)
    for index in (ann, bob):
        assert (await desk.steps())[2].done
        await disable.disable(desk.house.desk, index, ANN)
    assert (await desk.steps())[0].said == "An account Accounts here: 2."
    assert (await desk.steps())[2] == Step(
        False, "/auth-files", "An account that can serve None can serve now. See why."
    )
    await _cool_down(desk, bob)
    await disable.enable(desk.house.desk, bob, ANN)
    why = (await desk.steps())[2].href
    assert why == "/auth-files?problem=true"
    shown = (await desk.visitor.get(why)).text
    assert (bob in shown, ann in shown) == (True, False)


async def test_a_key_counts_until_it_ends_or_is_taken_back(desk: Desk) -> None:
    missing = "A client key The client needs one; the admin key is none. Create one."
    ends = desk.clock.now() + timedelta(hours=1)
    await client_keys.create(desk.house.desk, "for-an-hour", ANN, expires_at=ends)
    taken = await client_keys.create(desk.house.desk, "taken", ANN)
    assert (await desk.step("/client-keys")).said.startswith("A client key Client keys that count: 2.")
    await client_keys.revoke(desk.house.desk, taken.id, ANN)
    assert (await desk.step("/client-keys")).said.startswith("A client key Client keys that count: 1.")
    desk.clock.move(hours=1)
    assert await desk.step("/client-keys") == Step(False, "/client-keys", missing)


async def _cool_down(desk: Desk, auth_index: str) -> None:
    def work(c: WriteConnection) -> None:
        key = accounts.by_index(c, auth_index).key
        now = desk.clock.now()
        holds.place(c, key, Hold(Owner.COOLDOWN, "usage_limit_reached", now, now + timedelta(hours=2)))
        changed(desk.house.desk, c, "account", auth_index)

    await desk.house.desk.write(work)

"""The queue's pages and the notifications page, without scripts: what they show and what their forms do."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from authdeck.action import Cause
from fakes.clock import SetClock
from fakes.house import House, build
from fakes.questions import CLOSED, UNCLEAR, ask, break_down
from fakes.receiver import Receiver, receiving
from web.conftest import visiting


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


async def previewed(ann, **said) -> str:
    """The form of many rows leads to a preview; what it says, after it was carried out."""
    answer = await ann.post("/queue/acts", **said)
    preview = answer.headers["location"].partition("?")[0]
    shown = (await ann.get(answer.headers["location"])).text
    await ann.post(f"{preview}/run", next="/queue")
    return shown


async def test_it_works(ann, house: House) -> None:
    index = house.index("codex-ann@example.com-plus.json")
    await ask(house.desk, index, hits=14)
    await break_down(house.desk, Cause.PROXY, "socks5://10.0.0.9:1080")
    page = (await ann.get("/queue")).text
    assert "Sign in again · 1" in page
    assert f'href="/oauth-login?account={index}"' in page
    assert re.search(r'href="/monitoring/[0-9a-f]{32}"', page)  # the request that asked for it
    assert "Proxy socks5://10.0.0.9:1080 does not answer" in page
    assert "ann@example.com" not in page  # masked
    assert re.search(r"nav__count--open\" title=\"1 open\">1<", (await ann.get("/auth-files")).text)


async def test_ignoring_resolving_and_asking_again(ann, house: House) -> None:
    key = await ask(house.desk, house.index("codex-ann@example.com-plus.json"))
    await ann.get("/queue")
    await ann.post("/queue/acts", one=f"ignore:{key}", next="/queue")
    assert "Nothing needs you" in (await ann.get("/queue")).text
    assert "Ignored by" in (await ann.get("/queue?view=ignored")).text
    await ann.post("/queue/acts", one=f"reopen:{key}", next="/queue")
    page = (await ann.get("/queue")).text
    assert "Sign in again · 1" in page
    undo = re.search(r'action="(/batches/[0-9a-f]{32}/undo)"', page)
    assert undo is not None
    await ann.post(undo[1], next="/queue")
    assert "Nothing needs you" in (await ann.get("/queue")).text
    await previewed(ann, act="resolve", row=[str(key)], next="/queue")
    assert "Marked as done by" in (await ann.get("/queue?view=resolved")).text


async def test_ignoring_for_a_while_says_until_when(tmp_path: Path) -> None:
    """At noon for four hours; past midnight the day is said too."""
    clock = SetClock()
    async with build(tmp_path, clock) as house, visiting(house) as ann:
        await ann.sign_in(house)
        key = await ask(house.desk, house.index("codex-ann@example.com-plus.json"))
        preview = await previewed(ann, **{"act": "ignore", "row": [str(key)], "for": "4", "next": "/queue"})
        assert "1 of 1 rows" in preview
        assert re.search(r"Row token_revoked</span> .*to do</span>.*<b>ignored until 16:00, in 4 h<", preview)
        assert re.search(r"Ignored by \w+ until 16:00", (await ann.get("/queue?view=ignored")).text)
        await ann.post("/queue/acts", one=f"reopen:{key}", next="/queue")
        clock.move(hours=9)
        await ann.sign_in(house)
        preview = await previewed(ann, **{"act": "ignore", "row": [str(key)], "for": "4", "next": "/queue"})
        assert "<b>ignored until 24 Nov, 01:00, in 4 h<" in preview
        assert re.search(r"Ignored by \w+ until 24 Nov, 01:00", (await ann.get("/queue?view=ignored")).text)


async def test_deleting_is_previewed_done_and_undone(ann, house: House) -> None:
    index = house.index("kimi-leo@example.com.json")
    key = await ask(house.desk, index, CLOSED)
    await ann.get("/queue")
    answer = await ann.post("/queue/acts", one=f"delete:{key}", next="/queue")
    assert answer.status_code == 303
    preview = answer.headers["location"].partition("?")[0]
    assert house.desk.directory.get(index) is not None
    await ann.get(preview)
    done = await ann.post(f"{preview}/run", next="/queue")
    assert done.headers["location"] == "/queue"
    assert house.desk.directory.get(index) is None
    page = (await ann.get("/queue?view=resolved")).text
    assert "in the trash" in page
    batch = re.search(r'href="(/batches/[0-9a-f]{32})"', page)
    assert batch is not None
    await ann.post(f"{batch[1]}/undo", next="/queue")
    assert "Delete · 1" in (await ann.get("/queue")).text


async def test_all_that_match_are_meant_not_only_the_page(ann, house: House) -> None:
    for name in ("ann", "bob", "mia"):
        await ask(house.desk, house.index(f"codex-{name}@example.com-plus.json"))
    other = await ask(house.desk, house.index("gemini-evaluation.json"), UNCLEAR)
    await ann.get("/queue")
    assert "3 of 3 rows" in await previewed(ann, act="resolve", all="yes", next="/queue?provider=codex")
    page = (await ann.get("/queue")).text
    assert f'id="q-{other}"' in page
    assert "Sign in again" not in page.partition("<table")[2].partition("</table")[0]


@pytest.mark.parametrize(
    "address",
    ["/queue?view=nonsense&sort=x&action=y&cursor=-1", "/queue?q=%00%ff", "/queue?view=incidents&cursor=99999999"],
)
async def test_what_an_address_asks_wrongly_is_left_out(ann, address: str) -> None:
    assert (await ann.get(address)).status_code == 200


async def test_an_incident_is_closed_by_a_person(ann, house: House) -> None:
    opened = await break_down(house.desk)
    await ann.get("/queue")
    assert (await ann.post(f"/queue/incidents/{1 << 64}/closing", next="/queue")).status_code == 404
    await ann.post(f"/queue/incidents/{opened.key}/closing", next="/queue")
    assert "Codex has an outage" not in (await ann.get("/queue")).text
    assert "Codex has an outage" in (await ann.get("/queue?view=incidents")).text


async def test_an_accounts_page_leads_to_its_questions(ann, house: House) -> None:
    index = house.index("codex-ann@example.com-plus.json")
    await ask(house.desk, index)
    assert f'href="/queue?account={index}"' in (await ann.get(f"/auth-files/{index}")).text
    assert "Sign in again" in (await ann.get(f"/queue?account={index}")).text


async def test_a_link_of_a_provider_is_a_web_address_or_none(ann, house: House) -> None:
    await ask(house.desk, house.index("gemini-evaluation.json"), UNCLEAR, link="javascript:alert(1)")
    assert "javascript:" not in (await ann.get("/queue")).text


# ---- notifications ----


async def test_a_channel_is_added_tested_and_removed(ann, receiver: Receiver) -> None:
    page = "/settings/notifications"
    assert "No channel yet" in (await ann.get(page)).text
    given = {"channel_name": "On call", "kind": "webhook", "url": receiver.url, "private": "yes"}
    made = (await ann.post(f"{page}/channels", **given)).text
    assert "adw_" in made
    shown = (await ann.get(page)).text
    assert "adw_" not in shown
    assert "FAKE_secret_path" not in shown
    channel = re.search(r"/channels/([0-9a-f]{32})/test", shown)
    assert channel is not None
    await ann.post(f"{page}/channels/{channel[1]}/test")
    assert len(receiver.got) == 1
    rule = {"rule_name": "Nights", "channel": channel[1], "kind": ["incident_opened", "quota_low"], "below": "15",
            "quiet_from": "22:00", "quiet_until": "07:00", "zone": "Europe/Berlin", "digest": "60"}  # fmt: skip
    await ann.post(f"{page}/rules", **rule)
    shown = (await ann.get(page)).text
    assert "quiet 22:00–07:00 Europe/Berlin" in shown
    assert "Quota falls below a mark (15 %)" in shown
    change = re.search(r"notifications\?rule=([0-9a-f]{32})#rule", shown)
    assert change is not None
    form = (await ann.get(f"{page}?rule={change[1]}")).text
    assert "Change the rule Nights" in form
    assert 'value="quota_low" checked' in form
    changed = {**rule, "rule_name": "Days", "kind": ["incident_opened"], "quiet_from": "", "quiet_until": ""}
    refused = await ann.post(f"{page}/rules/{change[1]}", **{**changed, "kind": []})
    assert (refused.status_code, "Choose at least one thing" in refused.text) == (422, True)
    await ann.post(f"{page}/rules/{change[1]}", **changed)
    shown = (await ann.get(page)).text
    assert "<b>Days</b>" in shown
    assert "quiet 22:00" not in shown
    await ann.post(f"{page}/rules/{change[1]}/undo")
    assert "quiet 22:00–07:00 Europe/Berlin" in (await ann.get(page)).text
    await ann.post(f"{page}/channels/{channel[1]}/removal")
    assert "No channel yet" in (await ann.get(page)).text


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"channel_name": "x", "url": "http://hooks.example.com/"}, "is plain http"),
        ({"channel_name": "", "url": "https://hooks.example.com/"}, "A name has 1 to 80 characters"),
        ({"channel_name": "x", "url": "nonsense"}, "not an http or https address"),
    ],
)
async def test_what_is_wrong_is_said_beside_the_form(ann, given: dict[str, str], told: str) -> None:
    await ann.get("/settings/notifications")
    answer = await ann.post("/settings/notifications/channels", kind="webhook", **given)
    assert answer.status_code == 422
    assert told in answer.text

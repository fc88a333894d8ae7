"""Monitoring's page: the address is its state, every figure has its words, and an empty one says what to check."""

import html
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from authdeck.clock import to_micros
from authdeck.event import Attempt, Failure, FailureKind, RequestEvent, Tokens
from authdeck.hold import Hold, Owner
from authdeck.ids import new_request_id
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts
from authdeck.storage.reading.request_search import SCATTERED
from authdeck.storage.tables import evidence
from authdeck.storage.writing import holds
from authdeck.storage.writing.requests import mark_gap, prune, store
from fakes.house import House, build
from fakes.questions import REFUSED, UNCLEAR, ask
from web.conftest import HERE, Visitor

ANN = "codex-ann@example.com-plus.json"


def add(house: House, minutes: float = 1.0, **fields: Any) -> str:
    at_ms = to_micros(house.desk.now()) // 1000 - int(minutes * 60_000)
    usual: dict[str, Any] = {
        "model": "opus", "provider": "claude", "client_key": "laptop", "status": 200, "latency_ms": 1500.0,
        "tokens": Tokens(100, 20, 0, 0),
    }  # fmt: skip
    event = RequestEvent(**{"id": new_request_id(at_ms), "at_ms": at_ms, "endpoint": "/v1/messages", **usual, **fields})
    house.monitoring.write_now(lambda c: store(c, [event], {}))
    return event.id.hex()


def main(text: str) -> str:
    """Without the navigation, which leads everywhere."""
    return text[text.index("<main") : text.index("</main>")]


def rows(text: str, name: str) -> list[list[str]]:
    """The cells' words of the first table after what is called so."""
    table = text[text.index(f'id="{name}"') :]
    body = table[table.index("<tbody>") : table.index("</tbody>")]
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>.*?</tr>", body, re.DOTALL)]
    return [[html.unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in row] for row in cells]


@pytest.mark.parametrize("range_", ["1h", "24h", "7d", "30d", "nonsense"])
async def test_every_range_has_its_page(ann: Visitor, range_: str) -> None:
    text = (await ann.get(f"/monitoring?range={range_}")).text
    assert text.count('class="plot"') == 2
    current = range_ if range_ != "nonsense" else "24h"
    assert re.search(rf'aria-current="true">{current[:-1]} {current[-1]}<', text)


@pytest.mark.parametrize("view", ["", "account", "model", "client_key"])
async def test_every_view_has_its_rows(ann: Visitor, view: str) -> None:
    assert len(re.findall("data-row[ >]", (await ann.get(f"/monitoring?view={view}")).text)) > 0


@pytest.mark.parametrize(("view", "name"), [("account", ANN), ("model", "m-9"), ("client_key", "k-9")])
async def test_a_view_sums_up_what_the_figures_do(ann: Visitor, house: House, view: str, name: str) -> None:
    index = house.indexes[ANN]
    for status, failure in (200, None), (500, Failure(FailureKind.UPSTREAM, "x")):
        add(
            house, project="p-9", model="m-9", client_key="k-9", auth_index=index, status=status, failure=failure,
            latency_ms=2_000.0, ttfb_ms=500.0, tokens=Tokens(1_000, 200, 500, 50),
        )  # fmt: skip
    text = (await ann.get(f"/monitoring?project=p-9&view={view}")).text
    told = text[text.index('<dl class="stats">') :].partition("</dl>")[0]
    stats = " ".join(re.sub(r"<[^>]+>", " ", told).split())
    for said in (
        "Requests 2 ",
        "Answered 50% 1 failed",
        "First byte 0.5 s",
        "2.0 s median; 95 %: 2.0 s",
        "Tokens in 2K 50% from a cache",
        "Tokens out 400 100 of them reasoning",
    ):
        assert said in stats, (said, stats)
    table = text[text.index('<table class="table monitor stacked kv-rows') :]
    assert table.count("<tr data-row>") == 1
    assert f"{view}={index if view == 'account' else name}" in table
    cells = dict(re.findall(r'data-label="([^"]+)">(?:<[^>]+>)*([^<]+)<', table))
    assert (cells["Requests"], cells["Failed"], cells["In"], cells["Out"]) == ("2", "1", "2K", "400"), cells


@pytest.mark.parametrize("view", ["account", "model", "client_key"])
async def test_a_view_is_sorted_by_the_head_that_is_followed(ann: Visitor, house: House, view: str) -> None:
    """The most first. What is no order is the usual one, as everything that an address asks wrongly."""
    often, much = house.indexes[ANN], house.indexes["codex-bob@example.com-plus.json"]
    for name, tokens in ((often, (1, 50)), (often, (1, 50)), (much, (90, 9))):
        refused = {"failure": Failure(FailureKind.UPSTREAM, "x"), "status": 529} if name == much else {}
        add(house, auth_index=name, model=name, client_key=name, project="p-9", tokens=Tokens(*tokens, 0, 0), **refused)

    def seen(text: str) -> tuple[list[str], list[str]]:
        """Which head it is sorted by, and what stands in which order."""
        table = text[text.index('<table class="table monitor') :]
        first = [re.findall(rf"[?;&]{view}=([^&\"]+)", row)[0] for row in table.split("<tr data-row>")[1:]]
        return re.findall(r'aria-sort="descending"><a[^>]*>([^<]+)<', table), first

    usual = main((await ann.get(f"/monitoring?project=p-9&view={view}")).text)
    assert seen(usual) == (["Requests"], [often, much])
    heads = {label: href for href, label in re.findall(r'class="table__sort" href="([^"]+)">([^<]+)<', usual)}
    assert list(heads) == ["Requests", "Failed", "In", "Out"]
    for label, order in (("Failed", [much, often]), ("In", [much, often]), ("Out", [often, much])):
        sorted_ = main((await ann.get(html.unescape(heads[label]))).text)
        assert seen(sorted_) == ([label], order)
        assert heads["Requests"] in sorted_  # the way back
        assert f'href="{heads[label]}" data-key="r"' in sorted_  # asked for again, it stays so
    for wrong in ("zebra", "latency_us", "requests;drop"):
        assert seen(main((await ann.get(f"/monitoring?project=p-9&view={view}&sort={wrong}")).text)) == seen(usual)


@pytest.mark.parametrize("asked", ["provider=kimi", "client_key=k-8", "cache=hit"])
async def test_whoever_asked_where_and_what_was_cached_are_filters(ann: Visitor, house: House, asked: str) -> None:
    shown = add(house, project="p-8", provider="kimi", client_key="k-8", tokens=Tokens(9, 9, 9, 9))
    other = add(house, project="p-8")
    assert re.findall('id="request-([0-9a-f]{32})"', (await ann.get("/monitoring?project=p-8")).text) != [shown]
    text = (await ann.get(f"/monitoring?project=p-8&{asked}")).text
    assert re.findall('id="request-([0-9a-f]{32})"', text) == [shown]
    assert other not in text


async def test_filters_are_in_the_address_and_leave_by_a_chip(ann: Visitor, house: House) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    shown = add(house, project="p-7", prefix="team", trace=trace, latency_ms=99_000.0, tokens=Tokens(9, 9, 9, 9))
    for asked in (f"trace={trace}", "project=p-7", "prefix=team", "slower=90", "model=opus", "q=p-7", "q=" + shown):
        text = (await ann.get(f"/monitoring?{asked}&range=7d")).text
        assert re.findall('id="request-([0-9a-f]{32})"', text) == [shown], asked
        assert text.count('class="chip"') == 1
        assert 'href="/monitoring?range=7d"' in text


async def test_a_custom_range_is_local_time(ann: Visitor, house: House) -> None:
    add(house, 90)
    ann.client.cookies.set("authdeck_zone", "Asia/Kolkata")
    text = (await ann.get("/monitoring?range=custom&since=2020-01-01T00:00&until=2020-01-02T00:00")).text
    assert "No requests in this time" in text
    assert 'value="2020-01-01T00:00"' in text


@pytest.mark.parametrize(
    "foolish",
    [
        "range=custom&since=x", "range=custom&since=0001-01-01T00:00", "range=custom&since=9999-12-31T23:59",
        "status=wild", "failure=wild:x", "slower=nan", "slower=1e999", "slower=-3", "page=99999999", "page=²",
        "cursor=x&view=model", "view=zebra", "sort=zebra&view=account", "trace=" + "x" * 500, "q=%00", "account=nobody",
    ],
)  # fmt: skip
async def test_a_foolish_address_is_no_error(ann: Visitor, foolish: str) -> None:
    assert (await ann.get(f"/monitoring?{foolish}")).status_code == 200


async def test_a_gap_is_drawn_with_its_cause(ann: Visitor, house: House) -> None:
    now_ms = to_micros(house.desk.now()) // 1000
    house.monitoring.write_now(lambda c: mark_gap(c, now_ms - 7_200_000, now_ms - 3_600_000, "store_failed", 12))
    text = (await ann.get("/monitoring")).text
    assert 'rect class="hole"' in text
    assert "12 requests are missing. The store did not take them." in text


async def test_requests_that_are_there_but_left_out_are_not_called_missing(ann: Visitor, house: House) -> None:
    now_ms = to_micros(house.desk.now()) // 1000
    house.monitoring.write_now(lambda c: mark_gap(c, now_ms - 7_200_000, now_ms - 3_600_000, "not_counted", 12))
    text = (await ann.get("/monitoring")).text
    assert "12 requests are in no cause and no filtered figure." in text
    assert "are missing" not in text


async def test_every_chart_has_its_numbers(ann: Visitor, house: House) -> None:
    index = house.index(ANN)
    for latency, first in ((1000, 400), (2000, 500), (3000, 600)):
        add(house, project="p-7", auth_index=index, latency_ms=latency, ttfb_ms=first, tokens=Tokens(100, 20, 0, 0))
    refused = Failure(FailureKind.UPSTREAM, "overloaded", "Overloaded")
    add(house, project="p-7", model="haiku", latency_ms=90_000, status=529, failure=refused, tokens=Tokens())
    text = main((await ann.get("/monitoring?range=24h&project=p-7")).text)
    assert [row[1:5] for row in rows(text, "numbers-requests") if row[1:3] != ["0", "0"]] == [["3", "1", "300", "60"]]
    (times,) = [row[1:] for row in rows(text, "numbers-durations") if row[1] != "–"]
    assert (times[0], times[2]) == ("2.0 s", "0.5 s")
    assert rows(text, "chart-models") == [["opus", "", "300", "60", "100%"], ["haiku", "", "0", "0", "–"]]
    assert rows(text, "chart-accounts") == [["codex-an•••@example.com-plus.json", "", "3", "100%"]]


async def test_a_request_says_when_what_was_tried_and_how_it_was_read(ann: Visitor, house: House) -> None:
    index, other = house.index(ANN), next(index for name, index in house.indexes.items() if name != ANN)
    tried = [Attempt(other, 429, "quota", 250.0), Attempt(index, 529, "upstream", 1250.0)]
    refused = Failure(FailureKind.UPSTREAM, "overloaded", "Overloaded, try later")
    shown = add(house, auth_index=index, attempts=tried, failure=refused, status=529, latency_ms=1900, ttfb_ms=1600)
    text = main((await ann.get(f"/monitoring/{shown}")).text)
    assert rows(text, "main") == [
        ["1", other, "429", "A limit was reached.", "0.2 s"],
        ["2", index, "529", "The provider failed to answer.", "1.2 s"],
    ]
    assert f'href="/auth-files/{other}"' in text
    assert "It took 1.9 s; tries: 2." in text
    assert "<dt>First byte</dt><dd>1.6 s</dd><dt>Duration</dt><dd>1.9 s</dd>" in text
    assert ">upstream:overloaded</code>" in text
    assert "<code>Overloaded, try later</code>" in text


async def test_causes_lead_to_their_requests_and_the_next_step(ann: Visitor) -> None:
    text = main((await ann.get("/monitoring")).text)
    assert "failure=quota%3Ausage_limit_reached" in text
    assert 'href="/quota"' in text


async def test_refused_sign_ins_lead_to_a_new_one(ann: Visitor, house: House) -> None:
    index = house.index(ANN)
    add(house, auth_index=index, failure=Failure(FailureKind.AUTH, "token_revoked", "Signed out"), status=401)
    assert '<a href="/oauth-login">Sign in again</a>' in main((await ann.get("/monitoring?failure=auth")).text)
    text = main((await ann.get(f"/monitoring?failure=auth&account={index}")).text)
    assert f'<a href="/oauth-login?account={index}">Sign in again</a>' in text


async def test_lists_and_shares_of_the_newest_requests_say_so(ann: Visitor, house: House) -> None:
    """Figures of a filter are of all; which accounts they are of is looked up among so many of the newest."""
    now_ms, refusal = to_micros(house.desk.now()) // 1000, Failure(FailureKind.QUOTA, "usage_limit_reached")
    index = house.index("codex-ann@example.com-plus.json")
    many = [
        RequestEvent(new_request_id(at_ms), at_ms, "/v1/responses", "gpt-5", index, status=429, failure=refusal)
        for at_ms in (now_ms - 3_600_000 * place // 10 for place in range(SCATTERED + 100))
    ]
    house.monitoring.write_now(lambda c: store(c, many, {}))
    text = main((await ann.get("/monitoring?range=30d&failure=quota&view=account")).text)
    assert "Shares are those of the newest requests, since" in text
    assert "of the newest requests, since" in text[text.index("Most first") :]
    assert "newest requests" not in main((await ann.get("/monitoring?range=30d&view=account")).text)


async def test_when_requests_are_gone_the_page_says_what_is_still_known(ann: Visitor, house: House) -> None:
    """Sums by account, key and model are; of durations, and of accounts under another filter, it says since when."""
    days, named = 24 * 60, {"auth_index": house.index(ANN), "client_key": "k-9", "prefix": "team"}
    for minutes in (20 * days, 20 * days, 1):
        add(house, minutes, **named)
    ten_days_ago = to_micros(house.desk.now()) // 1000 - 10 * days * 60_000
    while house.monitoring.write_now(lambda c: prune(c, ten_days_ago)):
        pass

    async def shown(asked: str) -> str:
        return main((await ann.get(f"/monitoring?{asked}")).text)

    table = (await shown("range=30d&view=client_key")).partition('<table class="table monitor')[2]
    assert re.search(r'title="k-9".*?data-label="Requests">3<', table, re.DOTALL)
    assert "newest requests" not in table
    assert "newest requests" not in (await shown("range=30d&view=account")).partition('<table class="table monitor')[2]
    by_key = await shown("range=30d&client_key=k-9")
    assert "<dt>Requests</dt><dd>3" in " ".join(re.sub(r">\s+<", "><", by_key).split())
    assert "Durations are those of the newest requests, since" in by_key
    by_prefix = await shown("range=30d&prefix=team&view=account")
    assert "Only single requests tell this: the figures begin at" in by_prefix
    assert "of the newest requests, since" in by_prefix[by_prefix.index("Most first") :]
    assert re.search(r"Newest first · before .* only sums are kept", by_key)
    assert "only sums are kept" not in await shown("range=24h&client_key=k-9")
    since = (house.desk.now() - timedelta(days=21)).strftime("%Y-%m-%dT%H:%M")
    until = (house.desk.now() - timedelta(days=19)).strftime("%Y-%m-%dT%H:%M")
    gone = await shown(f"range=custom&since={since}&until={until}")
    assert "No request of this time is kept any more" in gone
    assert "<dt>Requests</dt><dd>2" in " ".join(re.sub(r">\s+<", "><", gone).split())


async def test_a_failed_request_leads_on(ann: Visitor, house: House) -> None:
    index = house.index(ANN)
    revoked = Failure(FailureKind.AUTH, "token_revoked", "Signed out")
    shown = add(house, auth_index=index, failure=revoked, status=401)
    text = (await ann.get(f"/monitoring/{shown}")).text
    assert f'href="/oauth-login?account={index}"' in text
    assert f'href="/auth-files/{index}"' in text


async def test_repeated_failures_lead_to_the_queue(ann: Visitor, house: House) -> None:
    broken = Failure(FailureKind.UPSTREAM, "overloaded", "Overloaded")
    shown = [add(house, minute, auth_index=house.index(ANN), failure=broken, status=529) for minute in range(1, 5)]
    text = main((await ann.get(f"/monitoring/{shown[0]}")).text)
    assert "4 like it of this account" in text
    assert f'href="/queue?account={house.index(ANN)}"' in text


async def test_the_way_to_a_request_and_back_keeps_filters_and_time(ann: Visitor, house: House) -> None:
    shown = add(house, project="p & 7")
    text = main((await ann.get("/monitoring?project=p+%26+7&range=7d&cursor=9999999999999-0")).text)
    assert f'href="/monitoring/{shown}?project=p+%26+7&amp;range=7d"' in text
    text = main((await ann.get(f"/monitoring/{shown}?project=p+%26+7&range=7d&next=https://evil.example")).text)
    assert 'href="/monitoring?project=p+%26+7&amp;range=7d"' in text
    assert 'href="/monitoring"' in main((await ann.get(f"/monitoring/{shown}")).text)


async def test_what_a_request_left_behind_leads_to_its_hold_and_its_row(ann: Visitor, house: House) -> None:
    index, other = house.index(ANN), next(index for name, index in house.indexes.items() if name != ANN)
    await ask(house.desk, other, UNCLEAR)
    await ask(house.desk, index, REFUSED)
    shown = await _left_a_hold(house, index)
    text = main((await ann.get(f"/monitoring/{shown}")).text)
    left = text[text.index("What it was taken for") :]
    assert f'<a href="/auth-files/{index}">Hold token_revoked</a> · <a href="/queue?account={index}">' in left
    queue = main((await ann.get(f"/queue?account={index}")).text)
    assert (f'href="/auth-files/{index}' in queue, f'href="/auth-files/{other}' in queue) == (True, False)


async def _left_a_hold(house: House, index: str) -> str:
    """A request by whose evidence the account is held; its id."""

    def work(c: WriteConnection) -> str:
        account = accounts.by_index(c, index)
        seen = c.execute(select(evidence).where(evidence.c.account == account.key, evidence.c.code == REFUSED[0])).one()
        holds.place(c, account.key, Hold(Owner.CREDENTIAL, REFUSED[0], house.desk.now(), evidence=seen.key))
        return str(seen.request_id)

    request_id = await house.desk.write(work)
    revoked = Failure(FailureKind.AUTH, REFUSED[0], "Signed out")
    tried = [Attempt(index, 401, "auth", 12.0)]
    return add(house, id=bytes.fromhex(request_id), auth_index=index, failure=revoked, status=401, attempts=tried)


async def test_what_was_exported_is_what_was_filtered(ann: Visitor, house: House) -> None:
    shown = add(house, project="p-7")
    answer = await ann.get("/monitoring/export?project=p-7")
    assert re.findall(r'"id":"([0-9a-f]{32})"', answer.text) == [shown]


async def test_empty_monitoring_says_what_it_sees(tmp_path: Path) -> None:
    async with build(tmp_path, filled=False) as house:
        transport = httpx2.ASGITransport(app=house.app)
        async with httpx2.AsyncClient(transport=transport, base_url=HERE) as client:
            visitor = Visitor(client)
            await visitor.get("/sign-in")
            await visitor.post("/sign-in", admin_key=house.admin_key)
            text = (await visitor.get("/monitoring")).text
    assert "There is none yet. Add one." in text
    assert "The client needs one" in text
    assert text.index("Add one") < text.index("See why") < text.index("The client needs one")
    assert 'class="plot"' not in text
    assert "Nothing waits for an acknowledgement." in text  # nobody is here whose terms could

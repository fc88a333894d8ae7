"""What Monitoring draws of requests that were recorded, as a browser gets it: bars, lines, gaps, and their numbers."""

import html
import re
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx2
import pytest

from authdeck.clock import SystemClock, to_micros
from authdeck.event import Failure, FailureKind, RequestEvent, Tokens
from authdeck.ids import new_request_id
from authdeck.operations.record import Recorder
from authdeck.storage.writing.requests import mark_gap
from fakes.auth_files import codex, take_in
from fakes.house import House, serving
from web.conftest import Visitor
from web.test_monitoring import main, rows

PEOPLE = ("ann", "bob")
ZONE = ZoneInfo("Asia/Kolkata")
OVERLOADED = Failure(FailureKind.UPSTREAM, "overloaded", "Overloaded")


async def test_recorded_requests_are_drawn_as_they_are_counted(tmp_path: Path) -> None:
    hour = SystemClock().now().replace(minute=0, second=0, microsecond=0)
    with serving(tmp_path, filled=False, also=partial(_happen, hour=hour)) as (url, house):
        async with httpx2.AsyncClient(base_url=url, cookies={"authdeck_zone": "Asia%2FKolkata"}) as client:
            visitor = Visitor(client)
            await visitor.sign_in(house)
            text = main((await visitor.get("/monitoring")).text)
    requests, durations = _plots(text)

    busy, calm, lost = (hour - timedelta(hours=hours) for hours in (3, 5, 9))
    bars = [(kind, title) for kind, title, _, _ in _rects(requests) if kind != "hole"]
    assert bars == [
        ("k-ok", f"{_clock(calm)}: 2 answered, 0 failed"),
        ("k-ok", f"{_clock(busy)}: 3 answered, 1 failed"),
        ("k-bad", f"{_clock(busy)}: 3 answered, 1 failed"),
    ]
    high = [height for kind, _, _, height in _rects(requests) if kind != "hole"]
    assert high == [85.0, 127.5, 42.5]
    assert re.findall(r'text-anchor="end">([^<]+)<', requests) == ["0", "1", "2", "3", "4"]
    assert 'aria-label="6 requests, 1 failed, over the time; the numbers are below"' in requests

    for plot in requests, durations:
        ((_, title, x, _),) = [rect for rect in _rects(plot) if rect[0] == "hole"]
        assert title.endswith(": 12 requests are missing. The store did not take them.")
        assert re.findall(r"\d\d:\d\d", title) == [_clock(lost), _clock(lost + timedelta(hours=1))]
        assert plot.count('class="hole-edge"') == 1
        assert plot.index('class="hole-edge"') > max(plot.rfind('class="k-'), plot.rfind("<path"))  # nothing hides it
        assert 44 < x < min(at for kind, _, at, _ in _rects(requests) if kind != "hole")

    numbers = [row[1:] for row in rows(text, "numbers-requests") if row[1:] != ["0", "0", "0", "0", ""]]
    assert numbers == [
        ["3", "1", "300", "60", ""],
        ["2", "0", "1,000", "50", ""],
        ["0", "0", "0", "0", "The store did not take them."],
    ]
    _assert_lines(text, durations)

    assert rows(text, "chart-models") == [["gpt-5.5", "", "1K", "50", "74.4%"], ["gpt-5", "", "300", "60", "25.5%"]]
    assert rows(text, "chart-accounts") == [
        ["codex-an•••@example.com-plus.json", "", "4", "66.6%"],
        ["codex-bo•••@example.com-plus.json", "", "2", "33.3%"],
    ]
    assert re.findall(r'<rect width="([\d.]+)" height="5"/>', text) == ["100.0", "34.3", "100.0", "50.0"]


async def _happen(house: House, hour: datetime) -> None:
    """Ann's four requests three hours ago, of which one failed; Bob's two two hours before; and some that got lost."""
    files = [
        (f"codex-{name}@example.com-plus.json", codex(f"{name}@example.com", f"acc-fake-{name}", f"user-fake-{name}"))
        for name in PEOPLE
    ]
    ann, bob = [str(item.auth_index) for item in (await take_in(house.desk, *files)).items]
    house.monitoring.write_now(
        lambda c: mark_gap(c, _ms(hour - timedelta(hours=9)), _ms(hour - timedelta(hours=8)), "store_failed", 12)
    )
    recorder = Recorder(house.monitoring, house.desk.clock)
    recorder.start()
    for minute, latency in enumerate((1_000.0, 2_000.0, 3_000.0)):
        at = hour - timedelta(hours=3) + timedelta(minutes=minute)
        await recorder.record(_event(at, ann, "gpt-5", latency, Tokens(100, 20, 0, 0)))
    at = hour - timedelta(hours=2, minutes=1)
    await recorder.record(_event(at, ann, "gpt-5", 8_000.0, Tokens(), OVERLOADED))
    for second in range(2):
        at = hour - timedelta(hours=5) + timedelta(seconds=second)
        await recorder.record(_event(at, bob, "gpt-5.5", 500.0, Tokens(500, 25, 0, 0)))
    await recorder.close()


def _event(
    at: datetime, auth_index: str, model: str, latency_ms: float, tokens: Tokens, failure: Failure | None = None
) -> RequestEvent:
    return RequestEvent(
        new_request_id(_ms(at)), _ms(at), "/v1/responses", model, "codex", auth_index, latency_ms=latency_ms,
        status=200 if failure is None else 529, failure=failure, tokens=tokens,
    )  # fmt: skip


def _ms(at: datetime) -> int:
    return to_micros(at) // 1000


def _clock(at: datetime) -> str:
    return f"{at.astimezone(ZONE):%H:%M}"


def _plots(text: str) -> list[str]:
    found = re.findall(r'<svg class="plot".*?</svg>', text, re.DOTALL)
    assert len(found) == 2
    return found


def _rects(plot: str) -> list[tuple[str, str, float, float]]:
    """Kind, title, where it begins and how high it is."""
    form = (
        r'<rect class="(k-ok|k-bad|hole)" x="([\d.]+)" y="[\d.]+" width="[\d.]+" height="([\d.]+)">'
        r"(?:<title>(.*?)</title>)?"
    )
    return [(kind, html.unescape(title), float(x), float(high)) for kind, x, high, title in re.findall(form, plot)]


def _assert_lines(text: str, plot: str) -> None:
    """The two hours are no neighbours: two points of each line, at the height that the table says in seconds."""
    told = [(row[1], row[2]) for row in rows(text, "numbers-durations") if row[1] != "–"]
    (busy, calm) = told
    assert [float(one.split()[0]) for one in busy] == [pytest.approx(2, rel=0.14), pytest.approx(8, rel=0.14)]
    assert calm[0] == calm[1]
    assert re.search(r'class="l-a" d="M0 5h12"/></svg>Median', text)
    assert re.search(r'class="l-b" d="M0 5h12"/></svg>95 %', text)
    top = float(re.findall(r'text-anchor="end">([^<]+)<', plot)[-1])
    for kind, place in ("l-a", 0), ("l-b", 1):
        (path,) = re.findall(rf'<path class="{kind}" d="([^"]+)"/>', plot)
        ys = re.fullmatch(r"M[\d.]+ ([\d.]+)h3M[\d.]+ ([\d.]+)h3", path)
        assert ys is not None, path
        for y, seconds in zip(ys.groups(), (calm[place], busy[place]), strict=True):
            assert (178 - float(y)) / 170 * top == pytest.approx(float(seconds.split()[0]), abs=0.051 + top / 1700)

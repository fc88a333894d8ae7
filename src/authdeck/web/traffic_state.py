"""What Monitoring's address asks for: the URL is the state. What is asked wrongly is left out. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Literal

from starlette.datastructures import QueryParams

from authdeck.clock import to_micros
from authdeck.event import FailureKind
from authdeck.spans import DAY, HOUR, Span
from authdeck.storage.reading.request_search import RequestSearch
from authdeck.storage.reading.sums import Slice
from authdeck.web.addresses import address

PATH: Final = "/monitoring"
RANGES: Final = {"1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
USUAL: Final = "24h"
CUSTOM: Final = "custom"
VIEWS: Final = ("each", "account", "model", "client_key")
ORDERS: Final = ("requests", "failures", "tokens_input", "tokens_output")
ROWS: Final = 50
_FILTERS: Final = (
    "q", "account", "status", "failure", "provider", "model", "project", "client_key", "prefix", "slower", "cache",
    "trace",
)  # fmt: skip
_FORM: Final = "%Y-%m-%dT%H:%M"
_LONGEST: Final = 200
_LONGEST_MS: Final = 3660 * DAY
_LARGEST_OFFSET: Final = 100_000
_Order = Literal["requests", "failures", "tokens_input", "tokens_output", "latency_us"]


@dataclass(frozen=True, slots=True)
class TrafficState:
    """``words`` are the address's, without paging. ``since`` and ``until`` are as forms have them."""

    words: Mapping[str, str]
    search: RequestSearch
    asked: Span
    range: str
    since: str
    until: str
    view: str
    page: Slice

    @property
    def filters(self) -> dict[str, str]:
        return {name: value for name, value in self.words.items() if name in _FILTERS}

    @property
    def is_filtered(self) -> bool:
        return bool(self.filters)

    @property
    def list_search(self) -> RequestSearch:
        """For the list: with the time. It ends where the newest is, not where the clock stands."""
        until = None if self.range != CUSTOM else _moment(self.asked.until_ms)
        return replace(self.search, since=_moment(self.asked.from_ms), until=until)

    def link(self, **to: object) -> str:
        """This page with something changed; paging starts anew unless the change is about that."""
        return address(PATH, {**self.words, **to})

    def clear(self) -> str:
        return address(PATH, {name: value for name, value in self.words.items() if name not in _FILTERS})


def state_of(params: QueryParams, now: datetime, zone: tzinfo) -> TrafficState:
    said = {name: params[name].strip()[:_LONGEST] for name in params}
    asked, since, until = _asked(said, now, zone)
    is_custom = said.get("range") == CUSTOM and bool(since)
    chosen = CUSTOM if is_custom else said.get("range") if said.get("range") in RANGES else USUAL
    view = said.get("view", "")
    order = said.get("sort", "")
    words = {name: said[name] for name in _FILTERS if said.get(name)}
    words |= {"range": str(chosen)} if chosen != USUAL else {}
    words |= {"since": since, "until": until} if is_custom else {}
    words |= {"view": view} if view in VIEWS[1:] else {}
    words |= {"sort": order} if order in ORDERS[1:] and view in VIEWS[1:] else {}
    return TrafficState(
        {name: value for name, value in words.items() if value},
        _search(said),
        asked,
        str(chosen),
        since,
        until,
        view if view in VIEWS else VIEWS[0],
        Slice(ROWS, _offset(said), _order(order)),
    )


def _search(said: Mapping[str, str]) -> RequestSearch:
    failure = said.get("failure") or None
    if failure is not None and failure.partition(":")[0] not in list(FailureKind):
        failure = None
    cache = said.get("cache")
    return RequestSearch(
        status=_status(said.get("status", "")),
        auth_index=said.get("account") or None,
        model=said.get("model") or None,
        client_key=said.get("client_key") or None,
        provider=said.get("provider") or None,
        failure=failure,
        project=said.get("project") or None,
        prefix=said.get("prefix") or None,
        slower_than=_seconds(said.get("slower", "")),
        cache="hit" if cache == "hit" else "none" if cache == "none" else None,
        trace=said.get("trace") or None,
        text=said.get("q") or None,
        cursor=said.get("cursor") or None,
        page_size=ROWS,
    )


def _asked(said: Mapping[str, str], now: datetime, zone: tzinfo) -> tuple[Span, str, str]:
    """The time asked for; where its own beginning and end are given, as a form wrote them."""
    now_ms = to_micros(now) // 1000 + 1
    since, until = _written(said.get("since", ""), zone), _written(said.get("until", ""), zone)
    if said.get("range") == CUSTOM and since is not None:
        from_ms, until_ms = since, min(now_ms, until) if until is not None else now_ms
        if from_ms < until_ms <= from_ms + _LONGEST_MS:
            return Span(from_ms, until_ms), said["since"], said.get("until", "") if until is not None else ""
    return Span(now_ms - RANGES.get(said.get("range", ""), RANGES[USUAL]), now_ms), "", ""


def _written(given: str, zone: tzinfo) -> int | None:
    """A local time as browsers' forms write it, in unix milliseconds."""
    try:
        local = datetime.strptime(given, _FORM).replace(tzinfo=zone)
        return int(local.astimezone(UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _status(given: str) -> Literal["ok", "failed"] | int | None:
    if given in ("ok", "failed"):
        return "ok" if given == "ok" else "failed"
    return int(given) if given.isascii() and given.isdecimal() and len(given) == 3 else None  # noqa: PLR2004 - HTTP


def _seconds(given: str) -> float | None:
    """Milliseconds; a form says seconds."""
    try:
        seconds = float(given)
    except ValueError:
        return None
    return seconds * 1000 if 0 < seconds < 1e6 else None  # noqa: PLR2004 - no request lasts eleven days


def _offset(said: Mapping[str, str]) -> int:
    given = said.get("page", "")
    return min(int(given), _LARGEST_OFFSET) if given.isascii() and given.isdecimal() and len(given) < 9 else 0  # noqa: PLR2004


def _order(given: str) -> _Order:
    known: dict[str, _Order] = {
        "failures": "failures", "tokens_input": "tokens_input", "tokens_output": "tokens_output",
    }  # fmt: skip
    return known.get(given, "requests")


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at_ms)

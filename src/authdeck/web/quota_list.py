"""The Quota page's list: what its address asks for, its choices, and each account's answer: can it serve now. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from starlette.datastructures import QueryParams

from authdeck import cursor, wording
from authdeck.account import Kind
from authdeck.capacity import SERVING, WAITING, back_at, left_of
from authdeck.directory import Directory, Found
from authdeck.entry import Entry
from authdeck.health import Health
from authdeck.operations.query_quota import telling
from authdeck.search import AccountSearch, from_query, to_query
from authdeck.web import account_rows
from authdeck.web.account_rows import NAMES, AccountRow
from authdeck.web.addresses import address
from authdeck.web.filter_bar import Choice, plan_choice
from authdeck.web.preferences import Preferences
from authdeck.web.quota_board import PATH, RANGES
from authdeck.web.quota_lines import QuotaLine, lines

SORTS: Final = ("reset", "plan", "risk", "name")
PAGE_SIZE: Final = 50
MOST_LINES: Final = 4
SEGMENTS: Final[Mapping[str, tuple[Health, ...]]] = {
    "all": (),
    "serving": tuple(sorted(SERVING)),
    "waiting": tuple(sorted(WAITING)),
    "unknown": (Health.UNKNOWN,),
}


@dataclass(frozen=True, slots=True)
class QuotaState:
    """The search, by default by the soonest reset, and the hours of the timeline."""

    search: AccountSearch = field(default_factory=lambda: AccountSearch(sort=SORTS[0]))
    hours: int = RANGES[0]

    @staticmethod
    def of(params: QueryParams) -> "QuotaState":
        """What is asked wrongly is left out: a page has no use for a refusal."""
        said = {name: params.getlist(name) for name in params}
        found = from_query({"sort": SORTS[0], **said}, lenient=True)
        place = cursor.of_this_order(found.cursor, found.sort)
        hours = next((hours for hours in RANGES if params.get("hours") == str(hours)), RANGES[0])
        return QuotaState(replace(found, page_size=PAGE_SIZE, cursor=place), hours)

    @property
    def words(self) -> dict[str, str]:
        said = to_query(replace(self.search, cursor=None))
        sort = {} if self.search.sort == SORTS[0] else {"sort": self.search.sort}
        hours = {} if self.hours == RANGES[0] else {"hours": str(self.hours)}
        return {**{name: value for name, value in said.items() if name not in ("sort", "page_size")}, **sort, **hours}

    def link(self, **to: object) -> str:
        return address(PATH, {**self.words, **to})


@dataclass(frozen=True, slots=True)
class Segment:
    key: str
    count: int
    href: str
    current: bool


def segments(state: QuotaState, found: Found) -> list[Segment]:
    """All, can serve, waiting, not known: counts of what the other filters leave."""
    counts = found.facets["state"]
    made = []
    for key, healths in SEGMENTS.items():
        number = sum(counts.values()) if not healths else sum(counts.get(health.value, 0) for health in healths)
        href = f"{state.link(state=','.join(healths))}#accounts"
        made.append(Segment(key, number, href, state.search.state == frozenset(healths)))
    return made


def choices(state: QuotaState, found: Found, locale: str) -> Sequence[Choice]:
    def say(code: str) -> str:
        return wording.sentence(code, {}, locale)

    search, facets = state.search, found.facets
    any_ = ("", say("any"))
    providers = [(name, f"{NAMES[name]} · {facets['provider'][name]}") for name in NAMES if name in facets["provider"]]
    plans = [(name, f"{plan_choice(name, say)} · {number}") for name, number in sorted(facets["plan"].items())]
    sorts = [(sort, say(f"sort.{sort}")) for sort in (*SORTS, *([search.sort] if search.sort not in SORTS else []))]
    return (
        Choice(
            "provider", say("filter.provider"), [any_, *providers], search.provider.value if search.provider else ""
        ),
        Choice("plan", say("filter.plan"), [any_, *plans], search.plan or ""),
        Choice("sort", say("filter.sort"), sorts, search.sort),
    )


@dataclass(frozen=True, slots=True)
class QuotaRow:
    """An account with its windows. ``serves`` answers in a few words. ``askable``: its provider tells when asked."""

    row: AccountRow
    serves: str
    lines: Sequence[QuotaLine]
    askable: bool


def rows(found: Sequence[Entry], directory: Directory, now: datetime, prefs: Preferences) -> list[QuotaRow]:
    return [_row(entry, directory, now, prefs) for entry in found]


def _row(entry: Entry, directory: Directory, now: datetime, prefs: Preferences) -> QuotaRow:
    made = account_rows.row(entry, directory, now, prefs)
    shown = lines(entry.windows, now, prefs, most=MOST_LINES)
    askable = entry.account.kind is Kind.OAUTH and entry.account.provider in telling()
    return QuotaRow(made, _serves(entry, made, now, prefs), shown, askable)


def _serves(entry: Entry, row: AccountRow, now: datetime, prefs: Preferences) -> str:
    """Yes, no and until when, or that nobody knows."""

    def say(code: str, **params: object) -> str:
        return wording.sentence(f"serves.{code}", params, prefs.locale)

    health = Health(row.health)
    if health in WAITING:
        back = back_at(entry, now)
        return say("no") if back is None else say("until", end=wording.soon(back, now, prefs.zone, prefs.locale))
    if health is Health.LOW and (left := left_of(entry, now)) is not None:
        return say("low", left=int(left))
    if health is Health.AVAILABLE:
        return say("yes")
    return say("unknown") if health is Health.UNKNOWN else say("no_because", why=row.short)

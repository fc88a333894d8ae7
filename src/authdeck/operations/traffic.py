"""How requests went over a time: figures, their course, and what they were about.

Answered from kept sums where the filters allow it, else from the newest requests. Every figure says what it covers.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from typing import Final, Literal

from authdeck.spans import BY_DAY, DAY, FINE, HOUR, MINUTE, Span, part_of, parts
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading import latencies, sums, tallies
from authdeck.storage.reading.latencies import Counts, Percentiles
from authdeck.storage.reading.names import code, texts
from authdeck.storage.reading.request_search import RequestSearch
from authdeck.storage.reading.requests import Gap, known_gaps
from authdeck.storage.reading.samples import Sample, durations_by, sample, sums_by
from authdeck.storage.reading.sums import FIRST, Grouped, Slice, Sums

By = Literal["model", "account", "client_key"]

CAUSES_FROM: Final = 5_000
"""Failed requests that causes are counted among, the newest ones."""

CAUSES: Final = 8


@dataclass(frozen=True, slots=True)
class Part:
    """One bar of the charts."""

    span: Span
    sums: Sums
    times: Percentiles


@dataclass(frozen=True, slots=True)
class Cause:
    """Why requests failed: a kind of failure and its code, or a status alone."""

    kind: str
    code: str
    count: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """What was found, and of which time.

    ``asked`` is the time that was asked for, ``covered`` the one that the sums cover: more where whole hours had to be
    taken, less where only the newest requests could be looked at. ``timed`` and ``explained`` say the same of the
    durations and of the causes. ``gaps`` are missing from the sums, and ``not_counted`` ones from the causes at least.
    """

    asked: Span
    covered: Span
    timed: Span
    explained: Span
    sums: Sums
    times: Percentiles
    parts: Sequence[Part]
    causes: Sequence[Cause]
    gaps: Sequence[Gap]


@dataclass(frozen=True, slots=True)
class Group:
    """``name`` is a model (empty: none was named), an auth_index or a client key."""

    name: str
    sums: Sums
    times: Percentiles | None = None


@dataclass(frozen=True, slots=True)
class Groups:
    """``whole``: all groups together where they are of the newest requests, which may be fewer than the figures'.

    ``gaps``: times in ``covered`` whose requests are left out.
    """

    covered: Span
    rows: Sequence[Group]
    more: bool
    whole: Sums | None = None
    gaps: Sequence[Gap] = ()


def traffic(c: ReadConnection, search: RequestSearch, asked: Span, zone: tzinfo) -> Traffic:
    """Of the requests that match; the search's own time, page and cursor do not count."""
    search = _timeless(search)
    cut = parts(asked, UTC if _is_told_by_day(search, asked) else zone)
    figures = _from_sums if _is_kept(search, asked) else _from_tallies if _is_tallied(search, asked) else _from_events
    counted, covered, times, whole, timed, left_out = figures(c, search, asked, cut)
    found = [Part(part, counted.get(place, Sums()), times.get(place, Percentiles())) for place, part in enumerate(cut)]
    causes, explained, unexplained = _causes(c, search, asked)
    gaps = [*known_gaps(c, asked.from_ms, asked.until_ms), *dict.fromkeys([*left_out, *unexplained])]
    return Traffic(asked, covered, timed, explained, sums.total(counted), whole, found, causes, gaps)


def grouped(
    c: ReadConnection, search: RequestSearch, asked: Span, by: By, page: Slice = FIRST, *, timed: bool = True
) -> Groups:
    """The same requests by what they asked for or who did; those with the most first.

    ``timed``: with percentiles, which are known by model.
    """
    search = _timeless(search)
    wanted, whole = replace(page, limit=page.limit + 1), None
    gaps: Sequence[Gap] = ()
    if by == "model":
        found, covered, times, whole, gaps = _models(c, search, asked, wanted, timed=timed)
    elif asked.length > FINE and search == RequestSearch():
        unit, of = (DAY, sums.by_account) if by == "account" else (HOUR, sums.by_caller)
        cover = sums.cover(c, asked, unit)
        found, covered, times = of(c, cover, wanted), cover.whole, {}
    else:
        some = sample(c, search, asked)
        every, covered, times = sums_by(c, some, by), some.covered, {}
        found, whole = sums.first(every, wanted), sums.total(every)
    names = texts(c, found.keys())
    rows = [Group(names.get(number, ""), of, times.get(number)) for number, of in found.items()]
    return Groups(covered, rows[: page.limit], len(rows) > page.limit, whole, gaps)


def _timeless(search: RequestSearch) -> RequestSearch:
    return replace(search, since=None, until=None, cursor=None, page_size=RequestSearch().page_size)


def _is_kept(search: RequestSearch, asked: Span) -> bool:
    """Whether sums that are kept answer it."""
    if search.auth_index is not None:
        return asked.length > BY_DAY and search == RequestSearch(auth_index=search.auth_index)
    return _is_kept_by_model(search, asked) or (
        asked.length > FINE and search == RequestSearch(client_key=search.client_key)
    )


def _is_kept_by_model(search: RequestSearch, asked: Span) -> bool:
    """Nothing but a model and a provider, over more than a moment."""
    return asked.length > FINE and search == RequestSearch(model=search.model, provider=search.provider)


def _is_tallied(search: RequestSearch, asked: Span, key: tallies.Key = "hour") -> bool:
    return asked.length > FINE and tallies.answers(search, key)


def _is_told_by_day(search: RequestSearch, asked: Span) -> bool:
    """Whether bars begin at days of UTC: an account's sums are kept so, and only so are many tallies few enough."""
    if asked.length <= BY_DAY or _is_kept_by_model(search, asked):
        return False
    return _is_tallied(search, asked) or (search.auth_index is not None and _is_kept(search, asked))


_Figures = tuple[Mapping[int, Sums], Span, Mapping[int, Percentiles], Percentiles, Span, Sequence[Gap]]
"""By part: sums and the time they cover; percentiles, those of the whole, and the time they cover; what sums lack."""

_Models = tuple[Grouped, Span, dict[int, Percentiles], Sums | None, Sequence[Gap]]
"""What ``Groups`` are made of."""


def _from_sums(c: ReadConnection, search: RequestSearch, asked: Span, cut: Sequence[Span]) -> _Figures:
    counted, covered = _kept(c, search, asked, cut)
    if search != RequestSearch(model=search.model):  # buckets know models only
        _, _, times, whole, timed, _ = _from_events(c, search, asked, cut, sums_too=False)
        return counted, covered, times, whole, timed, ()
    model = None if search.model is None else code(c, "model", search.model) or -1
    ranges = [(part.from_ms // HOUR, -(-part.until_ms // HOUR)) for part in cut]
    kinds = latencies.by_ranges(c, ranges, model)
    times = {place: _percentiles([part]) for place, part in enumerate(kinds)}
    return counted, covered, times, _percentiles(kinds), Span(ranges[0][0] * HOUR, asked.until_ms), ()


def _from_tallies(c: ReadConnection, search: RequestSearch, asked: Span, cut: Sequence[Span]) -> _Figures:
    told = tallies.told(c, asked, by_day=_is_told_by_day(search, asked))
    counted = _by_part(cut, tallies.sums_by(c, told, search, "hour"), HOUR)
    _, _, times, whole, timed, _ = _from_events(c, search, asked, cut, sums_too=False)
    return counted, told.covered, times, whole, timed, told.left_out


def _kept(
    c: ReadConnection, search: RequestSearch, asked: Span, cut: Sequence[Span]
) -> tuple[Mapping[int, Sums], Span]:
    """Kept sums by part, and the time that they cover."""
    if search.auth_index is not None:
        cover = sums.cover(c, asked, DAY, auth_index=search.auth_index)
        return _by_part(cut, sums.by_day_of_account(c, cover, search.auth_index), DAY), cover.whole
    cover = sums.cover(c, asked)
    if search.client_key is not None:
        hours = sums.by_hour_of_caller(c, cover, search.client_key)
    else:
        hours = sums.by_hour(c, cover, model=search.model, provider=search.provider)
    return _by_part(cut, hours, HOUR), cover.whole


def _from_events(
    c: ReadConnection, search: RequestSearch, asked: Span, cut: Sequence[Span], *, sums_too: bool = True
) -> _Figures:
    some = sample(c, search, asked)
    unit, key = (MINUTE, "minute") if asked.length <= FINE else (HOUR, "hour")
    counted = _by_part(cut, sums_by(c, some, "minute" if key == "minute" else "hour"), unit) if sums_too else {}
    durations = durations_by(c, some, "hour")
    by_part = defaultdict(list)
    for one in durations:
        by_part[part_of(cut, one.at_ms)].append(one)
    times = {place: latencies.exact(together) for place, together in by_part.items()}
    return counted, some.covered, times, latencies.exact(durations), some.covered, ()


def _by_part(cut: Sequence[Span], found: Mapping[int, Sums], unit: int) -> dict[int, Sums]:
    """Every cut but those at the range's ends lies between two units, so that none is torn."""
    counted: dict[int, Sums] = {}
    for number, of in found.items():
        place = part_of(cut, number * unit)
        counted[place] = counted.get(place, Sums()) + of
    return counted


def _percentiles(parts: Iterable[dict[str, Counts]]) -> Percentiles:
    whole = latencies.together(parts)
    return latencies.percentiles(whole["latency"], whole["ttfb"])


def _models(c: ReadConnection, search: RequestSearch, asked: Span, page: Slice, *, timed: bool) -> _Models:
    if not _is_kept_by_model(search, asked):
        return _models_of_some(c, search, asked, page, timed=timed)
    cover = sums.cover(c, asked)
    found = sums.by_model(c, cover, model=search.model, provider=search.provider, page=page)
    if search.provider is not None or not timed:
        return found, cover.whole, {}, None, ()
    kinds = latencies.by_model(c, asked.from_ms // HOUR, -(-asked.until_ms // HOUR))
    return found, cover.whole, {number: _percentiles([kinds[number]]) for number in found if number in kinds}, None, ()


def _models_of_some(c: ReadConnection, search: RequestSearch, asked: Span, page: Slice, *, timed: bool) -> _Models:
    """Durations are those of the newest requests; sums too where there are no tallies."""
    if not _is_tallied(search, asked, "model"):
        some = sample(c, search, asked)
        every = sums_by(c, some, "model")
        times = _times_by_model(c, some) if timed else {}
        return sums.first(every, page), some.covered, times, sums.total(every), ()
    told = tallies.told(c, asked, by_day=True)
    found = tallies.sums_by(c, told, search, "model", page)
    times = _times_by_model(c, sample(c, search, asked)) if timed else {}
    return found, told.covered, times, None, told.left_out


def _times_by_model(c: ReadConnection, some: Sample) -> dict[int, Percentiles]:
    by_model = defaultdict(list)
    for one in durations_by(c, some, "model"):
        by_model[one.of].append(one)
    return {model: latencies.exact(durations) for model, durations in by_model.items()}


def _causes(c: ReadConnection, search: RequestSearch, asked: Span) -> tuple[list[Cause], Span, Sequence[Gap]]:
    if search.status == "ok":
        return [], asked, ()
    failed = replace(search, status="failed") if search.status is None else search
    by_failure, covered, left_out = _failures(c, failed, asked)
    found = {number: count for number, count in by_failure.items() if count}
    names = texts(c, [number for number in found if number > 0])
    most = sorted(found.items(), key=lambda pair: -pair[1])[:CAUSES]
    return [_cause(names.get(number, str(-number)), count) for number, count in most], covered, left_out


def _failures(c: ReadConnection, failed: RequestSearch, asked: Span) -> tuple[Mapping[int, int], Span, Sequence[Gap]]:
    if _is_tallied(failed, asked):
        told = tallies.told(c, asked, by_day=True)
        return tallies.failures_by(c, told, failed), told.covered, told.left_out
    some = sample(c, failed, _within_reach(c, failed, asked), CAUSES_FROM)
    return {number: of.failures for number, of in sums_by(c, some, "failure").items()}, some.covered, ()


def _within_reach(c: ReadConnection, search: RequestSearch, asked: Span) -> Span:
    """No index leads to an account's failures alone: they are looked for among its newest requests."""
    if search.auth_index is None:
        return asked
    return sample(c, RequestSearch(auth_index=search.auth_index), asked, CAUSES_FROM).covered


def _cause(name: str, count: int) -> Cause:
    kind, _, failure = name.partition(":")
    return Cause(kind if failure else "", failure or name, count)

"""When something happens again: every so many minutes, or at times of day in a time zone. Pure.

A local time that a change of clocks leaves out is the first moment after the gap; one that comes twice is the first of
the two. The zone's rules come from the system, else from the package ``tzdata``.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from authdeck.errors import DeckError

SHORTEST: Final = 5
LONGEST: Final = 7 * 24 * 60
"""Minutes between two times."""

MOST_TIMES: Final = 24
_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+/-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Timing:
    """``every`` minutes; or ``times`` of day (``HH:MM``, in order) in ``zone``, an IANA name."""

    every: int | None = None
    times: tuple[str, ...] = ()
    zone: str = "UTC"


def read(given: Mapping[str, Any]) -> Timing:
    """Check what a caller asks for: ``{every}`` or ``{times, zone?}``. Raises ``timing_invalid``."""
    every, times, zone = given.get("every"), given.get("times"), given.get("zone") or "UTC"
    if (every is None) == (not times) or not set(given) <= {"every", "times", "zone"}:
        raise _wrong("every_or_times")
    if every is not None:
        if isinstance(every, bool) or not isinstance(every, int) or not SHORTEST <= every <= LONGEST:
            raise _wrong("every", least=SHORTEST, most=LONGEST)
        return Timing(every=every)
    if not _is_zone(zone):
        raise _wrong("zone", zone=str(zone)[:64])
    return Timing(times=_times(times), zone=zone)


def written(timing: Timing) -> dict[str, Any]:
    """As ``read`` takes it."""
    return {"every": timing.every} if timing.every is not None else {"times": list(timing.times), "zone": timing.zone}


def next_after(timing: Timing, now: datetime, former: datetime | None = None) -> datetime:
    """The next moment (UTC) after ``now``. ``former`` is the one that was due: intervals keep to its beat."""
    if timing.every is not None:
        step = timedelta(minutes=timing.every)
        if former is None or former > now:
            return now + step
        return former + step * ((now - former) // step + 1)
    zone = ZoneInfo(timing.zone)
    today = now.astimezone(zone).date()
    days = (today + timedelta(days=days) for days in range(-1, 4))
    moments = (_moment(datetime.combine(day, time.fromisoformat(each)), zone) for day in days for each in timing.times)
    return min(moment for moment in moments if moment > now)


def _moment(local: datetime, zone: ZoneInfo) -> datetime:
    """A local time as UTC, the earlier of two.

    In a gap that is the time by the former rules, which the clocks show as so much later.
    """
    moment = local.replace(tzinfo=zone).astimezone(UTC)
    back = moment.astimezone(zone).replace(tzinfo=None)
    return moment if back == local else _end_of_gap(moment, zone)


def _end_of_gap(moment: datetime, zone: ZoneInfo) -> datetime:
    """The moment of the change of clocks that is nearest before ``moment``, to the minute."""
    before, after = moment - timedelta(hours=25), moment
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        before, after = (middle, after) if middle.astimezone(zone).utcoffset() == old else (before, middle)
    return after.replace(microsecond=0)


def _times(given: object) -> tuple[str, ...]:
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) > MOST_TIMES:
        raise _wrong("times")
    if not all(isinstance(each, str) and _TIME.fullmatch(each) for each in given):
        raise _wrong("times")
    return tuple(sorted(set(given)))


def _is_zone(zone: object) -> bool:
    if not isinstance(zone, str) or not _ZONE.fullmatch(zone):
        return False
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _wrong(problem: str, **params: Any) -> DeckError:
    return DeckError("timing_invalid", status=422, problem=problem, **params)

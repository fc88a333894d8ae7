"""Times and numbers as people of a language write them: clock time first, distance second."""

from datetime import datetime, timedelta, tzinfo
from functools import cache

from babel import Locale
from babel.dates import format_datetime, format_timedelta
from babel.numbers import format_compact_decimal, format_decimal, format_percent

_SKELETONS = {"en": {"day": "d MMM", "year": "d MMM y"}, "zh-CN": {"day": "M月d日", "year": "y年M月d日"}}
_FAR = timedelta(days=7)


def clock(at: datetime, zone: tzinfo, locale: str = "en", *, seconds: bool = False) -> str:
    """``16:40``, or ``16:40:09``."""
    return format_datetime(at.astimezone(zone), "HH:mm:ss" if seconds else "HH:mm", locale=_babel(locale))


def day(at: datetime, now: datetime, zone: tzinfo, locale: str = "en") -> str:
    """``21 Nov``, with the year where it is not this one."""
    there, here = at.astimezone(zone), now.astimezone(zone)
    skeleton = _SKELETONS.get(locale, _SKELETONS["en"])["day" if there.year == here.year else "year"]
    return format_datetime(there, skeleton, locale=_babel(locale))


def moment(at: datetime, now: datetime, zone: tzinfo, locale: str = "en", *, seconds: bool = False) -> str:
    """The clock time within today, else day and clock time: ``16:40``, ``21 Nov, 16:40``."""
    time = clock(at, zone, locale, seconds=seconds)
    if at.astimezone(zone).date() == now.astimezone(zone).date():
        return time
    return day(at, now, zone, locale) + (" " if locale.startswith("zh") else ", ") + time


def until(at: datetime, now: datetime, zone: tzinfo, locale: str = "en") -> str:
    """When something ends and how far off that is: ``16:40, in 2 h 26 min``."""
    time = moment(at, now, zone, locale)
    if at <= now or at - now > _FAR:
        return time
    return f"{time}，{duration(at - now, locale)}后" if locale.startswith("zh") else f"{time}, in {duration(at - now)}"


def soon(at: datetime, now: datetime, zone: tzinfo, locale: str = "en") -> str:
    """For narrow columns: ``16:40`` today, ``Thu 16:40`` within a week, else the day."""
    if at - now >= _FAR:
        return day(at, now, zone, locale)
    if at.astimezone(zone).date() == now.astimezone(zone).date():
        return clock(at, zone, locale)
    return format_datetime(at.astimezone(zone), "EEE HH:mm", locale=_babel(locale))


def age(span: timedelta, locale: str = "en") -> str:
    """For narrow columns, the largest unit alone: ``2 s``, ``4 m``, ``5 h``, ``3 d``."""
    seconds = max(0, int(span.total_seconds()))
    names = ("天", "时", "分", "秒") if locale.startswith("zh") else ("d", "h", "m", "s")
    for name, length in zip(names, (86_400, 3600, 60, 1), strict=True):
        if seconds >= length:
            return f"{seconds // length} {name}"
    return f"0 {names[-1]}"


def ago(at: datetime, now: datetime, locale: str = "en") -> str:
    """``12 seconds ago``; what lies ahead by a clock's error counts as now."""
    past = min(at - now, timedelta(seconds=-1))
    return format_timedelta(past, add_direction=True, threshold=1, format="long", locale=_babel(locale))


def duration(span: timedelta, locale: str = "en") -> str:
    """The two largest units: ``2 h 26 min``; less than a minute in seconds, to a tenth below ten."""
    seconds = span.total_seconds()
    names = ("天", "小时", "分钟", "秒") if locale.startswith("zh") else ("d", "h", "min", "s")
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} {names[3]}" if seconds < 9.95 else f"{seconds:.0f} {names[3]}"  # noqa: PLR2004
    minutes = round(seconds / 60)
    days, rest = divmod(minutes, 24 * 60)
    parts = [(days, names[0]), (rest // 60, names[1]), (rest % 60, names[2])]
    shown = [f"{value} {name}" for value, name in parts if value]
    return " ".join(shown[:2])


def count(number: float, locale: str = "en") -> str:
    return format_decimal(number, locale=_babel(locale))


def compact(number: float, locale: str = "en") -> str:
    """``531.2M``, ``5.3亿``."""
    return format_compact_decimal(number, fraction_digits=1, locale=_babel(locale))


def share(part: float, whole: float, locale: str = "en") -> str:
    """``98.4%``. One digit behind the point, rounded down: 99.96 of 100 is not all."""
    return format_percent(int(1000 * part / whole) / 1000, format="0.#%", locale=_babel(locale))


@cache
def _babel(locale: str) -> Locale:
    return Locale.parse(locale.replace("-", "_"))

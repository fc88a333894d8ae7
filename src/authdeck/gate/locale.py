"""The language of an answer: the person's choice in a cookie, else the browser's wish, else English."""

from typing import Final

from starlette.requests import HTTPConnection

from authdeck.wording import LOCALES

COOKIE: Final = "authdeck_locale"
_LONGEST: Final = 200


def locale_of(request: HTTPConnection) -> str:
    """One of ``wording.LOCALES``."""
    chosen = request.cookies.get(COOKIE)
    if chosen in LOCALES:
        return chosen
    return best_of(request.headers.get("accept-language", ""))


def best_of(header: str) -> str:
    """The first language of an ``Accept-Language`` header that we speak."""
    header = header[:_LONGEST]
    for _, word in sorted(
        ((-_quality(part), part.partition(";")[0].strip()) for part in header.split(",")), key=_first
    ):
        for locale in LOCALES:
            if word.lower() == locale.lower() or word.lower().partition("-")[0] == locale.partition("-")[0]:
                return locale
    return LOCALES[0]


def _first(wish: tuple[float, str]) -> float:
    return wish[0]


def _quality(part: str) -> float:
    _, _, text = part.partition(";q=")
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0

"""The catalogues: one ``.po`` file a language, read as it is when first asked for. English is the message itself."""

from functools import cache
from pathlib import Path
from typing import Any, Final

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

LOCALES: Final = ("en", "zh-CN")
FOLDER: Final = Path(__file__).parent / "catalogues"
DOMAIN: Final = "authdeck"


def path_of(locale: str) -> Path:
    return FOLDER / locale.replace("-", "_") / "LC_MESSAGES" / f"{DOMAIN}.po"


@cache
def catalogue(locale: str) -> Catalog:
    """The messages of ``locale``; of one we do not speak, an empty catalogue, so that English shows."""
    path = path_of(locale)
    if locale not in LOCALES or not path.exists():
        return Catalog()
    with path.open("rb") as file:
        return read_po(file, locale=locale.replace("-", "_"), domain=DOMAIN)


def translate(message: str, locale: str = "en", **params: Any) -> str:
    """``message`` in the language of ``locale``; ``%(name)s`` in it are filled from ``params`` where any are given."""
    found = _text(message, locale)
    return found % params if params else found


def plural(one: str, many: str, number: int, locale: str = "en") -> str:
    """The form for ``number``, not filled in. English has two forms, Chinese one."""
    entry = catalogue(locale).get(one)
    if entry is not None and isinstance(entry.string, tuple | list) and all(entry.string):
        return str(entry.string[min(len(entry.string) - 1, int(number != 1))])
    return one if number == 1 else many


@cache
def _text(message: str, locale: str) -> str:
    entry = catalogue(locale).get(message)
    if entry is None or entry.fuzzy or not entry.string:
        return message
    return entry.string if isinstance(entry.string, str) else str(entry.string[0])

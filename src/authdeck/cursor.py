"""A place in a list between two pages: by what the list is sorted by, so that it stays right while rows change. Pure.

For the outside it is an opaque text.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, Final

from authdeck.account_order import Key
from authdeck.errors import DeckError


@dataclass(frozen=True, slots=True)
class Cursor:
    """``place`` is the key of the row that the page follows, or with ``backwards`` precedes.

    ``start`` is how many rows matched in front of that place when the cursor was made: to be shown, not to count on.
    """

    place: Key
    start: int
    backwards: bool


def write(place: Key, start: int, sort: str, *, backwards: bool = False) -> str:
    content = json.dumps([sort, start, backwards, *place], separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).rstrip(b"=").decode()


def read(text: str, sort: str) -> Cursor:
    """Raises ``DeckError('cursor_invalid')`` for what ``write`` did not make for this order."""
    try:
        content = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise DeckError("cursor_invalid") from None
    if not isinstance(content, list) or len(content) < _SHORTEST:
        raise DeckError("cursor_invalid")
    of, start, backwards, *place = content
    if of != sort or not _is_number(start) or not isinstance(backwards, bool) or not _is_place(place, sort):
        raise DeckError("cursor_invalid")
    return Cursor(tuple(place), start, backwards)


def of_this_order(text: str | None, sort: str) -> str | None:
    """The text if ``read`` takes it, else ``None``: where an address may carry a cursor of before another choice."""
    try:
        read(text or "", sort)
    except DeckError:
        return None
    return text


def _is_place(place: list[Any], sort: str) -> bool:
    """Whether it can be compared with the keys of that order."""
    kinds = "".join("n" if _is_number(part) else "t" if isinstance(part, str) else "?" for part in place)
    if place[0] == 1:
        return kinds == _LACKING
    return place[0] == 0 and kinds == _KINDS[sort.removeprefix("-")]


def _is_number(part: object) -> bool:
    return isinstance(part, int) and not isinstance(part, bool)


_SHORTEST: Final = 6
_LACKING: Final = "ntt"
_KINDS: Final = {
    "risk": "nntt", "name": "ntt", "note": "nttt", "plan": "nnttt", "priority": "nntt", "recent": "nnt",
    "created": "nnt", "reset": "nnt",
}  # fmt: skip

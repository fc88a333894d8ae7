"""Reading the address that a provider's page led back to. Pure; nothing of what was pasted ever appears in an error."""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from authdeck.errors import DeckError

LONGEST: Final = 8192


@dataclass(frozen=True, slots=True)
class CallBack:
    """``error`` is the provider's word where it refused; else there is a code."""

    code: str = field(repr=False)
    state: str = field(repr=False)
    error: str = ""


def read(pasted: str) -> CallBack:
    """A whole call-back URL, its query alone, or ``code#state`` as Claude's page shows it.

    Raises ``DeckError`` (422): ``call_back_too_long``, ``call_back_unreadable``, ``call_back_without_state``,
    ``call_back_without_code``.
    """
    text = pasted.strip()
    if len(text) > LONGEST:
        raise DeckError("call_back_too_long", status=422, limit=LONGEST)
    if not text or any(ord(character) < 33 for character in text):  # noqa: PLR2004 - spaces and control characters
        raise DeckError("call_back_unreadable", status=422)
    if "=" not in text and "://" not in text and text.count("#") == 1:
        code, state = text.split("#")
        return _whole(code, state, "")
    values = _values(text)
    code, _, behind = values.get("code", "").partition("#")
    return _whole(code, values.get("state") or behind, values.get("error", ""))


def _values(text: str) -> dict[str, str]:
    try:
        parts = urlsplit(text)
    except ValueError:
        raise DeckError("call_back_unreadable", status=422) from None
    query = parts.query or parts.fragment or (text if not parts.scheme and not parts.netloc else "")
    pairs = parse_qsl(query)
    values = dict(pairs)
    if len(values) != len(pairs):  # a name given twice: nobody could say which one counts
        raise DeckError("call_back_unreadable", status=422)
    if not values:
        raise DeckError("call_back_unreadable", status=422)
    return values


def _whole(code: str, state: str, error: str) -> CallBack:
    if not state:
        raise DeckError("call_back_without_state", status=422)
    if not code and not error:
        raise DeckError("call_back_without_code", status=422)
    return CallBack(code, state, error)

"""A person's change of an auth file: what was hidden stays, tokens keep their place, differences are named. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from authdeck import fields
from authdeck.errors import DeckError
from authdeck.formats.document import HIDDEN, patch, redacted

ROTATING: Final = frozenset(
    {"access_token", "refresh_token", "id_token", "session_token", "token", "expires_in", "timestamp"}
    | {*fields.EXPIRY_KEYS, *fields.REFRESH_KEYS}
)
"""Top-level keys that a refresh may replace: a sign-in's tokens, and the dates that belong to them."""

_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs. ``change`` is ``added``, ``removed``, ``changed``, or for a secret also ``same``.

    ``field`` is its path with dots; ``before`` and ``after`` are fit to be shown: of a secret only ``***``.
    """

    field: str
    change: str
    secret: bool
    before: Any = None
    after: Any = None


def unhidden(given: Any, stored: Any) -> Any:
    """``given`` with every part that is just what ``redacted(stored)`` shows there replaced by the stored part.

    Raises ``DeckError('hidden_value_unknown', field=…)`` where ``***`` stands for nothing that is stored.
    """
    return _unhidden(given, stored, redacted(stored), "")


def with_tokens_of(document: Mapping[str, Any], newest: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the rotating tokens of ``newest`` in place of its own."""
    kept = {
        key: newest[key] if key in ROTATING else value
        for key, value in document.items()
        if key not in ROTATING or key in newest
    }
    return kept | {key: value for key, value in newest.items() if key in ROTATING}


def rewritten(content: bytes, document: Mapping[str, Any]) -> bytes:
    """``content`` made to say ``document``; the bytes of members that do not change stay, as far as none is removed."""
    former = json.loads(content.decode("utf-8-sig"))
    if former.keys() - document.keys():
        return json.dumps(document, ensure_ascii=False, indent=2).encode()
    changes = {key: value for key, value in document.items() if key not in former or not _equal(value, former[key])}
    return patch(content, changes) if changes else content


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Top-level keys that were added, removed or changed."""
    keys = before.keys() | after.keys()
    return sorted(key for key in keys if not _equal(before.get(key, _ABSENT), after.get(key, _ABSENT)))


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Field by field, in the order of their paths. Secrets are told to be the same or not, and never shown."""
    old = dict(_leaves(before, redacted(before), ""))
    new = dict(_leaves(after, redacted(after), ""))
    found = (_difference(field, old.get(field), new.get(field)) for field in sorted({*old, *new}))
    return [one for one in found if one is not None]


def _unhidden(given: Any, stored: Any, shown: Any, field: str) -> Any:
    if isinstance(given, dict):
        known = stored if isinstance(stored, dict) else {}
        seen = shown if isinstance(shown, dict) else {}
        return {
            key: _unhidden(value, known.get(key), seen.get(key), f"{field}.{key}" if field else key)
            for key, value in given.items()
        }
    if isinstance(given, list):
        return _unhidden_list(given, stored, shown, field)
    if isinstance(given, str) and HIDDEN in given:
        if given == shown:
            return stored
        if given == HIDDEN or f"{HIDDEN}@" in given:
            raise DeckError("hidden_value_unknown", status=422, field=field[:200])
    return given


def _unhidden_list(given: list[Any], stored: Any, shown: Any, field: str) -> list[Any]:
    """By place; a list of another length keeps what can be told apart only where nothing in it is hidden."""
    same = isinstance(stored, list) and len(stored) == len(given)
    known, seen = (stored, shown) if same else ([None] * len(given), [None] * len(given))
    return [_unhidden(item, known[place], seen[place], f"{field}.{place}") for place, item in enumerate(given)]


def _leaves(value: Any, shown: Any, path: str) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """(path, (value, how it is shown)) of everything that is no object with members."""
    if isinstance(value, dict) and value and isinstance(shown, dict):
        for key, item in value.items():
            yield from _leaves(item, shown.get(key), f"{path}.{key}" if path else key)
    else:
        yield path, (value, shown)


def _difference(field: str, old: tuple[Any, Any] | None, new: tuple[Any, Any] | None) -> Difference | None:
    secret = any(side is not None and not _equal(*side) for side in (old, new))
    before, after = (side[1] if side is not None else None for side in (old, new))
    if old is None or new is None:
        return Difference(field, "added" if old is None else "removed", secret, before, after)
    if not _equal(old[0], new[0]):
        return Difference(field, "changed", secret, before, after)
    return Difference(field, "same", secret, before, after) if secret else None


def _equal(one: Any, other: Any) -> bool:
    """As JSON: ``1``, ``1.0`` and ``true`` are three things."""
    if one is _ABSENT or other is _ABSENT:
        return one is other
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)

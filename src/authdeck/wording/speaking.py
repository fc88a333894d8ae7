"""A code and its parameters become a sentence."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from authdeck.wording.catalogue import translate
from authdeck.wording.sentences import SENTENCES


def has_sentence(code: str) -> bool:
    return code in SENTENCES


def sentence(code: str, params: Mapping[str, Any] | None = None, locale: str = "en") -> str:
    """The sentence of ``code``, filled from ``params``. Never raises: an unknown code is shown as words of its own.

    Where a person left a note, ``<code>_noted`` is taken if it exists; where a ``problem`` is named,
    ``<code>:<problem>``. A parameter that is missing shows as ``…``.
    """
    params = params or {}
    if (particular := f"{code}:{params.get('problem')}") in SENTENCES:
        code = particular
    if params.get("note") and f"{code}_noted" in SENTENCES:
        code = f"{code}_noted"
    text = SENTENCES.get(code)
    if text is None:
        return code.replace("_", " ").capitalize() + "."
    shown = _Shown({name: _shown(value, locale) for name, value in params.items()})
    return translate(text, locale).format_map(shown)


class _Shown(dict[str, str]):
    def __missing__(self, _name: str) -> str:
        return "…"


def _shown(value: Any, locale: str) -> str:
    """Lists with the language's comma, moments in UTC, codes of ours (``provider.codex``) stay names."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    if isinstance(value, list | tuple | set | frozenset):
        return ("、" if locale.startswith("zh") else ", ").join(_shown(item, locale) for item in value)
    return str(getattr(value, "value", value))

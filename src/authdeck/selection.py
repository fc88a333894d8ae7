"""Which accounts an act means when it is asked for by a search. Pure.

A page whose filter says nothing shows everything, and no harm is done. An act over such a search would hit everything,
because a variable was empty or a word that orders a list was taken for a filter: so all are meant only on purpose.
"""

from collections.abc import Mapping
from typing import Any, Final

from authdeck.errors import DeckError
from authdeck.search import SPELLINGS, AccountSearch, from_query

NOT_FILTERS: Final = ("sort", "page_size", "cursor")
"""Words of a list's address that choose nobody."""


def chosen(given: Mapping[str, Any]) -> AccountSearch:
    """The search for the accounts of an act. ``{"search": ""}`` is every account; filters beside it narrow that.

    Raises ``selection_unclear`` where nothing given keeps any account out, ``selection_filter_empty``,
    ``selection_no_filter`` and what ``search.from_query`` raises.
    """
    refuse_empty(given)
    if listing := sorted(given.keys() & set(NOT_FILTERS)):
        raise DeckError("selection_no_filter", status=422, field=listing[0])
    found = from_query(given)
    if found == AccountSearch() and not any(_is_everybody(*each) for each in given.items()):
        raise DeckError("selection_unclear", status=422)
    return found


def refuse_empty(given: Mapping[str, Any]) -> None:
    """Raises ``selection_filter_empty`` where a value, or one of several, is none. ``{"search": ""}`` says so."""
    for name, value in given.items():
        if _is_empty(name, value) and not _is_everybody(name, value):
            raise DeckError("selection_filter_empty", status=422, field=name)


def _is_everybody(name: str, value: Any) -> bool:
    return value == "" and SPELLINGS.get(name, name) == "search"


def _is_empty(name: str, value: Any) -> bool:
    if isinstance(value, str):
        return not (value.replace(",", " ") if name == "state" else value).strip()
    if isinstance(value, list | tuple):
        return not value or any(_is_empty(name, each) for each in value)
    return value is None

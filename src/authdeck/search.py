"""What to look for among the accounts: one ``AccountSearch`` for API, command line, batches, pages and saved views.

``from_query`` and ``to_query`` turn it from and into the words of an address: the URL is the state. Pure.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from authdeck.account import Kind, Provider
from authdeck.errors import DeckError
from authdeck.health import Health

SORTS: Final = ("risk", "name", "note", "plan", "priority", "recent", "created", "reset")
PAGE_SIZES: Final = range(1, 201)
UNKNOWN_PLAN: Final = "unknown"
LONGEST_TEXT: Final = 200
LONGEST_CURSOR: Final = 4_000
_LONGEST_VALUE: Final = 512


class CodexStatus(StrEnum):
    """What a Codex account waits for. Accounts of other providers have none of these; an account may have several."""

    REAUTH = "reauth"
    QUOTA_LIMITED = "quota_limited"
    FIVE_HOUR_LIMITED = "five_hour_limited"
    WEEKLY_LIMITED = "weekly_limited"
    MONTHLY_LIMITED = "monthly_limited"
    DISABLED_WITH_RESET = "disabled_with_reset"


@dataclass(frozen=True, slots=True)
class AccountSearch:
    """What to look for. All filters given have to apply; an empty one asks nothing.

    ``text`` is a case-insensitive substring of anything the account is known by, its state included; with ``*`` it is a
    pattern over the same. ``state`` are healths, any of which will do. ``problem``, ``healthy`` and ``disabled`` keep
    only those accounts; ``authdeck.problem`` says which they are. ``plan`` is a plan as ``plan_name`` writes it.
    ``sort`` is one of ``SORTS`` with ``-`` before it for descending; accounts that lack what is sorted by come last in
    both directions. ``cursor`` is what a former page returned as ``next`` or ``previous``.
    """

    text: str = ""
    provider: Provider | None = None
    kind: Kind | None = None
    state: frozenset[Health] = frozenset()
    problem: bool = False
    healthy: bool = False
    disabled: bool = False
    codex_status: CodexStatus | None = None
    plan: str | None = None
    prefix: str | None = None
    project: str | None = None
    locked: bool | None = None
    sort: str = "risk"
    page_size: int = 50
    cursor: str | None = None


@lru_cache(maxsize=1024)
def plan_name(plan: str | None) -> str:
    """One spelling for each plan: lower-case, words joined by ``_``; ``unknown`` where none is known."""
    words = _folded(plan or "").removeprefix("chatgpt_")
    return _PLANS.get(words, words) or UNKNOWN_PLAN


def from_query(query: Mapping[str, Any], *, lenient: bool = False) -> AccountSearch:
    """The search that words such as ``{"search": "ann", "state": ["cooling", "low"], "problem": "1"}`` ask for.

    Values are texts, lists of them, or what JSON makes of them. Empty ones and ``all`` ask nothing. ``q`` stands for
    ``search``. With ``lenient``, what is asked wrongly is left out: a page has no use for a refusal. Otherwise raises
    ``DeckError('filter_unknown')``, ``DeckError('filter_invalid')`` and ``DeckError('sort_unknown')``.
    """
    found: dict[str, Any] = {}
    for name, value in query.items():
        try:
            found |= _read(SPELLINGS.get(name, name), value)
        except DeckError:
            if not lenient:
                raise
    if lenient and found.get("healthy"):
        found |= {"problem": False, "disabled": False}  # of a form with all three ticked, the one that excludes wins
    return AccountSearch(**found)


def to_query(search: AccountSearch) -> dict[str, str]:
    """The words that ``from_query`` reads this search from. What asks nothing is left out."""
    said = {
        _WORDS.get(each.name, each.name): getattr(search, each.name)
        for each in fields(search)
        if getattr(search, each.name) != each.default
    }
    return {name: _written(value) for name, value in said.items()}


def _read(name: str, value: Any) -> dict[str, Any]:
    if name not in _READERS:
        raise DeckError("filter_unknown", status=422, field=name, known=sorted(_READERS))
    if name == "state":
        return _state(value)
    if isinstance(value, list | tuple):
        value = value[-1] if value else None
    if value is None or value == "" or (value == "all" and name in _CHOSEN):
        return {}
    return {_FIELDS.get(name, name): _READERS[name](name, value)}


def _state(value: Any) -> dict[str, Any]:
    """Healths, given one by one or with commas between. ``problem`` and ``healthy`` among them are what they are."""
    given = value if isinstance(value, list | tuple | set | frozenset) else [value]
    words = {_folded(word) for each in given if each is not None for word in str(each).split(",")} - {"", "all"}
    flags: dict[str, Any] = {word: True for word in ("problem", "healthy") if word in words}
    known = {health.value: health for health in Health}
    if unknown := words - known.keys() - flags.keys():
        raise _invalid("state", min(unknown), [*known, "problem", "healthy"])
    healths = frozenset(known[word] for word in words if word in known)
    return {**flags, **({"state": healths} if healths else {})}


def _text(name: str, value: Any) -> str:
    """One line: fields of an account stand on lines of their own."""
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise _invalid(name, value, [f"1–{LONGEST_TEXT} characters"])
    return " ".join(value.splitlines()).strip()


def _exact(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_VALUE:
        raise _invalid(name, value, [f"1–{_LONGEST_VALUE} characters"])
    return value


def _cursor(_name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.isascii() or len(value) > LONGEST_CURSOR:
        raise DeckError("cursor_invalid")
    return value


def _plan(name: str, value: Any) -> str:
    return plan_name(_exact(name, value))


def _flag(name: str, value: Any) -> bool:
    word = str(value).strip().lower()
    if word not in _YES | _NO:
        raise _invalid(name, value, ["true", "false"])
    return word in _YES


def _one_of(kind: type[StrEnum], spellings: Mapping[str, StrEnum] | None = None) -> Callable[[str, Any], StrEnum]:
    known = {member.value: member for member in kind}

    def read(name: str, value: Any) -> StrEnum:
        word = _folded(str(value))
        found = known.get(word) or (spellings or {}).get(word)
        if found is None:
            raise _invalid(name, value, list(known))
        return found

    return read


def _sort(_name: str, value: Any) -> str:
    if str(value).removeprefix("-") not in SORTS:
        raise DeckError("sort_unknown", sort=str(value)[:_LONGEST_VALUE], known=list(SORTS))
    return str(value)


def _page_size(name: str, value: Any) -> int:
    text = str(value).strip()
    size = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0  # noqa: PLR2004 - no huge number
    if size not in PAGE_SIZES:
        raise _invalid(name, value, [f"{PAGE_SIZES[0]}–{PAGE_SIZES[-1]}"])
    return size


def _invalid(field: str, value: Any, known: Iterable[str]) -> DeckError:
    return DeckError("filter_invalid", status=422, field=field, value=str(value)[:LONGEST_TEXT], known=list(known))


def _folded(word: str) -> str:
    return "_".join(word.replace("-", " ").replace("_", " ").split()).casefold()


def _written(value: Any) -> str:
    if isinstance(value, frozenset):
        return ",".join(sorted(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


_YES: Final = frozenset({"1", "true", "yes", "on"})
_NO: Final = frozenset({"0", "false", "no", "off"})
SPELLINGS: Final = {"q": "search", "text": "search"}
_FIELDS: Final = {"search": "text"}
_CHOSEN: Final = frozenset({"provider", "kind", "codex_status", "plan", "locked"})
"""Filters with a short list of values; ``all`` could be nobody's own word there."""
_WORDS: Final = {"text": "search"}
_PLANS: Final = {"pro_lite": "prolite", "none": ""}
_CODEX_SPELLINGS: Final = {
    "needs_reauth": CodexStatus.REAUTH,
    "http_401": CodexStatus.REAUTH,
    "exhausted": CodexStatus.QUOTA_LIMITED,
    "quota_full": CodexStatus.QUOTA_LIMITED,
    "5_hour_full": CodexStatus.FIVE_HOUR_LIMITED,
    "5_hour_limited": CodexStatus.FIVE_HOUR_LIMITED,
    "5h_full": CodexStatus.FIVE_HOUR_LIMITED,
    "5h_limited": CodexStatus.FIVE_HOUR_LIMITED,
    "five_hour_full": CodexStatus.FIVE_HOUR_LIMITED,
    "7_day_full": CodexStatus.WEEKLY_LIMITED,
    "7_day_limited": CodexStatus.WEEKLY_LIMITED,
    "7d_full": CodexStatus.WEEKLY_LIMITED,
    "7d_limited": CodexStatus.WEEKLY_LIMITED,
    "weekly_full": CodexStatus.WEEKLY_LIMITED,
    "30_day_full": CodexStatus.MONTHLY_LIMITED,
    "monthly_full": CodexStatus.MONTHLY_LIMITED,
    "disabled_waiting_recovery": CodexStatus.DISABLED_WITH_RESET,
    "waiting_recovery": CodexStatus.DISABLED_WITH_RESET,
}
_READERS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "search": _text,
    "provider": _one_of(Provider),
    "kind": _one_of(Kind),
    "state": _exact,  # read by ``_state``, which may find flags in it
    "problem": _flag,
    "healthy": _flag,
    "disabled": _flag,
    "codex_status": _one_of(CodexStatus, _CODEX_SPELLINGS),
    "plan": _plan,
    "prefix": _exact,
    "project": _exact,
    "locked": _flag,
    "sort": _sort,
    "page_size": _page_size,
    "cursor": _cursor,
}
FILTERS: Final = tuple(_READERS)
"""The words of an address that ``from_query`` reads."""

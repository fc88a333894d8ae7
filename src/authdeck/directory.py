"""The list's read model, in memory: answers which accounts match, how many there are, and counts by facet. Pure.

One ``Entry`` an account, kept current by the change feed. Lists, batches and totals all ask here; storage is asked for
nothing that a list shows.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, Final

from authdeck import health
from authdeck.account import Account, Provider
from authdeck.errors import DeckError
from authdeck.health import Health
from authdeck.hold import Hold, Reason

SORTS: Final = ("risk", "name", "note", "plan", "priority", "recent", "created")
PROBLEMS: Final = frozenset(
    {Health.UNREADABLE, Health.NEEDS_REAUTH, Health.NEEDS_REVIEW, Health.EXHAUSTED, Health.COOLING}
)
"""A problem is a current reason that needs a person, or that blocks serving though the operator wants it served."""

_EPOCH: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Entry:
    """An account with its open holds."""

    account: Account
    holds: tuple[Hold, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountSearch:
    """What to look for. ``text`` is a case-insensitive substring; with ``*`` it is a pattern over the same fields.

    ``state`` are healths, ``problem`` keeps problems only, ``sort`` is one of ``SORTS`` with ``-`` before it for
    descending (``risk`` has the worst first). ``cursor`` is what a former page returned as ``next``.
    """

    text: str = ""
    provider: Provider | None = None
    state: frozenset[Health] = frozenset()
    problem: bool = False
    plan: str | None = None
    prefix: str | None = None
    sort: str = "risk"
    page_size: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A page of entries, the exact total, and counts: ``provider`` and ``state`` each ignore their own filter."""

    items: Sequence[Entry]
    total: int
    next: str | None
    previous: str | None
    start: int
    facets: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


class Directory:
    """All live accounts of this process's view. Not thread-safe: used on the event loop only."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._texts: dict[str, str] = {}
        self._terms: frozenset[Provider] = frozenset()

    def apply(self, entry: Entry) -> None:
        """Take in an account as it is now."""
        self._entries[entry.account.auth_index] = entry
        self._texts[entry.account.auth_index] = _searched(entry.account)

    def remove(self, auth_index: str) -> None:
        self._entries.pop(auth_index, None)
        self._texts.pop(auth_index, None)

    def acknowledge(self, providers: Iterable[Provider]) -> None:
        """The providers whose terms are acknowledged now."""
        self._terms = frozenset(providers)

    def get(self, auth_index: str) -> Entry | None:
        return self._entries.get(auth_index)

    def named(self, name: str) -> list[Entry]:
        """Entries that the file name or an alias means, the file name first."""
        wanted = name.casefold()
        by_file = [entry for entry in self._entries.values() if entry.account.file_name.casefold() == wanted]
        return by_file or [entry for entry in self._entries.values() if name in entry.account.aliases]

    def entries(self) -> Iterable[Entry]:
        return self._entries.values()

    def health(self, entry: Entry, now: datetime) -> Health:
        return health.of(entry.account, entry.holds, now)

    def reasons(self, entry: Entry, now: datetime) -> list[Reason]:
        return health.reasons(
            entry.account, entry.holds, now, terms_acknowledged=entry.account.provider in self._terms
        )

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, search: AccountSearch, now: datetime) -> Found:
        """The page asked for. Raises ``DeckError('sort_unknown')`` and ``DeckError('cursor_invalid')``."""
        matched = self._matching(search)
        states = {index: health.of(entry.account, entry.holds, now) for index, entry in matched.items()}
        facets = _facets(matched, states, search)
        kept = [
            (entry, states[index])
            for index, entry in matched.items()
            if (search.provider is None or entry.account.provider is search.provider)
            and (not search.state or states[index] in search.state)
            and (not search.problem or states[index] in PROBLEMS)
        ]
        kept.sort(key=_order(search.sort), reverse=search.sort.startswith("-"))
        start = _start(search.cursor)
        end = start + search.page_size
        return Found(
            items=[entry for entry, _ in kept[start:end]],
            total=len(kept),
            next=str(end) if end < len(kept) else None,
            previous=str(max(0, start - search.page_size)) if start else None,
            start=start,
            facets=facets,
        )

    def _matching(self, search: AccountSearch) -> dict[str, Entry]:
        """By text, plan and prefix: the filters that no facet counts."""
        entries: Mapping[str, Entry] = self._entries
        if words := search.text.casefold().strip():
            fits = _pattern(words)
            entries = {index: entries[index] for index, text in self._texts.items() if fits(text)}
        return {
            index: entry
            for index, entry in entries.items()
            if (search.plan is None or (entry.account.plan or "unknown") == search.plan)
            and (search.prefix is None or entry.account.settings.prefix == search.prefix)
        }


def _pattern(words: str) -> Any:
    if "*" not in words:
        return lambda text: words in text
    pattern = "*" + words.replace("[", "[[]").replace("?", "[?]") + "*"
    return lambda text: any(fnmatchcase(line, pattern) for line in text.split("\n"))


def _searched(account: Account) -> str:
    """Every text a person may know the account by, folded, one a line."""
    settings = account.settings
    parts = (
        account.file_name, account.provider.value, account.email, settings.note, account.auth_index, *account.aliases,
        account.organization, account.subject, account.plan, settings.project_id, settings.prefix, account.label,
    )  # fmt: skip
    return "\n".join(part for part in parts if part).casefold()


def _facets(
    matched: Mapping[str, Entry], states: Mapping[str, Health], search: AccountSearch
) -> dict[str, dict[str, int]]:
    provider: Counter[str] = Counter()
    state: Counter[str] = Counter()
    plan: Counter[str] = Counter()
    for index, entry in matched.items():
        named = entry.account.provider
        if (not search.state or states[index] in search.state) and (not search.problem or states[index] in PROBLEMS):
            provider[named.value] += 1
        if search.provider is None or named is search.provider:
            state[states[index].value] += 1
            plan[entry.account.plan or "unknown"] += 1
    return {"provider": dict(provider), "state": dict(state), "plan": dict(plan)}


def _order(sort: str) -> Any:
    orders = {
        "risk": lambda pair: (health.RISK[pair[1]], pair[0].account.file_name.casefold()),
        "name": lambda pair: pair[0].account.file_name.casefold(),
        "note": lambda pair: (not pair[0].account.settings.note, pair[0].account.settings.note.casefold()),
        "plan": lambda pair: pair[0].account.plan or "",
        "priority": lambda pair: pair[0].account.settings.priority,
        "recent": lambda pair: pair[0].account.last_request_at or _EPOCH,
        "created": lambda pair: pair[0].account.created_at or _EPOCH,
    }
    try:
        return orders[sort.removeprefix("-")]
    except KeyError:
        raise DeckError("sort_unknown", sort=sort, known=list(SORTS)) from None


def _start(cursor: str | None) -> int:
    if not cursor:
        return 0
    if not cursor.isdigit() or len(cursor) > 9:  # noqa: PLR2004 - far above any number of accounts
        raise DeckError("cursor_invalid")
    return int(cursor)

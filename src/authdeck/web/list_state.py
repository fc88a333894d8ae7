"""What the list's address asks for, and addresses of lists like it: the URL is the state. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import QueryParams

from authdeck import cursor
from authdeck.search import AccountSearch, from_query, to_query
from authdeck.web.addresses import address

PATH: Final = "/auth-files"
PAGE_SIZES: Final = (10, 50, 100, 200)
"""The choices; an address may name any from the smallest to the largest."""

USUAL_SIZE: Final = AccountSearch().page_size
MODES: Final = ("table", "compact", "cards")


@dataclass(frozen=True, slots=True)
class ListState:
    """The search, and how its rows are drawn."""

    search: AccountSearch = field(default_factory=AccountSearch)
    mode: str = MODES[0]

    @staticmethod
    def of(params: QueryParams) -> "ListState":
        """What is asked wrongly is left out: a page has no use for a refusal."""
        said = {name: params.getlist(name) for name in params}
        mode = params.get("mode", "")
        search = from_query(said, lenient=True)
        size = search.page_size if PAGE_SIZES[0] <= search.page_size <= PAGE_SIZES[-1] else USUAL_SIZE
        place = cursor.of_this_order(search.cursor, search.sort)
        return ListState(replace(search, page_size=size, cursor=place), mode if mode in MODES else MODES[0])

    @staticmethod
    def at(link: str) -> "ListState":
        """Of an address of the list."""
        return ListState.of(QueryParams(parse_qsl(urlsplit(link).query)))

    @property
    def words(self) -> dict[str, str]:
        """The address's words, its place among the pages left out."""
        mode = {} if self.mode == MODES[0] else {"mode": self.mode}
        return {**to_query(replace(self.search, cursor=None)), **mode}

    @property
    def filters(self) -> dict[str, str]:
        """Of the words those that say which accounts."""
        return _filters(self.words)

    def link(self, **to: object) -> str:
        """This list's address with something changed; paging starts anew unless the change is about that."""
        return address(PATH, {**self.words, **to})

    def is_like(self, other: "ListState") -> bool:
        """Whether both show the same accounts, however they are sorted, paged and drawn."""
        return self.filters == other.filters


def _filters(words: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in words.items() if name not in ("sort", "page_size", "mode")}

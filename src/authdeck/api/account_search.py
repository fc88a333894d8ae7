"""The filters, orders and pages of account lists as the API takes them: in an address, or in a body's ``search``."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from authdeck import wording
from authdeck.account import Kind, Provider
from authdeck.health import Health
from authdeck.search import LONGEST_TEXT, PAGE_SIZES, SORTS, AccountSearch, CodexStatus, from_query


def _words(kind: Iterable[StrEnum] | Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in kind)


PROBLEM = wording.sentence("problem.definition", {}, "en")

_MEANINGS = {
    "search": "Part of anything the account is known by: file name, provider, e-mail, note, `auth_index`, aliases, "
    "account id, plan, project, label, state, reason codes. Upper and lower case are one; `*` stands for any text.",
    "provider": f"One of {_words(Provider)}.",
    "kind": f"One of {_words(Kind)}.",
    "state": f"Healths, any of which will do: {_words(Health)}. Several with commas, or given several times.",
    "problem": f"Problems only. {PROBLEM}",
    "healthy": "Only those known to work: proven, not disabled and no problem. Leaves out the unknown.",
    "disabled": "Only those that a person or an inspection switched off. Combines with `problem`.",
    "codex_status": f"One of {_words(CodexStatus)}; accounts of other providers never match.",
    "plan": "Such as `free`, `plus`, `team`, `prolite`, `pro`; `unknown` where none is known.",
    "prefix": "The routing name, exactly.",
    "project": "The project id, exactly.",
    "locked": "`true`: only those that automation leaves alone; `false`: only the others.",
    "sort": f"One of {_words(SORTS)}, with `-` before it to turn it round. What is missing comes last either way.",
    "page_size": f"{PAGE_SIZES[0]} to {PAGE_SIZES[-1]}.",
    "cursor": "What a former page gave as `next`.",
}


def _field(name: str) -> Any:
    return Field(None, description=_MEANINGS[name])


class Filters(BaseModel):
    """Which accounts are meant. All that is given has to apply; ``all`` asks nothing, nor do a list's empty values."""

    model_config = ConfigDict(extra="forbid")

    search: str | None = Field(None, max_length=LONGEST_TEXT, description=_MEANINGS["search"])
    provider: str | None = _field("provider")
    kind: str | None = _field("kind")
    state: list[str] | None = _field("state")
    problem: bool | None = _field("problem")
    healthy: bool | None = _field("healthy")
    disabled: bool | None = _field("disabled")
    codex_status: str | None = _field("codex_status")
    plan: str | None = _field("plan")
    prefix: str | None = _field("prefix")
    project: str | None = _field("project")
    locked: bool | None = _field("locked")

    def asked(self, **more: Any) -> AccountSearch:
        """Raises as ``search.from_query`` does."""
        return from_query({**self.model_dump(exclude_none=True), **more})


class AccountQuery(Filters):
    """The filters with an order and a page. What an address holds besides is let be, as everywhere in the API."""

    model_config = ConfigDict(extra="ignore")

    sort: str | None = _field("sort")
    page_size: int | None = Field(None, ge=PAGE_SIZES[0], le=PAGE_SIZES[-1], description=_MEANINGS["page_size"])
    cursor: str | None = _field("cursor")


def _search(query: Annotated[AccountQuery, Query()]) -> AccountSearch:
    return query.asked()


SearchHere = Annotated[AccountSearch, Depends(_search)]

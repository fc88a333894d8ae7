"""The filters that every route below ``/requests`` takes, as a search."""

from typing import Annotated, Literal

from fastapi import Depends, Query
from pydantic import AwareDatetime

from authdeck.api.parts import DeskHere
from authdeck.errors import DeckError
from authdeck.operations.desk import Desk
from authdeck.operations.entries import by_name
from authdeck.storage.reading.request_search import RequestSearch


def _search(
    desk: DeskHere,
    account: Annotated[str | None, Query(description="An auth_index, a file name or an alias.")] = None,
    auth_index: str | None = None,
    provider: str | None = None,
    model: str | None = None,
    client_key: Annotated[str | None, Query(description="The key's name.")] = None,
    project: str | None = None,
    prefix: str | None = None,
    status: Annotated[str | None, Query(pattern="^(ok|failed|[1-5][0-9][0-9])$")] = None,
    failure: Annotated[str | None, Query(description="A kind such as quota, or kind:code.")] = None,
    slower_than: Annotated[float | None, Query(ge=0, le=1e9, description="Milliseconds of the whole answer.")] = None,
    cache: Annotated[Literal["hit", "none"] | None, Query(description="Whether any input came from a cache.")] = None,
    trace: Annotated[str | None, Query(max_length=64)] = None,
    search: Annotated[str | None, Query(max_length=200, description="Part of a name, or a whole id.")] = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
) -> RequestSearch:
    return RequestSearch(
        status=int(status) if status and status.isdecimal() else status,  # type: ignore[arg-type]  # the pattern says so
        auth_index=auth_index or (_auth_index(desk, account) if account else None),
        model=model, client_key=client_key, provider=provider, failure=failure, project=project, prefix=prefix,
        slower_than=slower_than, cache=cache, trace=trace, since=since, until=until, text=search,
    )  # fmt: skip


SearchHere = Annotated[RequestSearch, Depends(_search)]


def _auth_index(desk: Desk, name: str) -> str:
    """A deleted account's requests are still found by its auth_index."""
    try:
        return by_name(desk, name).account.auth_index
    except DeckError as error:
        if error.code != "account_not_found":
            raise
        return name

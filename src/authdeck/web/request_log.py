"""The request log beside the accounts: a page is worth showing when it does not answer, and then says what to do."""

from collections.abc import Awaitable
from typing import TypeVar

from authdeck import wording
from authdeck.errors import DeckError

T = TypeVar("T")


async def unless_it_fails(asked: Awaitable[T]) -> T | DeckError:
    """What the log answers, or why it can't: a ``storage_…`` error. Any other error is raised."""
    try:
        return await asked
    except DeckError as error:
        if not error.code.startswith("storage_"):
            raise
        return error


def trouble(error: DeckError, locale: str) -> str:
    """The error in a sentence that fits the log. It is no database to restore: a damaged file of it is begun anew."""
    own = f"request_log.{error.code}"
    return wording.sentence(own if wording.has_sentence(own) else error.code, error.params, locale)

"""What an error of ours is called in monitoring and how it is told to a client."""

from typing import Final

from authdeck import wording
from authdeck.errors import DeckError
from authdeck.event import FailureKind
from authdeck.upstream.failures import UpstreamFailure

_KINDS: Final = {
    "terms_not_acknowledged": FailureKind.TERMS,
    "no_account_available": FailureKind.NO_ACCOUNT,
}


def kind(error: DeckError) -> FailureKind:
    if isinstance(error, UpstreamFailure):
        return error.kind
    if error.code == "no_account_available" and error.status == 429:  # noqa: PLR2004 - too many requests
        return FailureKind.QUOTA
    fallback = FailureKind.INTERNAL if error.status >= 500 else FailureKind.REQUEST  # noqa: PLR2004 - server errors
    return _KINDS.get(error.code, fallback)


def sentence(error: DeckError) -> str:
    """``code:request`` words it for who sent a request, where that reads otherwise."""
    particular = f"{error.code}:request"
    return wording.sentence(particular if wording.has_sentence(particular) else error.code, error.params)

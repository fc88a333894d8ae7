"""One HTTP exchange with a provider, as data. Providers build and read these; ``upstream`` sends them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from authdeck.routing import Route
from authdeck.secret import Secret


@dataclass(frozen=True, slots=True)
class Passed:
    """What a client sent, ready to be passed on.

    ``headers`` are lower-case names with the hop-by-hop ones, the client's credential, cookies and forwarding headers
    already taken out. ``tail`` is the part of the path below the route (``/responses`` for the codex routes), ``query``
    the raw query string without the client key. ``body`` is what will be sent, model name rewritten where needed.
    """

    method: str
    route: Route
    tail: str
    query: str
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request to send. Header values hold the credential: no ``repr`` shows them. ``timeout`` is seconds in all."""

    method: str
    url: str
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    timeout: float = 30.0
    proxy_url: Secret | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. ``headers`` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class RefreshOutcome(StrEnum):
    """``refused`` is for good, ``failed`` may be tried again later, ``unknown`` may have rotated the token."""

    OK = "ok"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A token endpoint's answer as read. ``changes`` patch the document: keys of the auth file and their new values."""

    outcome: RefreshOutcome
    code: str = ""
    changes: Mapping[str, object] = field(default_factory=dict, repr=False)
    retry_after: timedelta | None = None

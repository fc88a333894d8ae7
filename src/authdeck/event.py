"""A request event: one row for each client request, with its attempts."""

from dataclasses import dataclass, field
from enum import StrEnum


class FailureKind(StrEnum):
    """The closed list of what can go wrong with a request. Failures become one of these before they go anywhere."""

    REQUEST = "request"  # the client's own fault: bad body, unknown model, content
    AUTH = "auth"  # the credential was not accepted
    QUOTA = "quota"  # a limit was reached
    TERMS = "terms"  # provider terms not acknowledged
    NO_ACCOUNT = "no_account"  # nothing could serve it
    UPSTREAM = "upstream"  # 5xx or a broken answer
    NETWORK = "network"  # no connection, reset, name or TLS failure
    TIMEOUT = "timeout"
    CLIENT_CLOSED = "client_closed"
    INTERNAL = "internal"


@dataclass(slots=True)
class Tokens:
    """Counts as the provider reported them; ``None`` is unknown, never zero.

    ``input`` counts all input, cached input included; ``cached`` is the part read from a cache.
    """

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    reasoning: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """What failed, sanitised: ``summary`` holds no secret and at most 500 characters."""

    kind: FailureKind
    code: str
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try on one account. ``status`` is the upstream's, ``None`` when none arrived. ``ms`` is its duration."""

    auth_index: str
    status: int | None
    kind: str | None
    ms: float


@dataclass(slots=True)
class RequestEvent:
    """One client request. Times are unix milliseconds (UTC) and milliseconds.

    ``id`` is the 16 bytes sent as ``x-authdeck-request-id`` in hex. ``ttfb_ms`` runs to the answer's first byte.
    ``provider`` and ``auth_index`` name the account that served it, or the last one tried; ``None`` when none was.
    ``trace`` is the trace id that the client sent, else the provider's id of a request that failed, if known.
    """

    id: bytes
    at_ms: int
    endpoint: str
    model: str | None = None
    provider: str | None = None
    auth_index: str | None = None
    file_name: str | None = None
    client_key: str | None = None
    prefix: str | None = None
    project: str | None = None
    status: int = 0
    latency_ms: float = 0.0
    ttfb_ms: float | None = None
    streamed: bool = False
    tokens: Tokens = field(default_factory=Tokens)
    failure: Failure | None = None
    attempts: list[Attempt] = field(default_factory=list)
    trace: str | None = None

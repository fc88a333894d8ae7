"""What a client asks for, as it will be passed on, and what an attempt that failed leaves behind."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from authdeck.errors import DeckError
from authdeck.event import RequestEvent
from authdeck.gateway.headers import Raw
from authdeck.operations.client_keys import Scope
from authdeck.protocols.routes import Recognised
from authdeck.routing import Route
from authdeck.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request as it will be passed on. ``body`` are the client's bytes, ``opened`` the same without compression.

    ``only`` is the one account that may serve it, where a person sent it to see how that one does.
    """

    call: Recognised
    method: str
    query: str
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)
    opened: bytes = field(repr=False)
    asked: str | None
    model: str | None
    prefix: str | None
    providers: frozenset[str] | None
    session: str | None
    only: str | None = None

    @property
    def route(self) -> Route:
        assert self.call.route is not None
        return self.call.route


class Underway(Protocol):
    """What is going on for a client and grows an event: a request, or a turn on a websocket.

    ``waited`` are the seconds it spent waiting for new tokens.
    """

    is_recorded: bool
    waited: float

    @property
    def id(self) -> str: ...

    @property
    def event(self) -> RequestEvent: ...

    def elapsed_ms(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt that gave nothing to pass on: the provider's failed answer, or an error of ours.

    ``stops``: a rule of the account says that no other one is tried. ``generation``, ``is_final`` and ``renewed_at``
    as in ``operations.observe``.
    """

    verdict: Verdict
    status: int | None = None
    headers: Raw = ()
    body: bytes = field(default=b"", repr=False)
    error: DeckError | None = None
    stops: bool = False
    generation: int | None = None
    is_final: bool = True
    renewed_at: datetime | None = None


def check(scope: Scope, prefix: str | None, model: str | None) -> None:
    """Raises ``DeckError('client_key_not_allowed')`` where the key is limited to other models or prefixes."""
    if not scope.allows_prefix(prefix):
        raise DeckError("client_key_not_allowed", status=403, what="prefix")
    if scope.models is not None and not (model is not None and scope.allows_model(model)):
        raise DeckError("client_key_not_allowed", status=403, what="model")

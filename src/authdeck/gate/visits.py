"""What the gate knows of one request while it passes: kept in the ASGI scope, seen by pages through functions."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import HTTPConnection
from starlette.types import Scope

from authdeck.access import Actor
from authdeck.errors import DeckError
from authdeck.operations.login_beginning import Beginner
from authdeck.operations.sign_in import Session

if TYPE_CHECKING:
    from authdeck.gate.authenticate import Gate

KEY: Final = "authdeck.visit"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. ``session`` is set where a cookie said so: then, and only then, CSRF rules apply."""

    actor: Actor
    session: Session | None = None


@dataclass(slots=True)
class Visit:
    """One request's passage. ``admitted`` turns true when a declared route let it in, or an error was answered."""

    gate: "Gate"
    caller: Caller | None = None
    admitted: bool = False
    private: bool = False
    new_cookies: list[str] = field(default_factory=list)


def visit_of(seen: HTTPConnection | Scope) -> Visit:
    """Raises ``RuntimeError`` for a request that did not come through ``gate.routes.guard``."""
    scope: Any = seen.scope if isinstance(seen, HTTPConnection) else seen
    visit = scope.get(KEY)
    if not isinstance(visit, Visit):
        raise RuntimeError("this app is served without its gate: wrap it with gate.routes.guard")  # noqa: TRY004
    return visit


def actor_of(seen: HTTPConnection | Scope) -> Actor:
    """Who asks. On a route that needs a role there always is someone; on a public one 401 where there is not."""
    caller = visit_of(seen).caller
    if caller is None:
        raise DeckError("sign_in_needed", status=401)
    return caller.actor


def beginner_of(seen: HTTPConnection | Scope) -> Beginner:
    """Who begins a login, and the session that it then belongs to. Raises as ``actor_of``."""
    actor, caller = actor_of(seen), visit_of(seen).caller
    session = caller.session if caller is not None else None
    return Beginner(actor, session.csrf if session is not None else None)

"""``/logins``: signing in at a provider, for a new account or for one that needs it again.

A login belongs to the session or key that began it; everybody else gets 404.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response, StreamingResponse

from authdeck import wording
from authdeck.access import Role
from authdeck.api.limits import Limited
from authdeck.api.parts import PartsHere
from authdeck.api.shapes import Listing, Shape, Time
from authdeck.gate.events import streamed
from authdeck.gate.locale import locale_of
from authdeck.gate.routes import needs
from authdeck.gate.visits import beginner_of
from authdeck.operations.entries import by_name
from authdeck.operations.login_now import LoginNow
from authdeck.providers.signing_in import Way

router = APIRouter(prefix="/logins", tags=["logins"], route_class=Limited)


class LoginStart(BaseModel):
    """``way``: browser or device, where the provider has both; the usual one by default."""

    model_config = ConfigDict(extra="forbid")

    provider: Annotated[str, Field(max_length=48)]
    auth_index: Annotated[str | None, Field(max_length=200)] = None
    way: Way | None = None


class CallBackGiven(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: str


class ChoiceGiven(BaseModel):
    model_config = ConfigDict(extra="forbid")

    choice: Annotated[str, Field(max_length=64)]


class LoginError(Shape):
    code: str
    message: str


class LoginShape(Shape):
    """``status``: pending, choosing, done, failed, cancelled or expired.

    ``exchanging``: pending, and its code is being exchanged: there is nothing left to do but wait. While pending
    otherwise: ``url`` to open in a browser, or ``user_code`` to enter at ``verification_url``. ``listening``: the
    browser's way back ends here by itself; else its address is posted to ``callback``. While choosing: ``reason`` and
    ``choices``. Done: ``outcome`` (new, updated, unchanged) and ``auth_index``;
    ``near`` are other accounts with the same e-mail, left as they are; ``check`` is the request that
    was sent from its page to see whether it serves. ``expected`` is the account it is for.
    """

    id: str
    provider: str
    way: str
    status: str
    exchanging: bool
    expires_at: Time
    expected: str | None
    url: str | None
    user_code: str | None
    verification_url: str | None
    verification_url_complete: str | None
    listening: bool
    auth_index: str | None
    outcome: str | None
    error: LoginError | None
    reason: str | None
    choices: list[str]
    labels: dict[str, Any]
    near: list[str]
    check: str | None


class LoginEvent(Shape):
    """How a login stands now: what was to be opened or entered is in the answer that began it, and not said again."""

    id: str
    status: str
    exchanging: bool
    auth_index: str | None
    outcome: str | None
    error: LoginError | None
    reason: str | None
    choices: list[str]


@router.post("", status_code=201)
@needs(Role.OPERATOR)
async def begin(given: LoginStart, request: Request, parts: PartsHere) -> LoginShape:
    """Begin a login. ``auth_index``: the account that it is for; another one that comes back is never saved over it."""
    expected = by_name(parts.desk, given.auth_index).account.auth_index if given.auth_index else None
    now = await parts.logins.begin(given.provider, beginner_of(request), way=given.way, expected=expected)
    return _shape(now, request)


@router.get("")
@needs(Role.OPERATOR)
async def mine(request: Request, parts: PartsHere) -> Listing[LoginShape]:
    """Those of the last day that this session or key began, newest first."""
    found = await parts.logins.mine(beginner_of(request))
    return Listing(items=[_shape(each, request) for each in found], total=len(found))


@router.get("/{login_id}")
@needs(Role.OPERATOR)
async def show(login_id: str, request: Request, parts: PartsHere) -> LoginShape:
    """How it stands."""
    return _shape(await parts.logins.get(login_id, beginner_of(request)), request)


@router.get("/{login_id}/events", response_class=StreamingResponse)
@needs(Role.OPERATOR)
async def events(login_id: str, request: Request, parts: PartsHere) -> Response:
    """Server-sent events named ``login`` (``LoginEvent``), whenever it changes. A stream ends after 20 seconds."""
    beginner = beginner_of(request)
    await parts.logins.get(login_id, beginner)
    following = parts.logins.follow(login_id, beginner)
    return StreamingResponse(
        streamed("login", following, lambda now: _event(now, request).model_dump_json()),
        media_type="text/event-stream",
        headers={"cache-control": "no-store"},
    )


@router.post("/{login_id}/callback")
@needs(Role.OPERATOR)
async def call_back(login_id: str, given: CallBackGiven, request: Request, parts: PartsHere) -> LoginShape:
    """Finish it with the whole address that the browser ended at."""
    return _shape(await parts.logins.call_back(login_id, given.url, beginner_of(request)), request)


@router.post("/{login_id}/choice")
@needs(Role.OPERATOR)
async def choose(login_id: str, given: ChoiceGiven, request: Request, parts: PartsHere) -> LoginShape:
    """Say where the account that came back belongs: one of its ``choices``."""
    return _shape(await parts.logins.choose(login_id, given.choice, beginner_of(request)), request)


@router.delete("/{login_id}")
@needs(Role.OPERATOR)
async def cancel(login_id: str, request: Request, parts: PartsHere) -> LoginShape:
    """Cancel it: nothing of it is saved. One that has ended stays as it is."""
    return _shape(await parts.logins.cancel(login_id, beginner_of(request)), request)


def _event(now: LoginNow, request: Request) -> LoginEvent:
    return LoginEvent(
        id=now.id,
        status=now.status,
        exchanging=now.exchanging,
        auth_index=now.auth_index,
        outcome=now.outcome,
        error=_error(now, request),
        reason=now.reason,
        choices=list(now.choices),
    )


def _error(now: LoginNow, request: Request) -> LoginError | None:
    if now.error is None:
        return None
    return LoginError(code=now.error[0], message=wording.sentence(*now.error, locale_of(request)))


def _shape(now: LoginNow, request: Request) -> LoginShape:
    return LoginShape(
        id=now.id,
        provider=now.provider.value,
        way=now.way.value,
        status=now.status,
        exchanging=now.exchanging,
        expires_at=now.expires_at,
        expected=now.expected,
        url=now.url,
        user_code=now.user_code,
        verification_url=now.page,
        verification_url_complete=now.direct,
        listening=now.url is not None and not now.port_taken,
        auth_index=now.auth_index,
        outcome=now.outcome,
        error=_error(now, request),
        reason=now.reason,
        choices=list(now.choices),
        near=list(now.near),
        check=now.check,
        labels={name: value for name, value in (now.labels or {}).items() if value},
    )

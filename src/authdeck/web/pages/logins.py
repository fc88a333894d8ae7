"""OAuth Login: start a sign-in at a provider, see how it stands, finish it, and what it brought."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from authdeck import wording
from authdeck.access import Role
from authdeck.account import Account, Provider
from authdeck.errors import DeckError
from authdeck.gate.events import streamed
from authdeck.gate.routes import needs
from authdeck.gate.visits import beginner_of
from authdeck.operations.entries import by_name
from authdeck.operations.login_now import LoginNow, offered
from authdeck.operations.login_storing import EXPECTED, NEAR
from authdeck.operations.send_one import send_one, suggested_model
from authdeck.providers.signing_in import Way
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading import logins as reading
from authdeck.storage.reading import requests
from authdeck.web import request_rows
from authdeck.web.masking import masked
from authdeck.web.request_rows import RequestRow
from authdeck.web.room import room_of

PATH: Final = "/oauth-login"
_SHOWN: Final = timedelta(days=1)
_KNOWN: Final = ("email", "plan", "organization", "subject")


@dataclass(frozen=True, slots=True)
class Card:
    """One provider: how people sign in there, or the settings that are missing."""

    provider: Provider
    ways: Sequence[Way]
    missing: Sequence[str]


@dataclass(frozen=True, slots=True)
class Choice:
    """What can be chosen, the sentence on its button, and the account that it would update with what is known of it."""

    value: str
    sentence: str
    account: Account | None
    known: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Finished:
    """One that brought an account. ``file_name`` is the account's now, ``None`` where it is gone.

    ``check`` is the request that was sent afterwards, ``None`` for none or one that is kept no more.
    """

    auth_index: str
    file_name: str | None
    provider: str
    outcome: str
    at: Any
    by: str
    check: RequestRow | None


@needs(Role.OPERATOR)
async def index(request: Request) -> Response:
    """``account`` and ``provider``: whom the next sign-in is for."""
    return await _page(request)


@needs(Role.OPERATOR)
async def begin(request: Request) -> Response:
    room, said = room_of(request), await request.form()
    way, account = str(said.get("way", "")), str(said.get("account", ""))[:200]
    expected = by_name(room.desk, account).account.auth_index if account else None
    try:
        now = await room.parts.logins.begin(
            str(said.get("provider", "")), beginner_of(request), way=_way(way), expected=expected
        )
    except DeckError as error:
        return await _page(request, error=error, account=expected or "")
    return RedirectResponse(f"{PATH}/{now.id}", 303)


@needs(Role.OPERATOR)
async def show(request: Request) -> Response:
    room = room_of(request)
    now = await room.parts.logins.get(request.path_params["login_id"], beginner_of(request))
    return await _one(request, now)


@needs(Role.OPERATOR)
async def call_back(request: Request) -> Response:
    """Finish it with the pasted address. What is wrong with it stands beside the field, the address itself nowhere."""
    room, said, login_id = room_of(request), await request.form(), request.path_params["login_id"]
    beginner = beginner_of(request)
    try:
        await room.parts.logins.call_back(login_id, str(said.get("url", "")), beginner)
    except DeckError as error:
        now = await room.parts.logins.get(login_id, beginner)
        return await _one(request, now, error=error) if not now.has_ended else _to(login_id)
    return _to(login_id)


@needs(Role.OPERATOR)
async def choose(request: Request) -> Response:
    room, said, login_id = room_of(request), await request.form(), request.path_params["login_id"]
    beginner = beginner_of(request)
    try:
        await room.parts.logins.choose(login_id, str(said.get("choice", ""))[:64], beginner)
    except DeckError as error:
        return await _one(request, await room.parts.logins.get(login_id, beginner), error=error)
    return _to(login_id)


@needs(Role.OPERATOR)
async def check(request: Request) -> Response:
    """Send one small request through the account that came; the page shows its row of Monitoring."""
    room, said, login_id = room_of(request), await request.form(), request.path_params["login_id"]
    beginner = beginner_of(request)
    now = await room.parts.logins.get(login_id, beginner)
    if now.auth_index is None:
        return _to(login_id)
    try:
        sent = await send_one(room.desk, room.parts.send, now.auth_index, beginner.actor, str(said.get("model", "")))
    except DeckError as error:
        return await _one(request, now, error=error)
    await room.parts.logins.checked(login_id, sent, beginner)
    return _to(login_id)


@needs(Role.OPERATOR)
async def cancel(request: Request) -> Response:
    room, login_id = room_of(request), request.path_params["login_id"]
    await room.parts.logins.cancel(login_id, beginner_of(request))
    return _to(login_id)


@needs(Role.OPERATOR)
async def events(request: Request) -> Response:
    """``login`` with its stage, whenever it changes: the page then asks for itself anew."""
    room, login_id, beginner = room_of(request), request.path_params["login_id"], beginner_of(request)
    await room.parts.logins.get(login_id, beginner)
    following = room.parts.logins.follow(login_id, beginner)
    return StreamingResponse(
        streamed("login", following, lambda now: now.stage),
        media_type="text/event-stream",
        headers={"cache-control": "no-store"},
    )


def _to(login_id: str) -> Response:
    return RedirectResponse(f"{PATH}/{login_id}", 303)


def _way(said: str) -> Way | None:
    return next((way for way in Way if way.value == said), None)


async def _page(request: Request, error: DeckError | None = None, account: str = "") -> Response:
    room = room_of(request)
    return room.pages.answer(
        request,
        "logins/index.html",
        section="login",
        status=200 if error is None else error.status,
        now_shown=None,
        waiting=[now for now in await room.parts.logins.mine(beginner_of(request)) if not now.has_ended],
        error=_sentence(request, error),
        **await _around(request, account),
    )


async def _one(request: Request, now: LoginNow, error: DeckError | None = None) -> Response:
    room = room_of(request)
    found = room.desk.directory.get(now.auth_index) if now.auth_index is not None else None
    return room.pages.answer(
        request,
        "logins/index.html",
        section="login",
        status=200 if error is None else error.status,
        now_shown=now,
        failure=wording.sentence(*now.error, room.pages.preferences(request).locale) if now.error else None,
        choices=_choices(request, now),
        labels=_facts(request, now.labels or {}),
        qr=_qr(now.direct or now.page or "") if now.user_code else None,
        beside=[entry.account for index in now.near if (entry := room.desk.directory.get(index)) is not None],
        brought=found.account if found is not None and now.status == "done" else None,
        sent=(await _checks(request, [now.check])).get(now.check),
        suggested=(suggested_model(room.desk, found.account) or "") if found is not None else "",
        waiting=[],
        error=_sentence(request, error),
        **await _around(request),
    )


async def _checks(request: Request, sent: Iterable[str | None]) -> Mapping[str | None, RequestRow]:
    """The requests as Monitoring has them, by id; those that are not written down yet, or no more, are left out."""
    room, ids = room_of(request), [each for each in sent if each is not None]
    prefs = room.pages.preferences(request)

    def found(connection: ReadConnection) -> dict[str | None, RequestRow]:
        events = {each: requests.by_id(connection, each) for each in ids}
        return {each: request_rows.row(event, prefs) for each, event in events.items() if event is not None}

    return await room.parts.monitoring.read(found) if ids else {}


async def _around(request: Request, account: str = "") -> Mapping[str, Any]:
    """The providers, whom a sign-in is for, and what was finished today."""
    room = room_of(request)
    account = account or request.query_params.get("account", "")[:200]
    expected = by_name(room.desk, account).account if account else None
    providers = room.desk.settings.providers
    cards = [Card(provider, login.ways, login.missing(providers)) for provider, login in offered().items()]
    if expected is not None:
        cards = [card for card in cards if card.provider is expected.provider]
    return {"cards": cards, "expected": expected, "finished": await _finished(request)}


async def _finished(request: Request) -> list[Finished]:
    room = room_of(request)
    since = room.desk.now() - _SHOWN
    rows = await room.desk.read(lambda connection: reading.finished(connection, since))
    checks = await _checks(request, [row.outcome.get("check") for row in rows])
    return [
        Finished(
            row.outcome["auth_index"],
            entry.account.file_name if (entry := room.desk.directory.get(row.outcome["auth_index"])) else None,
            row.provider,
            row.outcome["outcome"],
            row.created_at,
            row.outcome["by"],
            checks.get(row.outcome.get("check")),
        )
        for row in rows
    ]


def _choices(request: Request, now: LoginNow) -> Sequence[Choice]:
    prefs = room_of(request).pages.preferences(request)
    hide = masked if prefs.masked else str
    made = []
    for choice in now.choices:
        account = _meant(request, now, choice)
        code = "login_choice.update" if choice.startswith(NEAR) else f"login_choice.{choice}"
        name = account.file_name if account is not None else choice.removeprefix(NEAR)
        sentence = wording.sentence(code, {"file_name": hide(name)}, prefs.locale)
        known = {name: getattr(account, name) for name in _KNOWN} if account is not None else {}
        made.append(Choice(choice, sentence, account, _facts(request, known)))
    return made


def _meant(request: Request, now: LoginNow, choice: str) -> Account | None:
    """The account that a choice would update; ``None`` where it names none that is here."""
    index = now.expected if choice == EXPECTED else choice.removeprefix(NEAR) if choice.startswith(NEAR) else None
    entry = room_of(request).desk.directory.get(index) if index is not None else None
    return entry.account if entry is not None else None


def _facts(request: Request, known: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """What is known of somebody, with its name; identities as the preferences say."""
    prefs = room_of(request).pages.preferences(request)
    hide = masked if prefs.masked else str
    given = {name: value for name, value in known.items() if value}
    return [
        (wording.sentence(f"login_label.{name}", {}, prefs.locale), hide(str(value))) for name, value in given.items()
    ]


def _qr(address: str) -> str:
    """Inline SVG without styles or scripts: the page's policy allows neither."""
    import segno  # noqa: PLC0415 - half a megabyte that nothing else needs

    drawn = BytesIO()
    segno.make(address, error="m", micro=False).save(
        drawn, kind="svg", xmldecl=False, svgns=False, omitsize=True, border=3, svgclass=None, lineclass=None
    )
    return drawn.getvalue().decode()


def _sentence(request: Request, error: DeckError | None) -> str | None:
    prefs = room_of(request).pages.preferences(request)
    return None if error is None else wording.sentence(error.code, error.params, prefs.locale)


ROUTES: Final = (
    Route(PATH, index),
    Route(PATH, begin, methods=["POST"]),
    Route(f"{PATH}/{{login_id}}", show),
    Route(f"{PATH}/{{login_id}}/events", events),
    Route(f"{PATH}/{{login_id}}/callback", call_back, methods=["POST"]),
    Route(f"{PATH}/{{login_id}}/choice", choose, methods=["POST"]),
    Route(f"{PATH}/{{login_id}}/request", check, methods=["POST"]),
    Route(f"{PATH}/{{login_id}}/cancel", cancel, methods=["POST"]),
)

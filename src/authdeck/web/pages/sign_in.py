"""Coming in and going out: with the admin key, with a one-time link, and the choices a browser keeps."""

from functools import lru_cache
from typing import Final
from zoneinfo import available_timezones

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from authdeck import wording
from authdeck.access import Role
from authdeck.errors import DeckError
from authdeck.gate import cookies
from authdeck.gate.routes import PUBLIC, needs
from authdeck.gate.visits import actor_of
from authdeck.operations import sign_in
from authdeck.web.addresses import inside
from authdeck.web.preferences import remember
from authdeck.web.room import room_of

PATH: Final = "/sign-in"
HOME: Final = "/auth-files"


@needs(PUBLIC)
async def form(request: Request) -> Response:
    """The form. ``?locale=`` chooses the language before there is a session to keep it for."""
    if (locale := request.query_params.get("locale")) is not None:
        response: Response = RedirectResponse(PATH, 303)
        remember(response, {"locale": locale})
        return response
    return _form(request, request.query_params.get("next", ""))


@needs(PUBLIC)
async def submit(request: Request) -> Response:
    """Sign in with ``admin_key``. A refusal shows the form again, with the reason beside the field."""
    said = await request.form()
    wanted = str(said.get("next", ""))
    try:
        session = await room_of(request).gate.sign_in(str(said.get("admin_key", "")))
    except DeckError as error:
        return _form(request, wanted, error)
    response = RedirectResponse(inside(wanted, HOME), 303)
    cookies.begin(request, response, session)
    return response


@needs(PUBLIC)
async def link(request: Request) -> Response:
    """A button only: what merely looks at a link (a preview, a scanner) does not use it up."""
    response = room_of(request).pages.answer(request, "sign_in/link.html", token=request.path_params["token"])
    response.headers["referrer-policy"] = "no-referrer"
    return response


@needs(PUBLIC)
async def follow_link(request: Request) -> Response:
    try:
        session = await room_of(request).gate.sign_in_by_link(request.path_params["token"])
    except DeckError as error:
        return _form(request, "", error)
    response = RedirectResponse(HOME, 303)
    cookies.begin(request, response, session)
    return response


@needs(Role.VIEWER)
async def sign_out(request: Request) -> Response:
    room = room_of(request)
    if cookie := cookies.session_cookie(request, room.desk.settings):
        await sign_in.end(room.desk, cookie, actor_of(request))
    response = RedirectResponse(PATH, 303)
    cookies.end(request, response)
    return response


@needs(Role.VIEWER)
async def preferences(request: Request) -> Response:
    """Theme, language, masking: remembered by this browser; then back to the page it was chosen on."""
    said = await request.form()
    response = RedirectResponse(inside(str(said.get("next", "")), HOME), 303)
    remember(response, {name: str(value) for name, value in said.items()})
    return response


@needs(Role.VIEWER)
async def display(request: Request) -> Response:
    """The same choices as a page, with the time zone."""
    return room_of(request).pages.answer(request, "preferences.html", section="display", zones=_zones())


@needs(PUBLIC)
async def home(_request: Request) -> Response:
    return RedirectResponse(HOME, 307)


@lru_cache(maxsize=1)
def _zones() -> list[str]:
    return ["UTC", *sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))]


def _form(request: Request, wanted: str, error: DeckError | None = None) -> Response:
    pages = room_of(request).pages
    locale = pages.preferences(request).locale
    said = None if error is None else wording.sentence(error.code, error.params, locale)
    status = 200 if error is None else error.status
    return pages.answer(request, "sign_in/page.html", status=status, error=said, next=inside(wanted, ""), notice="")


ROUTES: Final = (
    Route("/", home),
    Route(PATH, form),
    Route(PATH, submit, methods=["POST"]),
    Route(f"{PATH}/link/{{token}}", link),
    Route(f"{PATH}/link/{{token}}", follow_link, methods=["POST"]),
    Route("/sign-out", sign_out, methods=["POST"]),
    Route("/preferences", display),
    Route("/preferences", preferences, methods=["POST"]),
)

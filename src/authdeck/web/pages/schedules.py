"""Schedules of inspections: which there are, adding, changing, switching on and off, deleting."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from authdeck import wording
from authdeck.access import Role
from authdeck.errors import DeckError, NotFound
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.storage.reading.schedules import StoredSchedule
from authdeck.web import inspection_rows, toasts
from authdeck.web.account_rows import NAMES
from authdeck.web.inspection_forms import order_of, timing_of, typed_from, typed_of
from authdeck.web.room import room_of

PATH: Final = "/inspection/schedules"


@needs(Role.VIEWER)
async def index(request: Request) -> Response:
    room = room_of(request)
    locale = room.pages.preferences(request).locale
    found = await room.parts.inspecting.schedules.all()
    return room.pages.answer(
        request,
        "inspection/schedules.html",
        section="inspection",
        view="schedules",
        on=sum(each.enabled for each in found),
        schedules=[
            (
                each,
                inspection_rows.timing(each, locale),
                inspection_rows.about(each.selection, locale),
                inspection_rows.may(each.policy, locale),
            )
            for each in found
        ],
    )


@needs(Role.OPERATOR)
async def form(request: Request) -> Response:
    """An empty one."""
    zone = room_of(request).pages.preferences(request).zone_name or "UTC"
    return _form(request, {**typed_of(request.query_params), "zone": zone})


@needs(Role.OPERATOR)
async def show(request: Request) -> Response:
    """A schedule's form, to change it."""
    found = await _one(request)
    return _form(request, typed_from(found.name, found.timing, found.policy, found.selection), schedule=found)


def _form(
    request: Request, typed: Mapping[str, Any], error: DeckError | None = None, schedule: StoredSchedule | None = None
) -> Response:
    room = room_of(request)
    locale = room.pages.preferences(request).locale
    return room.pages.answer(
        request,
        "inspection/schedule.html",
        section="inspection",
        status=error.status if error else 200,
        typed=typed,
        schedule=schedule,
        error=wording.sentence(error.code, error.params, locale) if error else "",
        providers=list(NAMES.items()),
        further=inspection_rows.further(typed, locale),
    )


@needs(Role.OPERATOR)
async def create(request: Request) -> Response:
    room, typed = room_of(request), typed_of(await request.form())
    try:
        made = await room.parts.inspecting.schedules.create(_given(typed), actor_of(request))
    except DeckError as error:
        return _form(request, typed, error)
    return _done("created", made)


@needs(Role.OPERATOR)
async def change(request: Request) -> Response:
    """Its fields; or with ``want`` on, off or delete just that."""
    room, said = room_of(request), await request.form()
    known, actor, want = await _one(request), actor_of(request), str(said.get("want", ""))
    schedules = room.parts.inspecting.schedules
    if want == "delete":
        await schedules.delete(known.key, actor)
        return _done("deleted", known)
    if want in ("on", "off"):
        return _done(want, await schedules.change(known.key, {"enabled": want == "on"}, actor))
    typed = typed_of(said)
    try:
        given = _given(typed)
        if "auth_indexes" in known.selection:
            given["selection"] = {**known.selection, **{k: v for k, v in given["selection"].items() if k == "sample"}}
        return _done("changed", await schedules.change(known.key, given, actor))
    except DeckError as error:
        return _form(request, typed, error, known)


async def _one(request: Request) -> StoredSchedule:
    text = request.path_params["key"]
    if not text.isdecimal() or len(text) > 15:  # noqa: PLR2004 - far above any number of schedules
        raise NotFound("schedule_not_found", id=text[:64])
    return await room_of(request).parts.inspecting.schedules.one(int(text))


def _given(typed: Mapping[str, Any]) -> dict[str, Any]:
    selection, policy = order_of(typed)
    return {"name": typed["name"], "timing": timing_of(typed), "policy": policy, "selection": selection}


def _done(what: str, schedule: StoredSchedule) -> Response:
    response = RedirectResponse(PATH, 303)
    toasts.leave(response, f"did_schedule.{what}", {"name": schedule.name})
    return response


ROUTES: Final = (
    Route(PATH, index),
    Route(PATH, create, methods=["POST"]),
    Route(f"{PATH}/new", form),
    Route(f"{PATH}/{{key:str}}", show),
    Route(f"{PATH}/{{key:str}}", change, methods=["POST"]),
)

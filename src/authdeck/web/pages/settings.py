"""Settings that an admin may change: how long things are kept, what automation may do. And the page's sections."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from authdeck import adjustable, wording
from authdeck.access import Role
from authdeck.adjustable import Kind
from authdeck.errors import DeckError
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.operations import adjust
from authdeck.operations.adjust import InForce
from authdeck.web import proof, toasts
from authdeck.web.room import room_of
from authdeck.web.toasts import Undo

PATH: Final = "/settings"
SECTIONS: Final = ("terms", "upstreams", *adjustable.SECTIONS, "notifications")


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting on its page: ``typed`` stands in its field, ``error`` below it."""

    now: InForce
    typed: str
    error: str = ""

    @property
    def id(self) -> str:
        return self.now.setting.name.replace(".", "-")

    @property
    def value(self) -> str:
        return adjustable.shown(self.now.value)

    @property
    def default(self) -> str:
        return adjustable.shown(self.now.default)

    @property
    def choices(self) -> tuple[str, ...]:
        """What there is to choose from; a switch is a choice of two."""
        return ("true", "false") if self.now.setting.kind is Kind.SWITCH else self.now.setting.choices


@needs(Role.VIEWER)
async def index(_request: Request) -> Response:
    return RedirectResponse(f"{PATH}/terms", 307)


@needs(Role.VIEWER)
async def section(request: Request) -> Response:
    return await _page(request, _section(request))


@needs(Role.ADMIN)
async def change(request: Request) -> Response:
    """Save what differs from what was shown (``was.<name>``); ``default`` names one that goes back to its default.

    Who signed in a while ago gives the admin key once more: an open browser must not be enough to lift a bound.
    """
    part, said = _section(request), await request.form()
    wanted = _wanted(said)
    try:
        await proof.require(request, str(said.get("admin_key", "")))
        before = await adjust.change(room_of(request).desk, wanted, actor_of(request))
    except DeckError as error:
        return await _page(request, part, said, error)
    response = RedirectResponse(f"{PATH}/{part}", 303)
    _say(request, response, part, before)
    return response


@needs(Role.ADMIN)
async def undo(request: Request) -> Response:
    """Put back what a change replaced, as its toast kept it; refused and checked like any other change."""
    part, said = _section(request), await request.form()
    await proof.require(request, "")
    await adjust.change(room_of(request).desk, _kept(str(said.get("want", ""))), actor_of(request))
    response = RedirectResponse(f"{PATH}/{part}", 303)
    toasts.leave(response, "did_undo", {})
    return response


def _wanted(said: FormData) -> dict[str, object]:
    if back := said.get("default"):
        return {str(back): None}
    names = [name.removeprefix("was.") for name in said if name.startswith("was.")]
    typed = {name: str(said.get(name, "")).strip() for name in names}
    return {name: value for name, value in typed.items() if value != said[f"was.{name}"]}


def _kept(want: str) -> Mapping[str, object]:
    try:
        kept = json.loads(want)
    except ValueError:
        kept = None
    if not isinstance(kept, dict):
        raise DeckError("wish_unknown", status=422, wish=want[:64])
    return kept


def _say(request: Request, response: Response, part: str, before: Mapping[str, Any]) -> None:
    """Undo is offered while no key would be asked for."""
    locale = room_of(request).pages.preferences(request).locale
    way_back = Undo(f"{PATH}/{part}/undo", json.dumps(before), f"{PATH}/{part}") if proof.is_recent(request) else None
    match [*before]:
        case []:
            toasts.leave(response, "did_nothing", {})
        case [name]:
            toasts.leave(
                response, "did_change_setting", {"names": wording.sentence(f"setting.{name}", {}, locale)}, way_back
            )
        case names:
            toasts.leave(response, "did_change_settings", {"number": len(names)}, way_back)


async def _page(request: Request, part: str, said: FormData | None = None, error: DeckError | None = None) -> Response:
    room = room_of(request)
    locale = room.pages.preferences(request).locale
    sentence = "" if error is None else wording.sentence(error.code, error.params, locale)
    at_fault = "" if error is None else str(error.params.get("setting", ""))
    rows = [
        Shown(now, _typed(now, said), sentence if now.setting.name == at_fault else "")
        for now in await adjust.shown(room.desk)
        if now.setting.section == part
    ]
    return room.pages.answer(
        request,
        "settings/values.html",
        section="settings",
        status=200 if error is None else error.status,
        part=part,
        parts=SECTIONS,
        rows=rows,
        error=wording.sentence("settings_refused", {}, locale) if at_fault else sentence,
        may_decide=actor_of(request).role >= Role.ADMIN,
        proven=proof.is_recent(request),
    )


def _typed(now: InForce, said: FormData | None) -> str:
    shown = adjustable.shown(now.value)
    return shown if said is None else str(said.get(now.setting.name, shown))


def _section(request: Request) -> str:
    """The page's own part of the address: other sections have files of their own."""
    return request.url.path.split("/")[2]


ROUTES: Final = (
    Route(PATH, index),
    *(Route(f"{PATH}/{part}", section) for part in adjustable.SECTIONS),
    *(Route(f"{PATH}/{part}", change, methods=["POST"]) for part in adjustable.SECTIONS),
    *(Route(f"{PATH}/{part}/undo", undo, methods=["POST"]) for part in adjustable.SECTIONS),
)

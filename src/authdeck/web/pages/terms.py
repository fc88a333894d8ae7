"""Settings, Provider terms: what each provider's text means for serving, and who decided what."""

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from authdeck import wording
from authdeck.access import Role
from authdeck.account import Kind, Provider
from authdeck.errors import DeckError
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.operations import terms
from authdeck.search import AccountSearch
from authdeck.storage.reading.terms import Acknowledgement, decisions
from authdeck.web import toasts
from authdeck.web.account_rows import NAMES
from authdeck.web.pages.settings import SECTIONS
from authdeck.web.room import Room, room_of

PATH: Final = "/settings/terms"


@dataclass(frozen=True, slots=True)
class TermsRow:
    """A provider whose sign-ins need an acknowledgement. ``accounts`` are those that wait for it or serve by it."""

    provider: str
    accounts: int
    version: str
    text: str
    decision: Acknowledgement | None

    @property
    def acknowledged(self) -> bool:
        return self.decision is not None and not self.decision.withdrawn


@needs(Role.VIEWER)
async def index(request: Request) -> Response:
    room = room_of(request)
    decided, locale = await room.desk.read(decisions), room.pages.preferences(request).locale
    rows = [
        TermsRow(
            provider.value,
            _accounts(room, provider),
            version,
            wording.sentence(*terms.text_of(provider), locale),
            decided.get(provider.value),
        )
        for provider, version in terms.TEXT_VERSIONS.items()
    ]
    rows.sort(key=lambda row: (row.acknowledged, -row.accounts))
    return room.pages.answer(
        request,
        "settings/terms.html",
        section="settings",
        part="terms",
        parts=SECTIONS,
        rows=rows,
        may_decide=actor_of(request).role >= Role.ADMIN,
    )


@needs(Role.ADMIN)
async def acknowledgement(request: Request) -> Response:
    """``want=acknowledged`` needs the box that says "I have read them"; ``want=withdrawn`` takes it back."""
    room, actor, said = room_of(request), actor_of(request), await request.form()
    provider = request.path_params["provider"]
    match str(said.get("want", "")):
        case "acknowledged":
            if said.get("read") != "yes":
                raise DeckError("terms_not_read", status=422)
            await terms.acknowledge(room.desk, provider, actor)
            code = "did_acknowledge"
        case "withdrawn":
            await terms.withdraw(room.desk, provider, actor)
            code = "did_withdraw"
        case other:
            raise DeckError("wish_unknown", status=422, wish=other)
    response = RedirectResponse(PATH, 303)
    toasts.leave(response, code, {"provider": NAMES.get(provider, provider)})
    return response


def _accounts(room: Room, provider: Provider) -> int:
    sign_ins = AccountSearch(provider=provider, kind=Kind.OAUTH, page_size=1)
    return room.desk.directory.find(sign_ins, room.desk.now()).total


ROUTES: Final = (
    Route(PATH, index),
    Route(f"{PATH}/{{provider}}/acknowledgement", acknowledgement, methods=["POST"]),
)

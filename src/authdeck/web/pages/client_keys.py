"""Client keys: the list, a new one with what a client needs to use it, and taking one back."""

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from authdeck import wording
from authdeck.access import Role
from authdeck.errors import DeckError
from authdeck.gate import hosts
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.operations import client_keys
from authdeck.operations.client_keys import NewClientKey
from authdeck.web import toasts
from authdeck.web.room import room_of

PATH: Final = "/client-keys"
PLACEHOLDER: Final = "adk_…"


@dataclass(frozen=True, slots=True)
class Snippet:
    """What to type or paste into one kind of client."""

    client: str
    text: str


@needs(Role.OPERATOR)
async def index(request: Request) -> Response:
    return await _page(request)


@needs(Role.OPERATOR)
async def create(request: Request) -> Response:
    """The key is in this answer and nowhere else: not in an address, a cookie, or the database."""
    said = await request.form()
    try:
        made = await client_keys.create(room_of(request).desk, str(said.get("name", "")), actor_of(request))
    except DeckError as error:
        return await _page(request, error=error)
    return await _page(request, made=made)


@needs(Role.OPERATOR)
async def revoke(request: Request) -> Response:
    key = await client_keys.revoke(room_of(request).desk, request.path_params["id"], actor_of(request))
    response = RedirectResponse(PATH, 303)
    toasts.leave(response, "did_revoke", {"name": key.name})
    return response


async def _page(request: Request, made: NewClientKey | None = None, error: DeckError | None = None) -> Response:
    room = room_of(request)
    now, origin = room.desk.now(), origin_of(request)
    keys = await client_keys.list_keys(room.desk)
    locale = room.pages.preferences(request).locale
    shown = PLACEHOLDER if made is None else made.key.open()
    response = room.pages.answer(
        request,
        "client_keys/index.html",
        section="client-keys",
        status=200 if error is None else error.status,
        keys=[(key, key.counts(now)) for key in sorted(keys, key=lambda key: not key.counts(now))],
        made=made,
        made_key=shown,
        error=None if error is None else wording.sentence(error.code, error.params, locale),
        origin=origin,
        snippets=snippets(origin, shown),
    )
    response.headers["cache-control"] = "no-store"
    return response


def origin_of(request: Request) -> str:
    """How clients reach us: the public address where one is set, else as this browser does."""
    settings = room_of(request).settings
    if settings.public_url:
        return settings.public_url.rstrip("/")
    scheme = "https" if hosts.is_https(settings) else "http"
    return f"{scheme}://{request.headers.get('host', settings.bind)}"


def snippets(origin: str, key: str) -> list[Snippet]:
    return [
        Snippet(
            "Codex CLI",
            "# ~/.codex/config.toml\n"
            'model_provider = "authdeck"\n\n'
            "[model_providers.authdeck]\n"
            f'name = "authdeck"\nbase_url = "{origin}/v1"\nwire_api = "responses"\nenv_key = "AUTHDECK_CLIENT_KEY"\n\n'
            f"# shell\nexport AUTHDECK_CLIENT_KEY={key}",
        ),
        Snippet("Claude Code", f"export ANTHROPIC_BASE_URL={origin}\nexport ANTHROPIC_AUTH_TOKEN={key}"),
        Snippet(
            "Python (openai)",
            f'from openai import OpenAI\n\nclient = OpenAI(base_url="{origin}/v1", api_key="{key}")',
        ),
        Snippet("curl", f"curl {origin}/v1/models -H 'Authorization: Bearer {key}'"),
    ]


ROUTES: Final = (
    Route(PATH, index),
    Route(PATH, create, methods=["POST"]),
    Route(f"{PATH}/{{id}}/revocation", revoke, methods=["POST"]),
)

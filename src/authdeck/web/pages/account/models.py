"""Models: which ones the account serves and why; leaving some out, giving some other names."""

from dataclasses import asdict
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from authdeck import models, wording
from authdeck.access import Role
from authdeck.account import Account
from authdeck.entry import Entry
from authdeck.errors import DeckError
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.models import Support
from authdeck.operations import edit_accounts
from authdeck.web.account_rows import NAMES
from authdeck.web.pages.account.frame import PATH, edited, entry_of, show
from authdeck.web.room import room_of

TAB = "models"
_LONGEST = 200


async def content(request: Request, entry: Entry, said: FormData | None = None) -> dict[str, Any]:
    room, account = room_of(request), entry.account
    locale = room.pages.preferences(request).locale
    asked = request.query_params.get("model", "").strip()[:_LONGEST]
    found = models.listing(account, room.desk.catalogue, asked or None)
    named = {"provider": NAMES[account.provider.value]}
    rows = [(each, wording.sentence(each.code, {**each.params, **named}, locale)) for each in found]
    return {
        "asked": asked,
        "models": sorted(rows, key=lambda row: (row[0].id != asked, row[0].support is Support.NO, row[0].id)),
        "served": sum(each.support is not Support.NO for each in found),
        "left_out": sum(each.support is Support.NO for each in found),
        "typed": {} if said is None else {name: str(value) for name, value in said.items()},
    }


@needs(Role.OPERATOR)
async def change(request: Request) -> Response:
    """``want`` is exclude or restore (with ``model``, a name or pattern), alias (with ``alias``) or unalias."""
    room, entry, said = room_of(request), entry_of(request), await request.form()
    try:
        changes = _changes(entry.account, said)
        after = await edit_accounts.edit(
            room.desk, entry.account.auth_index, actor_of(request), changes, version=entry.account.version
        )
    except DeckError as error:
        return await show(request, entry, TAB, await content(request, entry, said), error)
    params = {"model": _text(said, "model"), "alias": _text(said, "alias")}
    return edited(after, TAB, f"did_{_text(said, 'want')}", params, changes)


def _changes(account: Account, said: FormData) -> dict[str, Any]:
    model, alias, settings = _text(said, "model"), _text(said, "alias"), account.settings
    aliases = [asdict(each) for each in settings.model_aliases]
    match _text(said, "want"):
        case "exclude" if model:
            return {"excluded_models": [*settings.excluded_models, model]}
        case "restore":
            return {"excluded_models": [each for each in settings.excluded_models if each != model.lower()]}
        case "alias":
            keep = said.get("only") != "yes"
            return {"model_aliases": [*aliases, {"model": model, "alias": alias, "keep_original": keep}]}
        case "unalias":
            return {"model_aliases": [each for each in aliases if each["alias"] != alias]}
        case "exclude":
            raise DeckError("model_name_missing", status=422)
        case other:
            raise DeckError("wish_unknown", status=422, wish=other[:48])


def _text(said: FormData, name: str) -> str:
    return str(said.get(name, "")).strip()[:_LONGEST]


ROUTES = (Route(f"{PATH}/{{auth_index}}/models", change, methods=["POST"]),)

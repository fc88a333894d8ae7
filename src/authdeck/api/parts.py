"""What the endpoints work with, as FastAPI parameters: the desk, the actor, the eyes that make shapes, If-Match."""

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from fastapi import Depends, Header, Request
from starlette.responses import Response

from authdeck.access import Actor
from authdeck.api.eyes import Eyes
from authdeck.api.shapes import Shape
from authdeck.errors import DeckError
from authdeck.gate.locale import locale_of
from authdeck.gate.visits import actor_of
from authdeck.operations.desk import Desk
from authdeck.operations.parts import Parts


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


def _desk(request: Request) -> Desk:
    return _parts(request).desk


def _actor(request: Request) -> Actor:
    return actor_of(request)


def _eyes(request: Request) -> Eyes:
    desk = _desk(request)
    return Eyes(desk.directory, desk.now(), locale_of(request))


PartsHere = Annotated[Parts, Depends(_parts)]
DeskHere = Annotated[Desk, Depends(_desk)]
ActorHere = Annotated[Actor, Depends(_actor)]
EyesHere = Annotated[Eyes, Depends(_eyes)]


def _version(
    if_match: Annotated[str | None, Header(description='`"<version>"` as read, or `*`.')] = None,
) -> int | None:
    """The version that the caller read; ``None`` for ``*``."""
    if if_match is None:
        raise DeckError("version_required", status=428)
    if if_match.strip() == "*":
        return None
    number = if_match.strip().removeprefix('"').removesuffix('"')
    if not number.isdecimal() or len(number) > 9:  # noqa: PLR2004 - far above any number of edits
        raise DeckError("if_match_invalid", given=if_match[:64])
    return int(number)


VersionRead = Annotated[int | None, Depends(_version)]


def with_etag(shape: Shape, tag: int) -> Response:
    """The shape as JSON, with the ETag that ``If-Match`` wants back."""
    return Response(shape.model_dump_json(), media_type="application/json", headers={"ETag": f'"{tag}"'})


def json_response(content: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), media_type="application/json", headers=headers)

"""``/sign-in-links``: one-time links into the console."""

from typing import Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from authdeck.access import Role
from authdeck.api.limits import Limited
from authdeck.api.parts import DeskHere
from authdeck.api.shapes import Shape, Time
from authdeck.gate.routes import needs
from authdeck.operations import sign_in
from authdeck.operations.sign_in import LINK_LIFE
from authdeck.settings import Settings

router = APIRouter(prefix="/sign-in-links", tags=["operators"], route_class=Limited)


_REACHED: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


class Wanted(BaseModel):
    """For whom; without a name, for the first active admin."""

    model_config = ConfigDict(extra="forbid")

    operator: str | None = Field(None, max_length=64)


class LinkShape(Shape):
    """Whoever opens ``url`` first, before ``expires_at``, is signed in as ``operator``."""

    operator: str
    url: str
    expires_at: Time


@router.post("", status_code=201)
@needs(Role.ADMIN)
async def create(desk: DeskHere, wanted: Wanted | None = None) -> LinkShape:
    """A new link. It works once."""
    ends = desk.now() + LINK_LIFE
    link = await sign_in.make_link(desk, wanted.operator if wanted else None)
    return LinkShape(operator=link.operator, url=_url(desk.settings, link.token.open()), expires_at=ends)


def _url(settings: Settings, token: str) -> str:
    """At the public URL, else where this machine reaches the server."""
    scheme = "https" if settings.tls_certificate else "http"
    host = _REACHED.get(settings.host, settings.host)
    base = settings.public_url or f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}"
    return f"{base.rstrip('/')}/sign-in/link/{token}"

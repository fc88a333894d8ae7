"""One account, at the tab that the address names."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from authdeck.access import Role
from authdeck.entry import Entry
from authdeck.gate.routes import needs
from authdeck.web.addresses import here
from authdeck.web.pages.account import diagnostics, document, history, models, overview, quota, settings
from authdeck.web.pages.account.frame import PATH, entry_of, show

Content = Callable[[Request, Entry], Awaitable[dict[str, Any]]]
_TABS: Final[Mapping[str, Content]] = {
    "overview": overview.content,
    "quota": quota.content,
    "settings": settings.content,
    "models": models.content,
    "document": document.content,
    "history": history.content,
    "diagnostics": diagnostics.content,
}


@needs(Role.VIEWER)
async def account(request: Request) -> Response:
    """By its auth_index; any other name of it leads there."""
    entry, name = entry_of(request), request.path_params["auth_index"]
    if name != entry.account.auth_index:
        found = here(request).partition("?")
        return RedirectResponse(f"{PATH}/{entry.account.auth_index}{''.join(found[1:])}", 307)
    tab = request.query_params.get("tab", "")
    tab = tab if tab in _TABS else "overview"
    return await show(request, entry, tab, await _TABS[tab](request, entry))


ROUTES = (Route(f"{PATH}/{{auth_index}}", account),)

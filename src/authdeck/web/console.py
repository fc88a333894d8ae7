"""The console's app: every page's routes, and the room they work in."""

from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from authdeck.gate.authenticate import Gate
from authdeck.gate.routes import PUBLIC, needs
from authdeck.operations.parts import Parts
from authdeck.search import AccountSearch
from authdeck.web.pages import (
    account,
    audit,
    auth_files,
    client_keys,
    exports,
    find,
    imports,
    inspection,
    monitoring,
    notifications,
    queue,
    request,
    saved_views,
    schedules,
    sign_in,
    storybook,
    terms,
    trash,
    upstreams,
)
from authdeck.web.pages import batches as batches_pages
from authdeck.web.pages import logins as login_pages
from authdeck.web.pages import quota as quota_pages
from authdeck.web.pages import settings as settings_pages
from authdeck.web.rendering import Pages
from authdeck.web.room import Room, Sample
from authdeck.web.statics import Statics
from authdeck.web.waiting import WaitingImports
from authdeck.web.zipping import ZippedPages

PAGES: Final = (
    sign_in, saved_views, batches_pages, auth_files, account, find, imports, login_pages, quota_pages, exports, trash,
    monitoring, request, schedules, inspection, client_keys, settings_pages, terms, upstreams, notifications, audit,
    queue,
)  # fmt: skip


_PROBLEMS: Final = AccountSearch(problem=True, page_size=1)


def console(parts: Parts, gate: Gate, sample: Sample | None = None) -> Starlette:
    """The app, not yet behind its gate: ``gate.routes.guard`` puts it there when all routes are added.

    ``sample`` sends one request and returns its id; the demo gives it, and only then is there a button for it.
    ``Gate(error_page=web.error_page)`` gives errors the console's look.
    """
    desk, statics = parts.desk, Statics()
    pages_here = (*PAGES, storybook) if desk.settings.storybook else PAGES
    routes = [*(route for page in pages_here for route in page.ROUTES), _static(statics)]
    app = Starlette(routes=routes, middleware=[Middleware(ZippedPages)])
    pages = Pages(statics, desk.clock)
    pages.lead_to(route.path for route in routes if "GET" in (route.methods or ()))
    pages.warn_of(lambda: desk.directory.count(_PROBLEMS, desk.now()))
    pages.ask_of(lambda: sum(desk.directory.asking.values()))
    app.state.room = Room(parts, gate, sample, pages, WaitingImports())
    return app


def _static(statics: Statics) -> Route:
    @needs(PUBLIC)
    async def static(request: Request) -> Response:
        return await statics.serve(request)

    return Route("/static/{path:path}", static)

"""All resources in one app. It is served behind ``gate.routes.guard``."""

from fastapi import FastAPI, Request
from starlette.responses import Response

from authdeck import __version__
from authdeck.access import Role
from authdeck.api import (
    account_acts,
    accounts,
    audit,
    backups,
    batches,
    checkup,
    client_keys,
    confirmation,
    evidence,
    exports,
    imports,
    inspections,
    logins,
    notifications,
    operators,
    queue,
    quota,
    reach,
    requests,
    revisions,
    routing,
    schedules,
    seen_headers,
    settings,
    sign_in_links,
    terms,
    traffic,
    trash,
    upstreams,
    vault,
    views,
)
from authdeck.api.parts import json_response
from authdeck.gate.routes import needs
from authdeck.operations.parts import Parts

ROUTERS = (
    accounts.router,
    account_acts.router,
    evidence.router,
    seen_headers.router,
    quota.router,
    revisions.router,
    reach.router,
    routing.router,
    imports.router,
    exports.router,
    logins.router,
    batches.router,
    queue.router,
    notifications.router,
    inspections.router,
    schedules.router,
    trash.router,
    traffic.router,  # before the requests: its paths would else be taken for their ids
    requests.router,
    client_keys.router,
    terms.router,
    settings.router,
    upstreams.router,
    operators.router,
    sign_in_links.router,
    audit.router,
    checkup.router,
    confirmation.router,
    vault.router,
    backups.router,
    views.router,
)


def management(parts: Parts) -> FastAPI:
    """The app to mount at ``/api/v1``. Its routes say what they need; whoever mounts it puts it behind the gate."""
    app = FastAPI(
        title="authdeck management API",
        version=__version__,
        servers=[{"url": "/api/v1"}],
        openapi_url=None,  # FastAPI's own page would pass no gate
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.parts = parts
    for router in ROUTERS:
        app.router.routes.extend(router.routes)  # including routers would make every route anew, half a second of it
    app.add_api_route("/openapi.json", openapi, include_in_schema=False)
    return app


@needs(Role.VIEWER)
async def openapi(request: Request) -> Response:
    """This API, described."""
    app: FastAPI = request.app
    return json_response(app.openapi())

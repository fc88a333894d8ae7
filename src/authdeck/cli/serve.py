"""``authdeck serve``, ``sign-in-link`` and ``migrate``: running a server, and getting in."""

import gc
from contextlib import nullcontext
from typing import Annotated

import typer

from authdeck.cli import show
from authdeck.cli.management import management
from authdeck.cli.show import AsJson


def serve(
    bind: Annotated[
        str | None, typer.Option(help="Address and port. Also AUTHDECK_BIND.", show_default="127.0.0.1:8417")
    ] = None,
) -> None:
    """Serve console, API and gateway. Prints a one-time sign-in link where the output is a terminal."""
    gc.disable()  # what start-up makes is there to stay; serving.calm_collector switches it on again
    from authdeck import serving  # noqa: PLC0415 - everything; --help needs nothing of it
    from authdeck.settings import load  # noqa: PLC0415

    serving.run(load(bind=bind))


def sign_in_link(
    operator: Annotated[str | None, typer.Option(help="For whom; else the first active admin.")] = None,
    json: AsJson = False,
) -> None:
    """Make a one-time link into the console, good for ten minutes."""
    with management() as api:
        link = api.post("/sign-in-links", json={"operator": operator})
    if json:
        show.as_json(link)
        return
    typer.echo(link["url"])
    typer.echo(f"Signs {link['operator']} in, once, until {show.moment(link['expires_at'])}.", err=True)


def migrate() -> None:
    """Bring the databases' schema up to date. SQLite does so by itself at start; PostgreSQL only by this."""
    from authdeck.clock import SystemClock  # noqa: PLC0415
    from authdeck.home import Home  # noqa: PLC0415
    from authdeck.settings import load  # noqa: PLC0415
    from authdeck.storage import opening  # noqa: PLC0415

    settings, clock = load(), SystemClock()
    is_shared = opening.control_url(settings).get_backend_name() == "postgresql"
    with nullcontext() if is_shared else Home(settings.home):
        for open_ in (opening.control, opening.monitoring):
            open_(settings, clock, migrate=True).close()
    typer.echo("The schema is up to date.")

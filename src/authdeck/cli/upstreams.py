"""``authdeck upstreams``: origins to which credentials may be sent, beside the hosts in the settings."""

from typing import Annotated

import typer

from authdeck.cli import show
from authdeck.cli.management import management
from authdeck.cli.show import AsJson

app = typer.Typer(name="upstreams", help="Origins that may be sent credentials.", no_args_is_help=True)

Url = Annotated[str, typer.Argument(help="Such as https://api.example.com; the origin counts.", show_default=False)]

_COLUMNS = (
    ("Origin", "origin"),
    ("Private", "private"),
    ("Plain http", "plain_http"),
    ("Approved by", "approved_by"),
    ("At", "at"),
)


@app.command("list")
def list_(json: AsJson = False) -> None:
    """List approved origins."""
    with management() as api:
        found = api.get("/upstreams")
    if json:
        show.as_json(found)
        return
    rows = ({**row, "at": show.moment(row["approved_at"])} for row in found["items"])
    show.table(_COLUMNS, rows, empty="None approved. The hosts in the settings need no approval.")


@app.command()
def approve(
    url: Url,
    private: Annotated[bool, typer.Option("--private", help="It is on a private or loopback address.")] = False,
) -> None:
    """Approve an origin. Accounts that waited for it serve from now on."""
    with management() as api:
        done = api.post("/upstreams", json={"url": url, "private": private})
    typer.echo(f"Approved {done['origin']}.")


@app.command()
def withdraw(url: Url) -> None:
    """Send nothing to an origin any more."""
    with management() as api:
        api.delete("/upstreams", params={"origin": url})
    typer.echo(f"Withdrawn: {url}.")

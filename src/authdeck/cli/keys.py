"""``authdeck keys``: what clients present to the gateway."""

from typing import Annotated

import typer

from authdeck.cli import show
from authdeck.cli.management import management, segment
from authdeck.cli.show import AsJson

app = typer.Typer(name="keys", help="Client keys for the gateway.", no_args_is_help=True)

_COLUMNS = (
    ("Name", "name"),
    ("Key", "display"),
    ("Created", "created"),
    ("Expires", "expires"),
    ("Last used", "used"),
    ("Revoked", "revoked"),
    ("id", "id"),
)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who or what will use it.", show_default=False)] = "",
    prefix: Annotated[list[str] | None, typer.Option(help="Only accounts with this prefix.")] = None,
    provider: Annotated[list[str] | None, typer.Option(help="Only this provider's accounts.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="Only this model; * stands for anything.")] = None,
    expires: Annotated[str | None, typer.Option(help="A time such as 2027-01-01T00:00:00Z.")] = None,
    json: AsJson = False,
) -> None:
    """Make a client key. It is shown once, now."""
    scope = {"prefixes": prefix, "providers": provider, "models": model}
    body = {
        "name": name or "client",
        "scope": {part: words for part, words in scope.items() if words},
        "expires_at": expires,
    }
    with management() as api:
        made = api.post("/client-keys", json=body)
    if json:
        show.as_json(made)
        return
    typer.echo(made["key"])
    typer.echo("Shown this once: authdeck keeps only its hash.", err=True)


@app.command("list")
def list_(json: AsJson = False) -> None:
    """List client keys. The keys themselves are not kept, so only their beginnings show."""
    with management() as api:
        found = api.get("/client-keys")
    if json:
        show.as_json(found)
        return
    rows = (
        {
            **row,
            "created": show.moment(row["created_at"]),
            "expires": show.moment(row["expires_at"]),
            "used": show.moment(row["last_used_at"]),
            "revoked": show.moment(row["revoked_at"]),
        }
        for row in found["items"]
    )
    show.table(_COLUMNS, rows, empty="No client key. `authdeck keys create NAME` makes one.")


@app.command()
def revoke(id: Annotated[str, typer.Argument(show_default=False)]) -> None:  # noqa: A002 - the word users see
    """Refuse a client key from now on."""
    with management() as api:
        api.delete(f"/client-keys/{segment(id)}")
    typer.echo(f"Revoked. For a day `authdeck keys restore {id}` lets it work again.")


@app.command()
def restore(id: Annotated[str, typer.Argument(show_default=False)], json: AsJson = False) -> None:  # noqa: A002 - likewise
    """Let a client key work again that was revoked within a day."""
    with management() as api:
        key = api.post(f"/client-keys/{segment(id)}/restoration")
    if json:
        show.as_json(key)
    else:
        typer.echo(f"{key['name']} works again.")

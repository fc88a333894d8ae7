"""``authdeck operators``: who manages, and their admin keys."""

from typing import Annotated

import typer

from authdeck.cli import show
from authdeck.cli.management import management, segment
from authdeck.cli.show import AsJson

app = typer.Typer(name="operators", help="Who manages, and their admin keys.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The operator's name.", show_default=False)]

_COLUMNS = (("Name", "name"), ("Role", "role"), ("Keys", "shown"), ("Created", "created"), ("Disabled", "disabled"))


@app.command("list")
def list_(json: AsJson = False) -> None:
    """List operators with the beginnings of their admin keys."""
    with management() as api:
        found = api.get("/operators")
    if json:
        show.as_json(found)
        return
    rows = (
        {
            **row,
            "shown": [f"{key['id']}: {key['display']}…" for key in row["keys"] if not key["revoked_at"]],
            "created": show.moment(row["created_at"]),
            "disabled": show.moment(row["disabled_at"]),
        }
        for row in found["items"]
    )
    show.table(_COLUMNS, rows, empty="No operator.")


@app.command()
def create(
    name: Name,
    role: Annotated[str, typer.Option(help="viewer, operator or admin.")] = "operator",
    json: AsJson = False,
) -> None:
    """Add an operator. Give them a key (`authdeck operators key`) or a sign-in link next."""
    with management() as api:
        made = api.post("/operators", json={"name": name, "role": role})
    if json:
        show.as_json(made)
    else:
        typer.echo(f"Created {made['name']}, {made['role']}.")


@app.command()
def disable(name: Name) -> None:
    """Let an operator in no more: keys and sessions count no more."""
    with management() as api:
        api.put(f"/operators/{segment(name)}/disablement")
    typer.echo(f"Disabled {name}.")


@app.command()
def enable(name: Name) -> None:
    """Let an operator in again."""
    with management() as api:
        api.delete(f"/operators/{segment(name)}/disablement")
    typer.echo(f"Enabled {name}.")


@app.command()
def key(name: Name, json: AsJson = False) -> None:
    """Make an admin key for an operator. It is shown once, now."""
    with management() as api:
        made = api.post(f"/operators/{segment(name)}/keys")
    if json:
        show.as_json(made)
        return
    typer.echo(made["key"])
    typer.echo("Shown this once: authdeck keeps only its hash.", err=True)


@app.command()
def revoke(name: Name, id: Annotated[int, typer.Argument(help="The key's number in the list.")]) -> None:  # noqa: A002
    """Refuse an admin key from now on."""
    with management() as api:
        api.delete(f"/operators/{segment(name)}/keys/{id}")
    typer.echo("Revoked.")

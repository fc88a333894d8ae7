"""``authdeck settings``: what may be changed while authdeck runs."""

from typing import Annotated, Final

import typer

from authdeck.cli import show
from authdeck.cli.management import management
from authdeck.cli.show import AsJson

app = typer.Typer(name="settings", help="Settings that may be changed while authdeck runs.", no_args_is_help=True)

_COLUMNS: Final = (("Setting", "name"), ("In force", "shown"), ("From", "from"), ("Meaning", "meaning"))


@app.command("show")
def show_(json: AsJson = False) -> None:
    """Show what is in force, and where each value comes from."""
    with management() as api:
        found = api.get("/settings")
    if json:
        show.as_json(found)
        return
    rows = ({**row, "shown": show.words(row["value"]), "from": _from(row)} for row in found["items"])
    show.table(_COLUMNS, rows, empty="There is none.")


@app.command("set")
def set_(
    name: Annotated[str, typer.Argument(help="As `settings show` names it, such as trash_days.", show_default=False)],
    value: Annotated[
        str | None, typer.Argument(help="The new value; on or off for a switch.", show_default=False)
    ] = None,
    default: Annotated[bool, typer.Option("--default", help="Go back to the default.")] = False,
    json: AsJson = False,
) -> None:
    """Change a setting. In force at once, in every process; the audit tells it."""
    if (value is None) is not default:
        raise typer.BadParameter("Give a value, or --default.")
    with management() as api:
        found = api.patch("/settings", json={name: value})
    row = next(row for row in found["items"] if row["name"] == name)
    if json:
        show.as_json(row)
    else:
        typer.echo(f"{name} is {show.words(row['value'])} now ({_from(row)}).")


def _from(row: dict[str, object]) -> str:
    if row["changed_by"]:
        return f"{row['changed_by']}, {show.moment(str(row['changed_at']))}"
    return str(row["variable"]) if row["locked"] else str(row["source"])

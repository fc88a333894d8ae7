"""``authdeck trash``: what was deleted and is still whole."""

from typing import Annotated

import typer

from authdeck.cli import batch, show
from authdeck.cli.account_filters import Search
from authdeck.cli.management import management, segment
from authdeck.cli.show import AsJson

app = typer.Typer(name="trash", help="Deleted accounts, whole until they are purged.", no_args_is_help=True)

AuthIndex = Annotated[str, typer.Argument(metavar="AUTH_INDEX", show_default=False)]

_COLUMNS = (
    ("auth_index", "auth_index"),
    ("File", "file_name"),
    ("Provider", "provider"),
    ("Deleted", "at"),
    ("By", "trashed_by"),
    ("Purged from", "purge"),
    ("Requests", "requests"),
)


@app.command("list")
def list_(search: Search = None, json: AsJson = False) -> None:
    """List deleted accounts, newest first. `authdeck accounts restore` brings one back."""
    with management() as api:
        found = api.get("/trash", {"search": search or ""})
    if json:
        show.as_json(found)
        return
    rows = (
        {
            **row,
            "at": show.moment(row["trashed_at"]),
            "purge": show.moment(row["purge_at"]),
            "requests": row["dependents"]["requests"],
        }
        for row in found["items"]
    )
    show.table(_COLUMNS, rows, empty="The trash is empty.")


@app.command()
def restore(
    indexes: Annotated[list[str], typer.Argument(metavar="AUTH_INDEX…", show_default=False)], json: AsJson = False
) -> None:
    """Bring accounts back, with auth_index and history. Several are one batch, which can be undone."""
    if len(indexes) > 1:
        batch.change(indexes, restore=True, json=json)
        return
    with management() as api:
        account = api.post(f"/trash/{segment(indexes[0])}/restoration")
    if json:
        show.as_json(account)
    else:
        typer.echo(f"Restored {account['file_name']}.")


@app.command()
def purge(auth_index: AuthIndex, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Let go of a deleted account for good: auth file, history and settings. Nothing brings it back."""
    if not yes:
        typer.confirm(f"Purge {auth_index} for good?", abort=True, err=True)
    with management() as api:
        api.delete(f"/trash/{segment(auth_index)}")
    typer.echo(f"Purged {auth_index}.")

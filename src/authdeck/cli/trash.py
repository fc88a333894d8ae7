"""``authdeck trash``: what was deleted and is still whole."""

import typer

from authdeck.cli import show
from authdeck.cli.management import management
from authdeck.cli.show import AsJson

app = typer.Typer(name="trash", help="Deleted accounts, whole until they are purged.", no_args_is_help=True)

_COLUMNS = (
    ("auth_index", "auth_index"),
    ("File", "file_name"),
    ("Provider", "provider"),
    ("Deleted", "at"),
    ("By", "trashed_by"),
    ("Purged from", "purge"),
)


@app.command("list")
def list_(json: AsJson = False) -> None:
    """List deleted accounts, newest first. `authdeck accounts restore` brings one back."""
    with management() as api:
        found = api.get("/trash")
    if json:
        show.as_json(found)
        return
    rows = (
        {**row, "at": show.moment(row["trashed_at"]), "purge": show.moment(row["purge_at"])} for row in found["items"]
    )
    show.table(_COLUMNS, rows, empty="The trash is empty.")

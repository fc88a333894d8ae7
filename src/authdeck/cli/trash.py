"""``authdeck trash``: what was deleted and is still whole."""

from typing import Annotated, Any

import typer

from authdeck.cli import batch, show
from authdeck.cli.account_filters import Limit, Search
from authdeck.cli.management import management, segment
from authdeck.cli.show import AsJson

app = typer.Typer(name="trash", help="Deleted accounts, whole until they are purged.", no_args_is_help=True)

Indexes = Annotated[list[str] | None, typer.Argument(metavar="AUTH_INDEX…", show_default=False)]
AllOf = Annotated[
    str | None, typer.Option("--search", help='All in the trash that match; with * a pattern, "" for all.')
]

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
def list_(search: Search = None, limit: Limit = 50, json: AsJson = False) -> None:
    """List deleted accounts, newest first. `authdeck trash restore` brings them back."""
    with management() as api:
        found = api.pages("/trash", {"search": search or ""}, limit)
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
    show.table(_COLUMNS, rows, empty="The trash is empty." if search is None else "No deleted account matches.")
    if found["total"] > len(found["items"]):
        typer.echo(f"{len(found['items'])} of {found['total']}: --limit shows more.")


@app.command()
def restore(
    indexes: Indexes = None, search: AllOf = None, preview: batch.Preview = False, json: AsJson = False
) -> None:
    """Bring accounts back, with auth_index and history. Several are one batch, which can be undone."""
    selection = _selection(indexes, search)
    with management() as api:
        if preview or _one(selection) is None:
            asked = {"selection": selection, "change": {"restore": True}}
            begun = api.post("/batches", json=asked, params={"preview": preview or None})
            done = batch.finished(api, begun, quiet=json)
        else:
            account = api.post(f"/trash/{segment(_one(selection) or '')}/restoration")
    if preview or _one(selection) is None:
        batch.tell(done, json=json)
    elif json:
        show.as_json(account)
    else:
        typer.echo(f"Restored {account['file_name']}.")


@app.command()
def purge(
    indexes: Indexes = None,
    search: AllOf = None,
    preview: batch.Preview = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: AsJson = False,
) -> None:
    """Let go of deleted accounts for good: auth file, history and settings. Nothing brings them back."""
    selection = _selection(indexes, search)
    with management() as api:
        asked = {"selection": selection, "change": {"purge": True}}
        seen = batch.finished(api, api.post("/batches", json=asked, params={"preview": True}), quiet=json)
        number = seen["counts"].get("done", 0)
        if not preview and number:
            what = _one(selection) or ("1 account" if number == 1 else f"{number} accounts")
            if not yes:
                typer.confirm(f"Purge {what} for good?", abort=True, err=True)
            seen = batch.finished(api, api.post("/batches", json={"preview": seen["id"]}), quiet=json)
    batch.tell(seen, json=json)


def _selection(indexes: list[str] | None, search: str | None) -> dict[str, Any]:
    if bool(indexes) == (search is not None):
        raise typer.BadParameter("Name accounts by auth_index, or choose them with --search; not both.")
    return {"auth_indexes": indexes} if indexes else {"trash": True, "search": search}


def _one(selection: dict[str, Any]) -> str | None:
    """The only account named."""
    names: list[str] = selection.get("auth_indexes", [])
    return names[0] if len(names) == 1 else None

"""``authdeck queue``: what accounts ask of a person, and answering it."""

from typing import Annotated, Any

import typer

from authdeck.cli import account_filters as filters
from authdeck.cli import show
from authdeck.cli.management import Management, management
from authdeck.cli.show import AsJson

app = typer.Typer(name="queue", help="What needs a person: the action queue and incidents.", no_args_is_help=True)

_COLUMNS = (
    ("Id", "id"),
    ("Account", "file_name"),
    ("Suggested", "suggested_action"),
    ("Reason", "reason_code"),
    ("Status", "status"),
    ("Hits", "hits"),
    ("Last seen", "seen"),
)
_INCIDENTS = (("Id", "id"), ("Cause", "sentence"), ("Failures", "count"), ("Opened", "opened"), ("Closed", "closed"))

Ids = Annotated[list[int] | None, typer.Argument(help="Rows, by id.", show_default=False)]
Status = Annotated[
    list[str] | None,
    typer.Option(help="pending, failed, ignored, resolved, done. Open ones (the first two) otherwise."),
]
Action = Annotated[str | None, typer.Option(help="reauth, review, disable, delete or enable.")]
Reason = Annotated[str | None, typer.Option(help="A reason code, exactly.")]
All = Annotated[bool, typer.Option("--all", help="All rows that the filters find.")]


@app.command("list")
def list_(
    status: Status = None,
    search: filters.Search = None,
    action: Action = None,
    provider: filters.Provider = None,
    reason: Reason = None,
    sort: Annotated[str, typer.Option(help="-hits, -last_seen, first_seen or -closed.")] = "-hits",
    limit: filters.Limit = 50,
    json: AsJson = False,
) -> None:
    """List rows of the queue."""
    asked = _filters(status, search, action, provider, reason)
    with management() as api:
        found = api.pages("/candidates", {**asked, "sort": sort}, limit)
    if json:
        show.as_json(found)
        return
    rows = ({**row, "seen": show.moment(row["last_seen"])} for row in found["items"])
    show.table(_COLUMNS, rows, empty="Nothing needs you.")
    if len(found["items"]) < found["total"]:
        typer.echo(f"{len(found['items'])} of {found['total']} rows.")


@app.command()
def ignore(
    ids: Ids = None,
    until: Annotated[str | None, typer.Option(help="RFC 3339; otherwise while the signal stands.")] = None,
    every: All = False,
    status: Status = None,
    search: filters.Search = None,
    action: Action = None,
    provider: filters.Provider = None,
    reason: Reason = None,
) -> None:
    """Let rows rest."""
    rows = _rows(ids, _filters(status, search, action, provider, reason), every=every)
    _answer("ignore", {**rows, "until": until}, "Ignored")


@app.command()
def resolve(
    ids: Ids = None,
    every: All = False,
    status: Status = None,
    search: filters.Search = None,
    action: Action = None,
    provider: filters.Provider = None,
    reason: Reason = None,
) -> None:
    """Mark rows as done: nothing is left to do."""
    _answer("resolve", _rows(ids, _filters(status, search, action, provider, reason), every=every), "Resolved")


@app.command()
def reopen(ids: Annotated[list[int], typer.Argument(help="Rows, by id.", show_default=False)]) -> None:
    """Make ignored and failed rows pending again."""
    _answer("reopen", {"ids": ids}, "Open again")


@app.command()
def act(
    what: Annotated[str, typer.Argument(help="disable, enable or delete.", show_default=False)],
    ids: Ids = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; otherwise only say what would happen.")] = False,
    note: Annotated[str, typer.Option(help="Why; kept with a disablement.")] = "",
    every: All = False,
    search: filters.Search = None,
    action: Action = None,
    provider: filters.Provider = None,
    reason: Reason = None,
    json: AsJson = False,
) -> None:
    """Disable, enable or delete the rows' accounts, as a batch that can be undone with: authdeck batch undo ID."""
    rows = _rows(ids, _filters(None, search, action, provider, reason), every=every)
    with management() as api:
        wish = {**rows, "act": what, "reason": note}
        done = api.post("/candidates/batch", params={"preview": not yes}, json=wish, patient=True)
    if json:
        show.as_json(done)
        return
    counts = ", ".join(f"{number} {name}" for name, number in done["counts"].items() if number and name != "total")
    typer.echo(f"{'Done' if yes else 'Would be'}: {counts}. Batch {done['id']}.")


@app.command()
def incidents(
    limit: filters.Limit = 50,
    json: AsJson = False,
) -> None:
    """List causes that many failures share, the open ones first."""
    with management() as api:
        found = api.pages("/incidents", {}, limit)
    if json:
        show.as_json(found)
        return
    rows = (
        {
            **row,
            "opened": show.moment(row["opened_at"]),
            "closed": show.moment(row["closed_at"]) if row["closed_at"] else "open",
        }
        for row in found["items"]
    )
    show.table(_INCIDENTS, rows, empty="No incident.")


@app.command("close-incident")
def close_incident(id_: Annotated[int, typer.Argument(metavar="ID", help="An incident.", show_default=False)]) -> None:
    """Close an incident by hand. Failures that go on open another."""
    with management() as api:
        api.post(f"/incidents/{id_}/close")
    typer.echo("Closed.")


def _answer(what: str, rows: dict[str, Any], done: str) -> None:
    with management() as api:
        _tell(api, what, rows, done)


def _tell(api: Management, what: str, rows: dict[str, Any], done: str) -> None:
    answered = api.post(f"/candidates/{what}", json=rows)
    typer.echo(f"{done}: {answered['rows']}.")


def _filters(
    status: list[str] | None, search: str | None, action: str | None, provider: str | None, reason: str | None
) -> dict[str, Any]:
    return filters.chosen(status=status, search=search, action=action, provider=provider, reason=reason)


def _rows(ids: list[int] | None, found: dict[str, Any], *, every: bool) -> dict[str, Any]:
    if ids:
        return {"ids": ids}
    if not (every or found):
        raise typer.BadParameter("Name rows by id, by filters, or say --all.")
    return {"filters": found}

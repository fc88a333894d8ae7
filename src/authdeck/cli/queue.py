"""``authdeck queue``: what accounts ask of a person, and answering it."""

from typing import Annotated, Any

import typer

from authdeck.cli import account_filters as filters
from authdeck.cli import show
from authdeck.cli.batch import Preview, finished, tell
from authdeck.cli.management import management
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
    asked = filters.chosen(status=status, search=search, action=action, provider=provider, reason=reason)
    with management() as api:
        found = api.pages("/candidates", {**asked, "sort": sort}, limit)
    if json:
        show.as_json(found)
        return
    rows = ({**row, "seen": show.moment(row["last_seen"])} for row in found["items"])
    show.table(_COLUMNS, rows, empty="Nothing needs you.")
    if len(found["items"]) < found["total"]:
        typer.echo(f"{len(found['items'])} of {found['total']} rows.")


@app.command("show")
def show_(row: Annotated[int, typer.Argument(metavar="ROW", help="A row's id.")], json: AsJson = False) -> None:
    """Show one row: its evidence, where it stands, and where to go from there."""
    with management() as api:
        found = api.get(f"/candidates/{row}")
    if json:
        show.as_json(found)
        return
    ends = [("Ends", show.moment(found["ignored_until"])), ("", found["resolution_sentence"])]
    show.fields(
        [
            *((heading, found[key]) for heading, key in _COLUMNS[:6]),
            ("Why", found["sentence"]),
            ("First seen", show.moment(found["first_seen"])),
            ("Last seen", show.moment(found["last_seen"])),
            *ends,
            ("At the provider", found["link"]),
            *((name.replace("_", " ").capitalize(), path) for name, path in found["links"].items()),
        ]
    )
    if "sign_in" in found["links"]:
        typer.echo(f"Sign in again: authdeck login {found['provider']} --account {found['auth_index']}")


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
    preview: Preview = False,
    json: AsJson = False,
) -> None:
    """Let rows rest. Like every answer here it is a batch: authdeck batch undo takes it back."""
    rows = _rows(ids, _filters(status, search, action, provider, reason), every=every)
    _answer("ignore", {**rows, "until": until}, preview=preview, json=json)


@app.command()
def resolve(
    ids: Ids = None,
    every: All = False,
    status: Status = None,
    search: filters.Search = None,
    action: Action = None,
    provider: filters.Provider = None,
    reason: Reason = None,
    preview: Preview = False,
    json: AsJson = False,
) -> None:
    """Mark rows as done: nothing is left to do."""
    rows = _rows(ids, _filters(status, search, action, provider, reason), every=every)
    _answer("resolve", rows, preview=preview, json=json)


@app.command()
def reopen(
    ids: Ids = None,
    every: All = False,
    status: Annotated[list[str] | None, typer.Option(help="ignored or failed. Both otherwise.")] = None,
    search: filters.Search = None,
    action: Action = None,
    provider: filters.Provider = None,
    reason: Reason = None,
    preview: Preview = False,
    json: AsJson = False,
) -> None:
    """Make ignored and failed rows pending again."""
    rows = _rows(ids, _filters(status, search, action, provider, reason), every=every)
    if "filters" in rows:
        rows["filters"] = {"status": ["ignored", "failed"], **rows["filters"]}
    _answer("reopen", rows, preview=preview, json=json)


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
    _answer("batch", {**rows, "act": what, "reason": note}, preview=not yes, json=json)


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
def close_incident(
    id_: Annotated[int, typer.Argument(metavar="ID", help="An incident.", show_default=False)], json: AsJson = False
) -> None:
    """Close an incident by hand. Failures that go on open another."""
    with management() as api:
        closed = api.post(f"/incidents/{id_}/close")
    if json:
        show.as_json(closed)
    else:
        typer.echo("Closed.")


def _answer(what: str, rows: dict[str, Any], *, preview: bool, json: bool) -> None:
    """Wait until it is through. Ends with 1 when a row was skipped or failed."""
    with management() as api:
        begun = api.post(f"/candidates/{what}", params={"preview": preview or None}, json=rows, patient=True)
        done = finished(api, begun, quiet=json, what="Answering")
    tell(done, json=json)


def _filters(
    status: list[str] | None, search: str | None, action: str | None, provider: str | None, reason: str | None
) -> dict[str, Any]:
    """Those of an act: an empty one would mean more rows than anybody wants."""
    given = {"status": status, "search": search, "action": action, "provider": provider, "reason": reason}
    filters.refuse_empty(**given)
    return filters.chosen(**given)


def _rows(ids: list[int] | None, found: dict[str, Any], *, every: bool) -> dict[str, Any]:
    if bool(ids) == bool(every or found):
        raise typer.BadParameter("Name rows by id, or choose them by filters or with --all; not both.")
    return {"ids": ids} if ids else {"filters": found or {"search": ""}}

"""``authdeck batch``: one change of many accounts, previewed, undone and cancelled as a whole."""

import json as json_
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from authdeck.cli import account_filters, batch_export, outlet, show
from authdeck.cli.management import Management, management, segment
from authdeck.cli.outlet import Force, Output
from authdeck.cli.progress import progress
from authdeck.cli.reading import text_of
from authdeck.cli.show import AsJson

SHOWN: Final = 50
"""Rows of a table; the rest is counted. ``--json`` has all."""

SECRET: Final = ("proxy_url", "headers")
PAUSE: Final = 0.2

_COLUMNS: Final = (
    ("File", "file_name"),
    ("auth_index", "auth_index"),
    ("Outcome", "outcome"),
    ("Changed", "what"),
    ("", "detail"),
)
_BATCHES: Final = (
    ("id", "id"),
    ("Kind", "kind"),
    ("Status", "status"),
    ("By", "actor"),
    ("When", "at"),
    ("Rows", "rows"),
)


class _NamesFirst(TyperGroup):
    """``authdeck batch ann.json --set …``: what is none of the commands is a name, or an option, of ``change``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, "--help", "-h"}:
            args = ["change", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    name="batch",
    help="Change many accounts at once, look first, and take it back. Options: `authdeck batch change --help`.",
    no_args_is_help=True,
    cls=_NamesFirst,
)

Id = Annotated[str, typer.Argument(metavar="BATCH", help="A batch's id.", show_default=False)]
Preview = Annotated[bool, typer.Option("--preview", help="Say what would happen; change nothing.")]


@app.command()
def change(
    names: Annotated[
        list[str] | None, typer.Argument(help="auth_index, file name, or another alias.", show_default=False)
    ] = None,
    names_from: Annotated[
        str | None, typer.Option(metavar="FILE", help="Names from a file, one a line; - for stdin.")
    ] = None,
    search: Annotated[str | None, typer.Option(help='All accounts that match; with * a pattern, "" for all.')] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILTER=VALUE", help="A filter of the list: provider=codex, state=cooling, problem=true, …"
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="note, priority, weight, prefix, project_id, …"),
    ] = None,
    clear: Annotated[list[str] | None, typer.Option(metavar="FIELD", help="Empty this field.")] = None,
    secrets_from: Annotated[
        str | None,
        typer.Option(metavar="FILE", help='proxy_url and headers, as JSON: {"headers": {"X-Team": "…"}}; - for stdin.'),
    ] = None,
    disable: Annotated[str | None, typer.Option(metavar="REASON", help="Stop serving with them.")] = None,
    until: Annotated[str | None, typer.Option(help="When that ends, such as 2026-12-01T08:00:00Z.")] = None,
    enable: Annotated[bool, typer.Option("--enable", help="Serve with them again.")] = False,
    lock: Annotated[bool, typer.Option("--lock", help="Keep automation's hands off them.")] = False,
    unlock: Annotated[bool, typer.Option("--unlock")] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Put them into the trash.")] = False,
    restore: Annotated[bool, typer.Option("--restore", help="Bring them back from the trash, by auth_index.")] = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Get them new tokens, one after the other.")] = False,
    query_quota: Annotated[
        bool, typer.Option("--query-quota", help="Ask their providers what is left; `authdeck quota` shows it.")
    ] = False,
    export: Annotated[
        str | None,
        typer.Option(metavar="FORMAT", help="Hand them out: cliproxyapi, codex_cli, sub2api or archive, to --output."),
    ] = None,
    hand_over: Annotated[
        bool, typer.Option("--hand-over", help="The other program refreshes what is exported.")
    ] = False,
    recipient: Annotated[list[str] | None, typer.Option(help="age1… of who may open an exported archive.")] = None,
    output: Output = None,
    force: Force = False,
    preview: Preview = False,
    json: AsJson = False,
) -> None:
    """Change accounts named, or all that match. What is not named stays.

    Secrets never stand on the command line: --secrets-from reads them. Ends with 1 when a row was skipped or failed, or
    was not done because somebody stopped it.
    """
    to = batch_export.asked(export, output, hand_over=hand_over, recipients=recipient, force=force, preview=preview)
    flags = {
        "enable": enable, "lock": lock, "unlock": unlock, "delete": delete, "restore": restore, "refresh": refresh,
        "query_quota": query_quota,
    }  # fmt: skip
    wanted: dict[str, Any] = {**_pairs(set_, "--set"), **dict.fromkeys(clear or ()), **_secrets(secrets_from)}
    wanted |= {name: True for name, given in flags.items() if given}
    if disable is not None or until is not None:
        wanted["disable"] = {"reason": disable or "", "until": until}
    if to is not None:
        wanted["export"] = to.order
    if not wanted:
        raise typer.BadParameter("Say what to change, such as --set priority=5 or --disable 'on leave'.")
    selection = _selection([*(names or []), *_lines(names_from)], search, where)
    with management() as api:
        asked = {"selection": selection, "change": wanted}
        found = finished(api, api.post("/batches", json=asked, params={"preview": preview or None}), quiet=json)
        try:
            is_written = to is not None and to.take(api, found)
        except BaseException:
            _tell(found, json=json)
            raise
    tell(found, json=json, is_written=is_written)


@app.command("list")
def list_(
    kind: Annotated[str | None, typer.Option(help="change, undo, import or merge.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    json: AsJson = False,
) -> None:
    """List batches, imports and merges too, newest first."""
    with management() as api:
        found = api.pages("/batches", {"kind": kind}, limit)
    if json:
        show.as_json(found)
        return
    rows = ({**one, "at": show.moment(one["created_at"]), "rows": _counted(one["counts"])} for one in found["items"])
    show.table(_BATCHES, rows, empty="There was no batch yet.")


@app.command("show")
def show_(batch: Id, json: AsJson = False) -> None:
    """Show what became of a batch, row by row. Ends with 1 when a row was skipped or failed, or was not done."""
    with management() as api:
        found = _whole(api, batch)
    tell(found, json=json)


@app.command()
def undo(batch: Id, preview: Preview = False, json: AsJson = False) -> None:
    """Take a batch back, field by field where nobody changed it since. Ends with 1 when something was left."""
    with management() as api:
        begun = api.post(f"/batches/{segment(batch)}/undo", params={"preview": preview or None})
        found = finished(api, begun, quiet=json)
    tell(found, json=json)


@app.command()
def apply(preview: Annotated[str, typer.Argument(metavar="PREVIEW", show_default=False)], json: AsJson = False) -> None:
    """Do what was previewed: exactly those rows. What is otherwise by now is listed."""
    with management() as api:
        found = finished(api, api.post("/batches", json={"preview": preview}), quiet=json)
    tell(found, json=json)


@app.command()
def content(batch: Id, output: Output = None, force: Force = False, json: AsJson = False) -> None:
    """Write the file of an export that has ended. It holds secrets, and taking it is audited."""
    if output is None:
        raise typer.BadParameter("Name the file to write with --output.")
    outlet.refuse_both(output, json=json)
    to = outlet.target(output, force=force)
    with management() as api:
        found = api.get(f"/batches/{segment(batch)}", {"page_size": 1})
        batch_export.take(api, found, to, force=force, quiet=json)
    if json:
        show.as_json({"batch": found["id"], "counts": found["counts"], "file": str(to)})


@app.command()
def cancel(batch: Id, json: AsJson = False) -> None:
    """Do no further row of a batch. What is done stays; `authdeck batch undo` takes it back."""
    with management() as api:
        found = api.post(f"/batches/{segment(batch)}/cancel")
    if json:
        show.as_json(found)
    else:
        typer.echo(f"{found['status'].capitalize()}: {_counted(found['counts'])}.")


# ---- what is asked ----


def _selection(names: list[str], search: str | None, where: list[str] | None) -> dict[str, Any]:
    filters = _pairs(where, "--where")
    account_filters.refuse_empty(**{f"where {name}": value for name, value in filters.items()})
    if search is not None:
        filters["search"] = search
    if bool(names) == bool(filters):
        raise typer.BadParameter("Name accounts, or choose them with --search or --where; not both.")
    return {"auth_indexes": names} if names else filters


def _pairs(given: list[str] | None, option: str) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for pair in given or ():
        name, is_pair, value = pair.partition("=")
        if not is_pair or not name:
            raise typer.BadParameter(f"{option} takes FIELD=VALUE, not {pair}.")
        if name in SECRET:
            raise typer.BadParameter(f"{name} may hold a secret: give it with --secrets-from FILE, or - for stdin.")
        pairs[name] = _structured(value)
    return pairs


def _structured(value: str) -> Any:
    """Lists and objects are given as JSON."""
    if not value.startswith(("[", "{")):
        return value
    try:
        return json_.loads(value)
    except ValueError:
        return value


def _secrets(path: str | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        given = json_.loads(text_of(path))
    except ValueError:
        given = None
    if not isinstance(given, dict) or not set(given) <= set(SECRET):
        raise typer.BadParameter("--secrets-from takes a JSON object of proxy_url and headers.")
    return given


def _lines(path: str | None) -> list[str]:
    return [] if path is None else [line.strip() for line in text_of(path).splitlines() if line.strip()]


# ---- what became of it ----


def finished(api: Management, batch: dict[str, Any], *, quiet: bool, what: str = "Changing") -> dict[str, Any]:
    """The batch with all its rows, when it is over; a bar on the way while a person watches."""
    counts = batch["counts"]
    if batch["status"] in _RUNNING and counts["left"] is not None:
        with progress(what, counts["total"], quiet=quiet) as advance:
            advance(counts["total"] - counts["left"])
            while batch["status"] in _RUNNING:
                api.pause(PAUSE)
                before, batch = batch, api.get(f"/batches/{batch['id']}", {"page_size": 1})
                advance(before["counts"]["left"] - batch["counts"]["left"])
    return _whole(api, batch["id"])


_RUNNING: Final = frozenset({"running", "previewing"})


def _whole(api: Management, batch_id: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/batches/{segment(batch_id)}", {"page_size": 1000})
    while found["next"]:
        more = api.get(f"/batches/{segment(batch_id)}", {"page_size": 1000, "cursor": found["next"]})
        found = {**more, "items": found["items"] + more["items"]}
    return found


def tell(batch: dict[str, Any], *, json: bool, is_written: bool = False) -> None:
    """Its rows and counts. Ends with 1 when a row was skipped or failed, or never done. ``is_written``: a file is."""
    _tell(batch, json=json, is_written=is_written)
    if batch["status"] in {"failed", "interrupted"} or not _is_clean(batch):
        raise typer.Exit(1)


def _is_clean(batch: dict[str, Any]) -> bool:
    ended = () if batch["status"] in _RUNNING else ("left",)
    return not any(batch["counts"].get(outcome) for outcome in ("skipped", "failed", "rejected", "conflict", *ended))


def _tell(batch: dict[str, Any], *, json: bool, is_written: bool = False) -> None:
    if json:
        show.as_json(batch)
    else:
        _tell_rows(batch, is_written=is_written)


def _tell_rows(batch: dict[str, Any], *, is_written: bool) -> None:
    """Rows that need a look first."""
    rows = sorted(batch["items"], key=lambda item: _LOOK.get(item["outcome"], 9))
    show.table(_COLUMNS, map(_row, rows[:SHOWN]), empty="No row.")
    if len(rows) > SHOWN:
        typer.echo(f"… and {len(rows) - SHOWN} more rows: --json has all.")
    what = "Preview, nothing changed" if batch["preview"] else batch["status"].capitalize()
    typer.echo(f"{what}: {_counted(batch['counts'])}.")
    if batch["status"] == "previewed":
        typer.echo(f"`authdeck batch apply {batch['id']}` does it, within 15 minutes.")
    elif batch["counts"].get("done") and "export" in batch["change"]:
        if not is_written:
            typer.echo(f"`authdeck batch content {batch['id']} --output FILE` writes the file.")
    elif batch["counts"].get("done") and not {"refresh", "query_quota", "purge"} & set(batch["change"]):
        typer.echo(f"`authdeck batch undo {batch['id']}` takes it back.")


_LOOK: Final = {"failed": 0, "skipped": 1, "done": 2, "unchanged": 3}


def _row(item: dict[str, Any]) -> dict[str, Any]:
    told = [item["reason"]["sentence"]] if item["reason"] else []
    told += [
        f"{name} was {show.words(found['found']) or 'empty'}, not {show.words(found['expected']) or 'empty'}."
        for name, found in item["differs"].items()
    ]
    what = [f"{name} {_value(item['before'].get(name))} → {_value(value)}" for name, value in item["after"].items()]
    return {**item, "what": "; ".join(what), "detail": " ".join(told)}


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_value(one)}" for name, one in value.items() if one) or "–"
    return show.words(value) or "–"


def _counted(counts: dict[str, int | None]) -> str:
    told = [f"{count} {outcome}" for outcome, count in counts.items() if count and outcome not in {"total", "left"}]
    told += [f"{counts['left']} not done"] if counts["left"] else []
    return ", ".join(told) or "nothing"

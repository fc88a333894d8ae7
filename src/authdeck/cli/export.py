"""``authdeck export``: auth files out, into a file that only its owner may read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from authdeck.cli import account_filters as filters
from authdeck.cli import outlet, show
from authdeck.cli.management import Management, management
from authdeck.cli.outlet import Force, Output
from authdeck.cli.progress import WORTH_WATCHING, progress
from authdeck.cli.show import AsJson

_COLUMNS: Final = (("File", "file_name"), ("auth_index", "auth_index"), ("Lost", "lost"), ("", "detail"))
SHOWN: Final = 50
"""Lines told; the rest is counted. A preview as ``--json`` has more."""
NAMED: Final = 3
"""Accounts named in a line that says the same of all of them."""


@filters.with_filters()
def export(
    *,
    asked: dict[str, Any],
    names: Annotated[
        list[str] | None, typer.Argument(help="auth_index, file name, or another alias.", show_default=False)
    ] = None,
    format: Annotated[str, typer.Option(help="cliproxyapi, codex_cli, sub2api or archive.")] = "cliproxyapi",  # noqa: A002
    output: Output = None,
    recipient: Annotated[
        list[str] | None, typer.Option(help="age1… of who may open the archive. May be given several times.")
    ] = None,
    passphrase_file: Annotated[
        Path | None, typer.Option(help="Holds the passphrase that opens the archive.", exists=True, dir_okay=False)
    ] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Say what would be lost; hand out nothing.")] = False,
    partial: Annotated[bool, typer.Option("--partial", help="Leave out what the format can't hold.")] = False,
    hand_over: Annotated[
        bool, typer.Option("--hand-over", help="The other program refreshes these sign-ins; authdeck stops using them.")
    ] = False,
    force: Force = False,
    json: AsJson = False,
) -> None:
    """Export auth files, or an encrypted archive of many. What the format can't carry is listed first, on stderr.

    The file holds secrets: it is written for its owner alone, never over another file, and never to a terminal.
    """
    if not names and not asked:
        raise typer.BadParameter("Name accounts, or choose them with --search, --provider or another filter.")
    if names and asked:
        raise typer.BadParameter("Name accounts, or choose them with filters; not both.")
    if output is None and not preview:
        raise typer.BadParameter("Name the file to write with --output, or look first with --preview.")
    outlet.refuse_both(None if preview else output, json=json)
    path = None if output is None or preview else outlet.target(output, force=force)
    wish: dict[str, Any] = {
        "format": format,
        "auth_indexes": names or [],
        "search": None if names else asked,
        "partial": partial,
        "hand_over": hand_over,
        "recipients": recipient or [],
        "passphrase": passphrase_file.read_text().rstrip("\r\n") if passphrase_file else None,
    }
    with management() as api:
        told = api.post("/exports", json=wish, params={"preview": True}, patient=True)
        if not json:
            _tell(told, preview=preview)
        if not preview:
            _write(api, wish, path, force=force, quiet=json or told["total"] <= WORTH_WATCHING)
    if json:
        show.as_json(told if preview else {**told, "file": str(path)})
    elif path is not None:
        typer.echo(f"Wrote {told['total'] - told['refused']} to {path}.", err=True)


def _write(api: Management, wish: dict[str, Any], path: Path | None, *, force: bool, quiet: bool) -> None:
    """How much there is shows when all accounts are read: until then only that it goes on."""
    with (
        outlet.opened(path, force=force) as file,
        progress("Exporting", None, quiet=quiet, in_bytes=True) as advance,
    ):
        api.download("/exports", file, json=wish, advance=advance)


def _tell(told: dict[str, Any], *, preview: bool) -> None:
    """What will be lost. Beside a pipe full of secrets it goes to stderr."""
    rows = list(map(_row, told["items"]))
    if preview:
        show.table(_COLUMNS, rows[:SHOWN], empty="No account matches.")
        left_out = len(rows) > SHOWN
    else:
        warnings = _warnings(rows)
        for line in warnings[:SHOWN]:
            typer.echo(line, err=True)
        left_out = len(warnings) > SHOWN
    if left_out or told["total"] > len(rows):
        typer.echo(
            f"… Of {told['total']} accounts {told['refused']} can't be written so, {told['lossy']} lose something, and"
            f" {told['rotating']} would be shared by two programs.",
            err=not preview,
        )


def _warnings(rows: Sequence[dict[str, Any]]) -> list[str]:
    """A line for each thing there is to say, with the accounts that it is said of."""
    names: dict[str, list[str]] = {}
    for row in rows:
        lost = f"Not carried: {', '.join(row['lost'])}. " if row["lost"] else ""
        if said := f"{lost}{row['detail']}".strip():
            names.setdefault(said, []).append(row["file_name"])
    return [f"{_some(of)}: {said}" for said, of in names.items()]


def _some(names: Sequence[str]) -> str:
    first, others = ", ".join(names[:NAMED]), len(names) - NAMED
    return first if others <= 0 else f"{first} and {others} more"


def _row(item: dict[str, Any]) -> dict[str, Any]:
    notes = [*([item["refused"]] if item["refused"] else []), *item["notes"]]
    return {**item, "detail": " ".join(note["sentence"] for note in notes)}

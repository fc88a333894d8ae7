"""``authdeck export``: auth files out, into a file that only its owner may read."""

import sys
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from authdeck.cli import account_filters as filters
from authdeck.cli import show
from authdeck.cli.management import management
from authdeck.cli.show import AsJson

_COLUMNS: Final = (("File", "file_name"), ("auth_index", "auth_index"), ("Lost", "lost"), ("", "detail"))
STDOUT: Final = "-"


@filters.with_filters()
def export(
    *,
    asked: dict[str, Any],
    names: Annotated[
        list[str] | None, typer.Argument(help="auth_index, file name, or another alias.", show_default=False)
    ] = None,
    format: Annotated[str, typer.Option(help="cliproxyapi, codex_cli, sub2api or archive.")] = "cliproxyapi",  # noqa: A002
    output: Annotated[str | None, typer.Option("--output", "-o", help="The file to write; - for a pipe.")] = None,
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
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    json: AsJson = False,
) -> None:
    """Export auth files, or an encrypted archive of many. What the format can't carry is listed first, on stderr.

    The file holds secrets: it is written for its owner alone, never over another file, and never to a terminal.
    """
    if not names and not asked:
        raise typer.BadParameter("Name accounts, or choose them with --search, --provider or another filter.")
    target = None if preview else _target(output, force=force)
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
        told = api.post("/exports", json=wish, params={"preview": True})
        _tell(told, json=json, preview=preview)
        content = BytesIO()
        if not preview:
            api.download("/exports", content, json=wish)
    if target is not None:
        _write(target, content.getvalue(), force=force)
        typer.echo(f"Wrote {len(told['items'])} to {target}.", err=True)
    elif not preview:
        sys.stdout.buffer.write(content.getvalue())


def _target(output: str | None, *, force: bool) -> Path | None:
    """Where to write; ``None`` is a pipe. Refused before anything is asked for."""
    if output is None:
        raise typer.BadParameter("Name the file to write with --output, or look first with --preview.")
    if output == STDOUT:
        if sys.stdout.isatty():
            raise typer.BadParameter("Secrets are not written to a terminal. Name a file, or pipe the output.")
        return None
    path = Path(output)
    if path.is_dir():
        raise typer.BadParameter(f"{path} is a folder. Name a file in it.")
    if path.exists() and not force:
        raise typer.BadParameter(f"{path} is there already. Choose another name, or --force to replace it.")
    return path


def _write(path: Path, content: bytes, *, force: bool) -> None:
    """Owner-only from its first byte on. Without ``force`` a file that appeared meanwhile stays as it is."""
    import os  # noqa: PLC0415

    from authdeck.private_file import write_private  # noqa: PLC0415

    if force:
        write_private(path, content)
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _tell(told: dict[str, Any], *, json: bool, preview: bool) -> None:
    """What will be lost. Beside a pipe full of secrets it goes to stderr."""
    if json and preview:
        show.as_json(told)
        return
    if preview:
        show.table(_COLUMNS, map(_row, told["items"]), empty="No account matches.")
        return
    for item in map(_row, told["items"]):
        if item["lost"] or item["detail"]:
            lost = f" Not carried: {', '.join(item['lost'])}." if item["lost"] else ""
            typer.echo(f"{item['file_name']}:{lost} {item['detail']}".rstrip(), err=True)


def _row(item: dict[str, Any]) -> dict[str, Any]:
    notes = [*([item["refused"]] if item["refused"] else []), *item["notes"]]
    return {**item, "detail": " ".join(note["sentence"] for note in notes)}

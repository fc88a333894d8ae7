"""``authdeck batch … --export``: an export as a batch is one change more, with a file to fetch when it has ended."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from authdeck.cli import outlet
from authdeck.cli.management import Management, segment
from authdeck.cli.progress import WORTH_WATCHING, progress


@dataclass(frozen=True, slots=True)
class Export:
    """``order`` as the API takes it. Where no output was named, the file waits to be fetched."""

    order: dict[str, Any]
    path: Path | None
    force: bool

    def take(self, api: Management, batch: dict[str, Any]) -> bool:
        """Write the file, where there is one and it was asked for; whether it is written."""
        if self.path is None or not batch["counts"].get("done"):
            return False
        take(api, batch, self.path, force=self.force)
        return True


def asked(
    form: str | None,
    output: str | None,
    *,
    hand_over: bool,
    recipients: list[str] | None,
    force: bool,
    preview: bool,
) -> Export | None:
    """``None`` where nothing is to be exported."""
    if form is None:
        if output is not None or hand_over or recipients:
            raise typer.BadParameter("--output, --hand-over and --recipient go with --export FORMAT.")
        return None
    if output == outlet.STDOUT:
        raise typer.BadParameter("Name a file: what became of each account is printed.")
    order = {"format": form, "hand_over": hand_over, "recipients": recipients or []}
    path = outlet.target(output, force=force) if output is not None and not preview else None
    return Export(order, path, force)


def take(api: Management, batch: dict[str, Any], path: Path | None, *, force: bool, quiet: bool = False) -> None:
    few = batch["counts"].get("done", 0) <= WORTH_WATCHING
    with (
        outlet.opened(path, force=force) as file,
        progress("Exporting", None, quiet=quiet or few, in_bytes=True) as advance,
    ):
        api.download(f"/batches/{segment(batch['id'])}/content", file, advance=advance)
    if path is not None and not quiet:
        typer.echo(f"Wrote {path}.", err=True)

"""``authdeck backup`` and ``authdeck restore``."""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from authdeck.cli import outlet, show
from authdeck.cli.failure import RefusedError
from authdeck.cli.management import management
from authdeck.cli.show import AsJson

if TYPE_CHECKING:
    from authdeck.operations.restoring import Report
    from authdeck.vault.keys import MasterKey

File = Annotated[Path, typer.Argument(help="The backup.", show_default=False, dir_okay=False)]

_COLUMNS = (("auth_index", "auth_index"), ("Provider", "provider"), ("File", "file_name"))


def backup(
    file: File,
    with_monitoring: Annotated[bool, typer.Option("--with-monitoring", help="Recorded requests too.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if there is one.")] = False,
    json: AsJson = False,
) -> None:
    """Write everything of this moment into one sealed file, beside a running server too. Its master key opens it."""
    if file.exists() and not force:
        raise RefusedError("file_exists", f"There is a file {file} already. Add --force to replace it.")
    with management() as api:
        made = api.post("/backups", json={"monitoring": with_monitoring}, patient=True)
        try:
            with outlet.opened(file, force=force) as opened:
                api.download(f"/backups/{made['id']}/content", opened)
        finally:
            api.delete(f"/backups/{made['id']}")
    if json:
        show.as_json({**made, "file": str(file)})
        return
    typer.echo(f"Backed up {made['rows']['accounts']} accounts into {file} ({made['size']} bytes).")
    typer.echo("Only the master key in force now opens it: keep a copy of that apart (authdeck master-key export).")
    _stale(made["rotating"], "Once these accounts are refreshed here, the tokens in this backup are stale:")


def restore(
    file: File,
    drill: Annotated[bool, typer.Option("--drill", help="Verify the backup whole, and touch nothing.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Over data that are there; they are kept beside.")] = False,
    master_key_file: Annotated[
        Path | None, typer.Option(help="The master key of the backup, if it is not the home's.", show_default=False)
    ] = None,
    json: AsJson = False,
) -> None:
    """Restore a backup into this home or its PostgreSQL database, with no server running. --drill only verifies."""
    report = _restored(file, drill=drill, to_replace=replace, master_key_file=master_key_file)
    if json:
        show.as_json(asdict(report))
    else:
        _tell(report, drill=drill)
    if drill and report.unopened:
        raise typer.Exit(1)


def _restored(file: Path, *, drill: bool, to_replace: bool, master_key_file: Path | None) -> "Report":
    from authdeck.access import Actor, Role  # noqa: PLC0415 - opening databases takes time that --help does not need
    from authdeck.clock import SystemClock  # noqa: PLC0415
    from authdeck.home import Home  # noqa: PLC0415
    from authdeck.operations import restoring  # noqa: PLC0415
    from authdeck.settings import load  # noqa: PLC0415
    from authdeck.storage import opening  # noqa: PLC0415

    settings, clock, actor = load(), SystemClock(), Actor(f"local:{os.getuid()}", Role.ADMIN)
    key = _key(settings, master_key_file)
    if drill:
        return restoring.drill(file, key, clock, actor)
    is_shared = opening.control_url(settings).get_backend_name() == "postgresql"
    with nullcontext(Home(settings.home)) if is_shared else Home(settings.home):
        return restoring.restore(file, settings, key, clock, actor, to_replace=to_replace)


def _key(settings: Any, file: Path | None) -> "MasterKey":
    from authdeck.errors import DeckError  # noqa: PLC0415
    from authdeck.operations import keyring  # noqa: PLC0415
    from authdeck.vault.keys import read_key_file  # noqa: PLC0415

    path = file or keyring.key_file(settings)
    key = read_key_file(file) if file is not None else keyring.given_key(settings)
    if key is None:
        raise DeckError("master_key_missing", path=str(path))
    return key


def _tell(report: "Report", *, drill: bool) -> None:
    accounts = report.rows.get("accounts", 0)
    if drill:
        typer.echo(f"The backup of {show.moment(report.created_at)} is whole: {accounts} accounts.")
        typer.echo(f"{report.opened} sealed secrets open. Nothing was touched.")
    else:
        typer.echo(f"Restored {accounts} accounts as of {show.moment(report.created_at)}.")
    for former in report.former:
        typer.echo(f"The former data lie at {former}.")
    for one in report.unopened:
        typer.echo(f"Does not open, and did not when the backup was made: {one.kind} {one.row} ({one.code})")
    rotating = [asdict(one) for one in report.rotating]
    _stale(rotating, "These accounts' tokens may be stale; restored, they wait for `authdeck accounts confirm`:")


def _stale(rotating: Sequence[dict[str, Any]], sentence: str) -> None:
    if rotating:
        typer.echo(f"\n{sentence}")
        show.table(_COLUMNS, rotating, empty="")

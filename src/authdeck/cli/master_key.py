"""``authdeck master-key``: the key that opens everything, and the key terms under it."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from authdeck.cli import show
from authdeck.cli.failure import RefusedError
from authdeck.cli.management import management
from authdeck.cli.show import AsJson

app = typer.Typer(name="master-key", help="The key that opens everything.", no_args_is_help=True)

Output = Annotated[
    Path | None, typer.Option(help="Write it to this new file (0600) instead.", show_default=False, dir_okay=False)
]

_COLUMNS = (
    ("Term", "number"), ("Secrets", "rows"), ("Newest", "newest"), ("Created", "created"), ("Retired", "retired"),
    ("Forgotten", "forgotten"),
)  # fmt: skip


@app.command()
def new(output: Output = None) -> None:
    """Make a master key, for AUTHDECK_MASTER_KEY of a PostgreSQL installation. Nothing uses it yet."""
    from authdeck.vault.keys import MasterKey  # noqa: PLC0415 - ciphers take time that --help does not need

    text = MasterKey.new().reveal()
    if output is None:
        typer.echo(text)
    else:
        _write(output, text)


@app.command()
def export(output: Output = None) -> None:
    """Show this home's master key, so that you keep a copy apart. On a terminal only, unless --output is given."""
    _require_terminal(output)
    from authdeck.errors import DeckError  # noqa: PLC0415
    from authdeck.operations import keyring  # noqa: PLC0415
    from authdeck.settings import load  # noqa: PLC0415

    settings = load()
    with management() as api:  # also proves, where no server runs, that this key is the right one
        key = keyring.given_key(settings)
        if key is None:
            raise DeckError("master_key_missing", path=str(keyring.key_file(settings)))
        if output is None:
            typer.echo(key.reveal())
        else:
            _write(output, key.reveal())
        api.post("/vault/exports")
    typer.echo("Keep it apart from home and backups: it opens all of them, and without it nothing does.", err=True)


@app.command()
def rotate(output: Output = None) -> None:
    """Replace the master key. Where the settings give it, --output is needed: the file that gets the new one."""
    from authdeck.vault.keys import MasterKey  # noqa: PLC0415

    body = None
    if output is not None:
        text = MasterKey.new().reveal()
        _write(output, text)  # on disk before anything is wrapped under it
        body = {"key": text}
    with management() as api:
        done = api.post("/vault/master-key", json=body)
    if done["former_file"]:
        typer.echo("The home has a new master key. Take a copy: authdeck master-key export")
        typer.echo(f"The former one opens backups made before: {done['former_file']}")
    else:
        typer.echo(f"From the next start on AUTHDECK_MASTER_KEY has to be the key in {output}.")
        typer.echo("The former one opens backups made before.")


@app.command("new-term")
def new_term(
    wait: Annotated[bool, typer.Option(help="Show how far re-sealing is; leaving does not stop a server's.")] = True,
) -> None:
    """Seal everything under a new key from now on, and what is there again in the background."""
    with management() as api:
        ring = api.post("/vault/terms")
        while wait and ring["resealing"]["running"]:
            _progress(ring)
            ring = api.get("/vault", {"wait": 1})
    _progress(ring)


@app.command("terms")
def terms(json: AsJson = False) -> None:
    """Show the key terms and how many secrets each seals."""
    with management() as api:
        ring = api.get("/vault")
    if json:
        show.as_json(ring)
        return
    rows = (
        {**term, "created": show.moment(term["created_at"]), "retired": show.moment(term["retired_at"])}
        for term in ring["terms"]
    )
    show.table(_COLUMNS, rows, empty="No term.")
    _progress(ring)


def _progress(ring: dict[str, Any]) -> None:
    now = ring["resealing"]
    newest = ring["terms"][0]["number"]
    stuck = f", {now['stuck']} do not open" if now["stuck"] else ""
    typer.echo(f"{now['done']} of {now['total']} secrets are sealed under term {newest}{stuck}.")


def _require_terminal(output: Path | None) -> None:
    if output is None and not sys.stdout.isatty():
        raise RefusedError("not_a_terminal", "A master key is not printed into a pipe or file. Give --output FILE.")


def _write(output: Path, text: str) -> None:
    from authdeck.private_file import write_private  # noqa: PLC0415

    if output.exists():
        raise RefusedError("file_exists", f"There is a file {output} already. Name another.")
    try:
        write_private(output.absolute(), text + "\n")
    except OSError as error:
        raise RefusedError("file_not_written", f"{output} can't be written: {error.strerror}.") from None
    typer.echo(f"Written to {output}.", err=True)

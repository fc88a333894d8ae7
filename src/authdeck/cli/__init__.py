"""The command line: one file a noun, each a thin client of the management API.

Modules that cost time are imported inside the commands that need them, so that ``authdeck --help`` stays quick.
"""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from authdeck import __version__
from authdeck.cli import (
    accounts,
    backup,
    batch,
    demo,
    doctor,
    export,
    import_,
    inspect,
    keys,
    login,
    master_key,
    notifications,
    operators,
    queue,
    quota,
    requests,
    routing,
    schedules,
    serve,
    settings,
    terms,
    trash,
    upstreams,
)
from authdeck.cli.failure import RefusedError, explain
from authdeck.errors import DeckError

app = typer.Typer(
    name="authdeck",
    help="Keeps your AI accounts' auth files safe, knows the state of each, and serves requests through the right one.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for noun in (
    accounts,
    batch,
    keys,
    master_key,
    notifications,
    operators,
    queue,
    quota,
    requests,
    routing,
    schedules,
    settings,
    terms,
    trash,
    upstreams,
):
    app.add_typer(noun.app)
VERBS: Mapping[str, Callable[..., None]] = {
    "serve": serve.serve,
    "demo": demo.demo,
    "import": import_.import_,
    "export": export.export,
    "login": login.login,
    "inspect": inspect.inspect,
    "doctor": doctor.doctor,
    "backup": backup.backup,
    "restore": backup.restore,
    "migrate": serve.migrate,
    "sign-in-link": serve.sign_in_link,
}
for name, verb in VERBS.items():
    app.command(name)(verb)


@app.callback()
def everywhere(
    home: Annotated[
        Path | None, typer.Option(help="Data folder. Also AUTHDECK_HOME.", show_default=False, file_okay=False)
    ] = None,
) -> None:
    """Set what every command uses."""
    if home is not None:
        os.environ["AUTHDECK_HOME"] = str(home)


@app.command()
def version() -> None:
    """Say which authdeck this is."""
    typer.echo(f"authdeck {__version__}")


def main() -> None:
    """Run the command. A failure is one sentence and a code on stderr, and exit code 1; usage mistakes end with 2.

    A mistake of ours shows its traceback only where ``AUTHDECK_LOG_LEVEL`` is ``debug``.
    """
    try:
        app(prog_name="authdeck")
    except (DeckError, RefusedError) as error:
        typer.echo(explain(error), err=True)
        sys.exit(1)
    except Exception as error:
        if os.environ.get("AUTHDECK_LOG_LEVEL", "").lower() == "debug":
            raise
        typer.echo(f"Internal error: {type(error).__name__}. AUTHDECK_LOG_LEVEL=debug shows more. (internal)", err=True)
        sys.exit(1)

"""The command line: one file a noun, each a thin client of the management API.

A command's file is read when it is asked for, and in it modules that cost time are imported by who needs them.
"""

import os
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer
from typer.core import TyperGroup

from authdeck import __version__
from authdeck.cli.failure import RefusedError, explain
from authdeck.errors import DeckError

VERBS: Final = {
    "serve": "serve.serve",
    "demo": "demo.demo",
    "import": "import_.import_",
    "export": "export.export",
    "login": "login.login",
    "inspect": "inspect.inspect",
    "doctor": "doctor.doctor",
    "backup": "backup.backup",
    "restore": "backup.restore",
    "migrate": "serve.migrate",
    "sign-in-link": "serve.sign_in_link",
}
"""Commands, each with its file and function, in the order of the help."""

NOUNS: Final = (
    "accounts", "batch", "keys", "master-key", "notifications", "operators", "queue", "quota", "requests", "routing",
    "schedules", "settings", "terms", "trash", "upstreams",
)  # fmt: skip
"""Groups of commands, a file each."""


class _Commands(Mapping[str, Any]):
    """Commands by name. The file of one is read when it is asked for: most calls need one of them."""

    def __init__(self, own: Mapping[str, Any]) -> None:
        self._own: Final = own

    def __iter__(self) -> Iterator[str]:
        return iter((*VERBS, *self._own, *NOUNS))

    def __len__(self) -> int:
        return len(VERBS) + len(self._own) + len(NOUNS)

    def __getitem__(self, name: str) -> Any:
        if name in self._own:
            return self._own[name]
        if name in NOUNS:
            return typer.main.get_group(import_module(f"authdeck.cli.{name.replace('-', '_')}").app)
        file, _, function = VERBS[name].partition(".")
        alone = typer.Typer(add_completion=False)
        alone.command(name)(getattr(import_module(f"authdeck.cli.{file}"), function))
        return typer.main.get_command(alone)


class _Authdeck(TyperGroup):
    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = cast("MutableMapping[str, Any]", _Commands(self.commands))  # nothing is ever added to it


app = typer.Typer(
    name="authdeck",
    cls=_Authdeck,
    help="Keeps your AI accounts' auth files safe, knows the state of each, and serves requests through the right one.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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

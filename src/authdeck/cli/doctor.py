"""``authdeck doctor``: is this home in order?"""

import typer

from authdeck.cli import show
from authdeck.cli.failure import RefusedError, explain
from authdeck.cli.management import management
from authdeck.cli.show import AsJson
from authdeck.errors import DeckError

_MARKS = {"ok": "ok  ", "note": "note", "bad": "BAD "}


def doctor(json: AsJson = False) -> None:
    """Check home, keys, databases, secrets, clocks and audit. Ends with 1 if anything is wrong."""
    try:
        with management() as api:
            found = api.get("/checkup")["items"]
    except (DeckError, RefusedError) as error:
        found = [{"check": "home", "fine": False, "level": "bad", "code": error.code, "sentence": explain(error)}]
    if json:
        show.as_json({"items": found})
    else:
        for finding in found:
            typer.echo(f"{_MARKS[finding['level']]} {finding['check']:<10} {finding['sentence']}")
    if not all(finding["fine"] for finding in found):
        raise typer.Exit(1)

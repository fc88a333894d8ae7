"""``authdeck doctor``: is this home in order?"""

from typing import Annotated

import typer

from authdeck.cli import show
from authdeck.cli.failure import RefusedError, explain
from authdeck.cli.management import management
from authdeck.cli.show import AsJson
from authdeck.errors import DeckError

_MARKS = {"ok": "ok  ", "note": "note", "bad": "BAD "}


def doctor(
    json: AsJson = False,
    rebuild_state: Annotated[
        bool, typer.Option("--rebuild-state", help="Compute every account's derived state anew, and say what differed.")
    ] = False,
) -> None:
    """Check home, keys, databases, secrets, clocks and audit. Ends with 1 if anything is wrong."""
    if rebuild_state:
        _rebuild(as_json=json)
        return
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


def _rebuild(*, as_json: bool) -> None:
    with management() as api:
        found = api.post("/checkup/state", patient=True)
    if as_json:
        show.as_json(found)
        return
    for each in found["items"]:
        typer.echo(f"{each['auth_index']}  {each['stored'] or '-'} -> {each['computed']}")
    typer.echo(f"{found['total']} differed.")

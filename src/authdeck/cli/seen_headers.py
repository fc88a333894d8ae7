"""What headers of an account's answers said last, in a terminal."""

from typing import Any, Final

import typer

from authdeck.cli import show

_COLUMNS: Final = (("Header", "name"), ("Value", "value"), ("Seen", "seen"), ("Request", "request"))


def tell(found: dict[str, Any]) -> None:
    """``found`` as ``GET /accounts/{auth_index}/seen-headers`` answers it."""
    typer.echo("\nHeaders seen:")
    rows = (
        {**header, "seen": show.moment(header["observed_at"]), "request": header["request_id"] or "none of a client's"}
        for header in found["items"]
    )
    show.table(_COLUMNS, rows, empty="None yet: no answer has told of limits.")

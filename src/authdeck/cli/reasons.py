"""Why an account is not used, told line by line."""

from collections.abc import Mapping, Sequence
from typing import Any

import typer

from authdeck.cli import show


def tell_reasons(reasons: Sequence[Mapping[str, Any]]) -> None:
    """What stops it and what only speaks against it, in one list, below what they come to."""
    is_stopped = any(reason["stops"] for reason in reasons)
    typer.echo("Not used because:" if is_stopped else "It serves, though something speaks against it:")
    for reason in reasons:
        ends = f" Until {show.moment(reason['until'])}." if reason["until"] else ""
        typer.echo(f"  {reason['owner']}: {reason['sentence']}{ends} {reason['clear_sentence']}")

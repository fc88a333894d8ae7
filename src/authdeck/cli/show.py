"""How answers look in a terminal: a table for people, JSON for programs."""

import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import typer

AsJson = Annotated[bool, typer.Option("--json", help="JSON as the API answers it.")]

_WIDE: Final = 200
_ROOMY: Final = 120

Column = tuple[str, str]
"""Heading, and the key of the row."""


def as_json(answer: Any) -> None:
    typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))


def is_wide() -> bool:
    """Whether there is room for every column: a pipe has it, a terminal of 80 characters does not."""
    return not sys.stdout.isatty() or shutil.get_terminal_size().columns >= _ROOMY


def table(columns: Sequence[Column], rows: Iterable[Mapping[str, Any]], *, empty: str) -> None:
    """Rows as a table; ``empty`` is what to say, and do, when there are none. Not cut where the output is a pipe."""
    from rich import box  # noqa: PLC0415 - takes time that --help and --json do not need
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    shown = list(rows)
    if not shown:
        typer.echo(empty)
        return
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading, key in columns:
        drawn.add_column(heading, no_wrap=key in _WHOLE, overflow="fold")
    for row in shown:
        drawn.add_row(*(Text(words(row.get(key)), style=_style(key, row.get(key))) for _, key in columns))
    Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False).print(drawn)


def fields(pairs: Iterable[tuple[str, Any]]) -> None:
    """One thing, a field a line. Fields without a value are left out."""
    known = [(name, words(value)) for name, value in pairs if words(value)]
    width = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        typer.echo(f"{name:<{width}}  {value}")


def words(value: Any) -> str:
    """A value as text; what others wrote in it can't steer the terminal, nor turn the line around."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(words(item) for item in value)
    return "".join(character if character.isprintable() or character in "\n\t" else "?" for character in str(value))


def moment(text: str | None) -> str:
    """``2026-11-23 21:05:09`` in the terminal's own time zone."""
    if not text:
        return ""
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")


_WHOLE: Final = frozenset({"auth_index", "id", "at", "status", "health", "outcome", "role"})
_STYLES: Final = {
    "available": "green", "new": "green", "updated": "green", "ok": "green",
    "unknown": "dim", "unchanged": "dim", "disabled": "dim",
    "cooling": "yellow", "low": "yellow", "conflict": "yellow",
    "exhausted": "red", "needs_reauth": "red", "needs_review": "red", "unreadable": "red", "rejected": "red",
    "failed": "red",
}  # fmt: skip


def _style(key: str, value: Any) -> str:
    return _STYLES.get(str(value), "") if key in {"health", "outcome"} else ""

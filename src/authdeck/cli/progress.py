"""A bar on stderr while a person watches and there is enough to watch."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

WORTH_WATCHING: Final = 100


class Advance(Protocol):
    """So many steps are done, ``of`` so many in all, once somebody knows."""

    def __call__(self, count: int, /, of: int | None = None) -> None: ...


@contextmanager
def progress(what: str, total: int | None, *, quiet: bool, in_bytes: bool = False) -> Iterator[Advance]:
    """Call what this gives with each number of steps done. ``None``: nobody knows yet how many there will be."""
    if quiet or (total is not None and total <= WORTH_WATCHING) or not sys.stderr.isatty():
        yield _unseen
        return
    from rich.console import Console  # noqa: PLC0415 - only where a bar is drawn
    from rich.progress import DownloadColumn, MofNCompleteColumn, Progress  # noqa: PLC0415

    figure = DownloadColumn() if in_bytes else MofNCompleteColumn()
    columns = (*Progress.get_default_columns(), figure) if total is None else ()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)

        def advance(count: int, of: int | None = None) -> None:
            bar.update(task, advance=count, total=of)  # None leaves the total as it is

        yield advance


def _unseen(_count: int, of: int | None = None) -> None:
    """Nobody watches."""

"""Where a file with secrets goes: one of its owner's alone, whole or not at all; or a pipe, never a terminal."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer

from authdeck import ids
from authdeck.cli.failure import RefusedError

STDOUT: Final = "-"

Output = Annotated[str | None, typer.Option("--output", "-o", help="The file to write; - for a pipe.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")]


def refuse_both(output: str | None, *, json: bool) -> None:
    """One pipe takes the file or what is told of it."""
    if json and output == STDOUT:
        raise typer.BadParameter("Name a file: what --json tells goes to the pipe.")


def target(output: str, *, force: bool) -> Path | None:
    """Where to write; ``None`` is a pipe. Refused before anything is asked for."""
    if output == STDOUT:
        if sys.stdout.isatty():
            raise typer.BadParameter("Secrets are not written to a terminal. Name a file, or pipe the output.")
        return None
    path = Path(output)
    if path.is_dir():
        raise typer.BadParameter(f"{path} is a folder. Name a file in it.")
    if path.exists() and not force:
        raise typer.BadParameter(f"{path} is there already. Choose another name, or --force to replace it.")
    return path


@contextmanager
def opened(path: Path | None, *, force: bool) -> Iterator[BinaryIO]:
    """What to write to: the pipe, or the file, which has its name only when it is whole.

    Without ``force`` a file that appeared meanwhile stays as it is, and that is a refusal.
    """
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    unfinished = path.with_name(f".{path.name}.{ids.new_id()}")
    try:
        with os.fdopen(_new(unfinished), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if not force:
            os.close(_new(path))
        unfinished.replace(path)
    except OSError as error:
        raise RefusedError("file_not_written", f"{path} can't be written: {error.strerror}.") from None
    finally:
        unfinished.unlink(missing_ok=True)


def _new(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

"""What is read from a file or from standard input, so that it stands on no command line."""

import sys
from pathlib import Path
from typing import Final

import typer

STDIN: Final = "-"


def text_of(path: str) -> str:
    """The file's text, or all of standard input. Raises ``typer.BadParameter``."""
    try:
        return sys.stdin.read() if path == STDIN else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path} can't be read: {error}.") from None

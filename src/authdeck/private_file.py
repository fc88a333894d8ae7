"""Files that only the server's own user may read, whole at any moment."""

import os
from pathlib import Path

from authdeck import ids


def write_private(path: Path, content: str | bytes) -> None:
    """Replace the file's content at once: owner-only temporary file, fsync, rename, fsync of the folder."""
    temporary = path.with_name(f".{path.name}.{ids.new_id()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

"""Where tests keep their files: in memory where there is enough of it, since every commit would wait for a disk.

Processes end in tests, machines don't: what a test lets crash finds its files in memory as well.
"""

import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM = 2 * 1024**3
"""Bytes, several times what a run of all tests holds at once."""


def place() -> str:
    return str(MEMORY) if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM else tempfile.gettempdir()

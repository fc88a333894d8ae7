"""Cores and CPU time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


def cores() -> tuple[int, int]:
    """The one that is measured on, and the one for everything else."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def pinned(core: int) -> None:
    os.sched_setaffinity(0, {core})


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads. The kernel counts in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    """Resident memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass
class Used:
    seconds: float = 0.0


@contextmanager
def cpu_of(pid: int | None) -> Iterator[Used]:
    """What a process used within the block; nothing for ``None``."""
    used = Used()
    before = cpu_seconds(pid) if pid else 0.0
    yield used
    used.seconds = (cpu_seconds(pid) if pid else 0.0) - before

"""How long a start takes with 10,000 accounts: ``python bench/startup.py [--accounts 10000] [--starts 5]``."""

import argparse
import statistics
import tempfile
from pathlib import Path

from shared import figures, fill, serving, tell


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--starts", type=int, default=5)
    options = parser.parse_args()
    tell(
        f"Start-up with {options.accounts:,} accounts",
        "2 s or less",
        "from starting `authdeck serve` to the first 200 of /healthz, which answers only when pool and directory are"
        " loaded; asked again every 10 ms. Baseline: the same on an empty home. Files are in the page cache.",
    )
    with tempfile.TemporaryDirectory() as folder:
        empty, full = Path(folder, "empty"), Path(folder, "full")
        fill(full, options.accounts)
        baseline, measured = starts(empty, options.starts), starts(full, options.starts)
    print(figures("empty home (baseline)", baseline, "s"))
    print(figures(f"{options.accounts:,} accounts", measured, "s"))
    print(f"  ratio to the baseline: {statistics.median(measured) / statistics.median(baseline):.2f}")


def starts(home: Path, number: int) -> list[float]:
    """Seconds of ``number`` starts after one that does not count: it may migrate."""
    return [start(home) for _ in range(number + 1)][1:]


def start(home: Path) -> float:
    with serving(home) as server:
        return server.started


if __name__ == "__main__":
    main()

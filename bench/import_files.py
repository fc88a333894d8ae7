"""How long the import of auth files takes: ``python bench/import_files.py [--files 1000] [--rounds 3]``."""

import argparse
import os
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

from httpx2 import Client

from shared import auth_files, figures, serving, tell

AT_ONCE = 500
"""Files of one request: it takes at most 1,000, and no more bytes than four uploads."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    tell(
        f"Import of {options.files:,} auth files",
        "3 s or less for 1,000, 20 s for 10,000",
        "POST /api/v1/imports with 500 files as parts, again and again, on a fresh home each round; the answer comes"
        " when all are sealed, committed and known to the pool. Baseline: the same files in a folder, each synced.",
    )
    files = list(auth_files(options.files))
    baseline, fresh, again = [], [], []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder, serving(Path(folder, "home")) as server:
            baseline.append(write_synced(Path(folder), files))
            fresh.append(post(server.client, files, "new"))
            again.append(post(server.client, files, "unchanged"))
    print(figures("written and synced one by one (baseline)", baseline, "s"))
    print(figures("imported", fresh, "s"))
    print(figures("imported again, unchanged", again, "s"))
    print(f"  ratio to the baseline: {statistics.median(fresh) / statistics.median(baseline):.2f}")


def post(client: Client, files: list[tuple[str, bytes]], expected: str) -> float:
    """Seconds of one import. Every row must end as ``expected``."""
    outcomes: Counter[str] = Counter()
    began = time.perf_counter()
    for start in range(0, len(files), AT_ONCE):
        parts = [("file", (name, content, "application/json")) for name, content in files[start : start + AT_ONCE]]
        answer = client.post("/api/v1/imports", files=parts).raise_for_status().json()
        outcomes.update(row["outcome"] for row in answer["items"])
    taken = time.perf_counter() - began
    if outcomes != {expected: len(files)}:
        raise SystemExit(f"Not every file is {expected}: {dict(outcomes)}")
    return taken


def write_synced(folder: Path, files: list[tuple[str, bytes]]) -> float:
    began = time.perf_counter()
    for name, content in files:
        with (folder / name).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    return time.perf_counter() - began


if __name__ == "__main__":
    main()

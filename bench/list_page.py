"""How long a page of 50 accounts takes among 10,000: ``python bench/list_page.py [--accounts 10000] [--calls 200]``."""

import argparse
import statistics
import tempfile
from pathlib import Path

from shared import figures, fill, serving, tell, timed

PAGE = "/api/v1/accounts?page_size=50"
PAGES = {
    "first page": PAGE,
    "search for one person": f"{PAGE}&search=person00042",
    "search that many match": f"{PAGE}&search=example",
    "filtered by plan": f"{PAGE}&plan=team",
    "sorted by name": f"{PAGE}&sort=name",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--calls", type=int, default=200)
    options = parser.parse_args()
    tell(
        f"A list page of 50 at {options.accounts:,} accounts, over HTTP",
        "15 ms or less",
        "one client on one kept connection, one call after the other, facets and exact total included; time from"
        " sending the request to having read the answer. Baseline: the first page of a server with 50 accounts.",
    )
    with tempfile.TemporaryDirectory() as folder:
        few, many = Path(folder, "few"), Path(folder, "many")
        fill(few, 50)
        fill(many, options.accounts)
        baseline = measure(few, {"first page of 50 in all (baseline)": PAGE}, options.calls)
        measured = measure(many, PAGES, options.calls)
    print(f"  ratio of the first page to the baseline: {measured['first page'] / baseline.popitem()[1]:.2f}")


def measure(home: Path, pages: dict[str, str], calls: int) -> dict[str, float]:
    """Print each page's figures; return the medians in milliseconds."""
    medians = {}
    with serving(home) as server:
        for name, path in pages.items():
            taken = timed(server.client, path, calls)
            print(figures(name, taken, "ms"))
            medians[name] = statistics.median(taken)
    return medians


if __name__ == "__main__":
    main()

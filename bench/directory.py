"""Finding any of 100,000 accounts: ``python bench/directory.py [--accounts 100000] [--calls 100] [--home FOLDER]``.

``--home`` keeps the made-up accounts between runs (SQLite only); otherwise they are imported anew, which takes minutes.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from httpx2 import Client, Response

from deck_of_many import mixed_files
from shared import AUTHDECK, Server, environment, figures, serving, tell

sys.path.append(str(Path(__file__).parent.parent / "tests"))
from fakes.postgresql import Server as PostgreSQL  # the same embedded server as the tests'
from fakes.postgresql import Unavailable

PAGE = "/api/v1/accounts?page_size=50"
PAGES = {
    "first page, by risk": "",
    "by name": "&sort=name",
    "recently used first": "&sort=-recent",
    "one plan, by priority": "&plan=pro&sort=-priority",
    "disabled only": "&disabled=true",
    "one provider and prefix, by note": "&provider=claude&prefix=team6&sort=note",
    "problems of a plan": "&problem=true&plan=plus",
    "nothing matches": "&prefix=nobody",
}
QUIET = 0.05
"""Seconds of CPU time in a second: less is rest."""
PAGE_GOAL, WORD_GOAL, LAG_GOAL, START_GOAL, MEMORY_GOAL = 15, 40, 5, 3, 350


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--home", type=Path)
    options = parser.parse_args()
    tell(
        f"Finding accounts among {options.accounts:,}, over HTTP",
        f"any page p95 {PAGE_GOAL} ms, a word p95 {WORD_GOAL} ms, start {START_GOAL} s, {MEMORY_GOAL} MB,"
        f" loop lag p99 {LAG_GOAL} ms",
        "one client on one kept connection, call after call, 50 rows with exact total and all facets; time from sending"
        " to having read the answer, and the server's CPU time (user and system) for each call beside it. Words are"
        " never asked twice, so that none is answered from memory: names, parts of names, two letters, Chinese, ids,"
        " patterns with *, and words that nobody has. Loop lag: how late /healthz answers on a connection of its own,"
        " every 5 ms, less its median on an idle server, while lists are asked. Memory is the server's resident set.",
    )
    print("SQLite")
    with kept(options.home) as home:
        if not home.exists():
            fill(home, options.accounts, {})
        measure(home, options.calls, {})
    print("\nPostgreSQL (embedded, on a socket)")
    with postgresql() as url:
        if url is not None:
            with tempfile.TemporaryDirectory() as folder:
                more = of_database(url)
                fill(Path(folder, "home"), options.accounts, more)
                measure(Path(folder, "home"), options.calls, more)


@contextmanager
def kept(home: Path | None) -> Iterator[Path]:
    if home is not None:
        yield home
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder, "home")


@contextmanager
def postgresql() -> Iterator[str | None]:
    server = PostgreSQL()
    try:
        server.start()
    except Unavailable as error:
        print(f"  left out: {error}")
        yield None
        return
    try:
        yield server.url(server.new_database())
    finally:
        server.stop()


def fill(home: Path, number: int, more: dict[str, str]) -> None:
    """Import made-up auth files by the command line."""
    folder = home.with_name("files")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in mixed_files(number):
        (folder / name).write_bytes(content)
    told = environment(home) | more
    if more:
        subprocess.run([AUTHDECK, "migrate"], env=told, check=True, capture_output=True)
    done = subprocess.run([AUTHDECK, "import", "--json", folder], env=told, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"The import failed:\n{done.stderr[-2000:]}")


def of_database(url: str | None) -> dict[str, str]:
    """What a server on PostgreSQL is told: where it is, and the key that nobody may make for it by chance."""
    if url is None:
        return {}
    made = subprocess.run([AUTHDECK, "master-key", "new"], capture_output=True, text=True, check=True)
    return {"AUTHDECK_DATABASE_URL": url, "AUTHDECK_MASTER_KEY": made.stdout.strip()}


def measure(home: Path, calls: int, more: dict[str, str]) -> None:
    with serving(home, more):
        """A first start may migrate; it does not count."""
    with serving(home, more) as server:
        print(f"  start to the first good /healthz: {server.started:.2f} s, {cpu(server):.2f} s of CPU")
        first = timed(server.client, PAGE)
        print(f"  first list, asked at once: {first / 1000:.2f} s, {cpu(server):.2f} s of CPU since the beginning")
        wait_until_quiet(server)
        print(f"  memory after the start: {memory(server)} MB")
        idle = lag(server, lambda: time.sleep(1))
        base = statistics.median(idle)
        for name, query in PAGES.items():
            show(server, name, [f"{PAGE}{query}"] * calls)
        show(server, "a word never asked before", [f"{PAGE}&search={word}" for word in words(calls)])
        show(
            server, "the same words again, by name", [f"{PAGE}&sort=name&search={word}" for word in words(calls)[-20:]]
        )
        show(server, "page after page to the 40th", pages(server, 40))
        busy = lag(server, lambda: ask_all(server, calls))
        print(figures("loop lag while lists are asked", [max(0.0, each - base) for each in busy], "ms"))
        late, resting = (quantile(each, 0.99) - base for each in (busy, idle))
        print(f"  {'loop lag p99':44} {late:9.2f} ms   (idle: {resting:.2f} ms)")
        print(f"  memory after all that: {memory(server)} MB")


def wait_until_quiet(server: Server) -> None:
    """After a start the server looks through all sealed auth files; that is not what is measured here."""
    for _ in range(120):
        before = cpu(server)
        time.sleep(1)
        if cpu(server) - before < QUIET:
            return


def words(number: int) -> list[str]:
    """A stated mix, the same in every run."""
    chance = random.Random(4)
    kinds = (
        lambda: f"person{chance.randrange(100_000):06}",
        lambda: f"{chance.randrange(10_000):04}@example",
        lambda: "".join(chance.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=2)),
        lambda: chance.choice("夜间任务备用账号") + chance.choice(["", "间", "用"]),
        lambda: f"{chance.getrandbits(20):05x}",
        lambda: f"codex*{chance.randrange(1000)}*pro",
        lambda: f"nobody-{chance.getrandbits(16)}",
    )
    return [kinds[n % len(kinds)]() for n in range(number)]


def pages(server: Server, number: int) -> list[str]:
    """The addresses of so many pages at most, each found on the one before."""
    found = [f"{PAGE}&sort=name"]
    while len(found) < number:
        answer = server.client.get(found[-1]).raise_for_status().json()
        if answer["next"] is None:
            break
        found.append(f"{PAGE}&sort=name&cursor={answer['next']}")
    return found


def show(server: Server, name: str, paths: Sequence[str]) -> None:
    for path in paths[:3]:
        server.client.get(path).raise_for_status()
    before, taken = cpu(server), [timed(server.client, path) for path in paths]
    print(figures(name, taken, "ms") + f"   CPU {(cpu(server) - before) * 1000 / len(paths):6.2f} ms a call")


def timed(client: Client, path: str) -> float:
    began = time.perf_counter()
    answer: Response = client.get(path)
    answer.raise_for_status()
    return (time.perf_counter() - began) * 1000


def ask_all(server: Server, calls: int) -> None:
    for number, word in enumerate(words(calls)):
        query = list(PAGES.values())[number % len(PAGES)]
        server.client.get(f"{PAGE}{query}").raise_for_status()
        server.client.get(f"{PAGE}&search={word}x").raise_for_status()


def lag(server: Server, work: Callable[[], object]) -> list[float]:
    """Milliseconds that ``/healthz`` took, again and again, while ``work`` ran in another thread."""
    busy = threading.Thread(target=work)
    taken: list[float] = []
    with Client(base_url=server.client.base_url, timeout=60, trust_env=False) as client:
        busy.start()
        while busy.is_alive():
            taken.append(timed(client, "/healthz"))
            time.sleep(0.005)
    busy.join()
    return taken


def quantile(values: Sequence[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def cpu(server: Server) -> float:
    """Seconds of user and system time that the server has used."""
    fields = Path(f"/proc/{server.process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(server: Server) -> int:
    status = Path(f"/proc/{server.process}/status").read_text()
    return next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmRSS"))


if __name__ == "__main__":
    main()

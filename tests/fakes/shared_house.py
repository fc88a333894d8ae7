"""Two servers on one PostgreSQL, the people whose sign-ins they share, and what becomes of those sign-ins."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import aiohttp
import psycopg

from authdeck.simulator import Account, Simulator
from authdeck.vault.keys import MasterKey
from fakes.deck import Deck

TOKEN = "/oauth/token"
BODY = {"model": "m", "input": "hello"}
_JOURNAL = """
SELECT a.auth_index, coalesce(j.outcome, 'open') FROM refresh_journal j JOIN accounts a ON a.key = j.account
"""


class SharedHouse:
    """Two servers, and the people whose sign-ins they share. ``indexes`` are in the people's order."""

    def __init__(self, decks: list[Deck], simulator: Simulator, url: str) -> None:
        self.decks = decks
        self.simulator = simulator
        self.url = url
        self.people: list[Account] = []
        self.indexes: list[str] = []
        self.key = ""

    def settle(self, number: int) -> None:
        """So many move in, with an access token that has run out, each behind a prefix of their own."""
        first = self.decks[0]
        first.acknowledge()
        self.key = first.new_key()
        for place in range(number):
            gone = timedelta(minutes=-5)
            self.people.append(self.simulator.account("codex", f"p{place}@example.com", expires_in=gone))
        files = [self.simulator.auth_file(person, prefix=f"p{place}") for place, person in enumerate(self.people)]
        self.indexes = [row["auth_index"] for row in first.upload(*files)]
        for deck in self.decks:  # the other one hears of it within half a second
            deck.wait_until(lambda deck=deck: len(deck.accounts()) == number)

    def journal(self) -> dict[str, Counter[str]]:
        """How the token calls of each account ended."""
        with psycopg.connect(self.url) as connection:
            rows = connection.execute(_JOURNAL).fetchall()
        found: dict[str, Counter[str]] = {index: Counter() for index in self.indexes}
        for index, outcome in rows:
            found[index][outcome] += 1
        return found

    def reused(self) -> Counter[str]:
        """How often a spent token of each account was presented."""
        return Counter(self.indexes[self.people.index(person)] for person in self.simulator.world.accounts.reused)

    def leases_of_the_dead_end(self) -> None:
        """What the database's clock would do in 90 seconds, for the processes that were killed."""
        boots = [json.loads((deck.home / "run" / "server.json").read_text())["boot"] for deck in self.decks]
        with psycopg.connect(self.url) as connection:
            connection.execute("UPDATE leases SET until = 0 WHERE NOT (owner = ANY(%s))", [boots])

    async def ask(self, session: aiohttp.ClientSession, deck: Deck, prefix: str = "") -> int:
        """The status of one small question."""
        headers = {"authorization": f"Bearer {self.key}"}
        async with session.post(f"{deck.url}{prefix}/v1/responses", json=BODY, headers=headers) as answer:
            await answer.read()
            return answer.status

    def refresh(self, number: int, deck: Deck) -> None:
        """As a person would who sees that the account waits. What came of it, the next question tells."""
        with suppress(AssertionError):
            deck.ask("POST", f"/accounts/{self.indexes[number]}/refresh")

    def needing_a_person(self, deck: Deck) -> set[int]:
        """The numbers of those who can't be served without signing in again, as this server knows it."""
        shown = deck.accounts()
        return {self.indexes.index(each["auth_index"]) for each in shown if each["health"] == "needs_reauth"}

    def sign_in_again(self, numbers: Iterable[int], deck: Deck) -> None:
        for number in numbers:
            self.simulator.sign_in(self.people[number])
            deck.upload(self.simulator.auth_file(self.people[number]))


@contextmanager
def sharing(folder: Path, simulator: Simulator, url: str) -> Iterator[SharedHouse]:
    """Both servers running on the database of this URL, empty."""
    shared = {
        "AUTHDECK_DATABASE_URL": url,
        "AUTHDECK_MASTER_KEY": MasterKey.new().reveal(),
        "AUTHDECK_REFRESH__REQUEST_WAIT": "60",  # a busy machine is no lost token
        "AUTHDECK_AUTOMATION__ACCOUNTS_PER_HOUR": "1000",  # every lost sign-in shows in its account's state
        "AUTHDECK_AUTOMATION__PERCENT_PER_HOUR": "100",
    }
    decks = [Deck(folder / name, simulator, **shared) for name in ("one", "two")]
    try:
        yield SharedHouse([deck.start() for deck in decks], simulator, url)
    finally:
        for deck in decks:
            deck.close()


def calling() -> aiohttp.ClientSession:
    """As many connections as it takes."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(90))

"""What is known of an account's limits, and what follows from it: windows, a forecast for each, what else was told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from authdeck import forecast, in_passing
from authdeck.entry import Entry
from authdeck.errors import DeckError
from authdeck.forecast import Forecast, Use
from authdeck.in_passing import Beside
from authdeck.operations.desk import Desk
from authdeck.providers.quotas import QUOTAS
from authdeck.quota import QuotaWindow
from authdeck.quota_answer import Extras, Noted
from authdeck.seen_headers import SeenAnswer, each
from authdeck.storage.database import Database
from authdeck.storage.reading import account_use, seen_headers
from authdeck.storage.reading import quota as reading
from authdeck.storage.reading.quota import LastAnswer

Key = tuple[str, str | None]

LOOKED_BACK: Final = timedelta(days=15)
"""Two weekly windows and a day: the completed one and the running one."""


@dataclass(frozen=True, slots=True)
class QuotaReport:
    """``forecasts`` by window and scope; those for which there is none are left out. ``last``: ``None``, nobody asked.

    ``beside`` joins what queries and the headers of other answers told beside windows. ``notes``: newest first.
    """

    entry: Entry
    last: LastAnswer | None
    forecasts: Mapping[Key, Forecast]
    beside: Beside
    notes: Sequence[Noted]


async def quota_report(desk: Desk, monitoring: Database, entry: Entry) -> QuotaReport:
    """Nothing is asked of anybody. Without the request log forecasts lack what a window carries."""
    key, now = entry.account.key, desk.now()
    last = await desk.read(lambda connection: reading.last_answer(connection, key))
    history = await desk.read(lambda connection: reading.cycles(connection, key, now - LOOKED_BACK))
    found: dict[Key, Forecast] = {}
    for window in entry.windows:
        use = await _use(monitoring, entry, window)
        made = forecast.of(window, history, now, use=use, last_use_at=entry.account.last_request_at)
        if made is not None:
            found[window.key] = made
    seen = await desk.read(lambda connection: seen_headers.of_account(connection, key))
    notes = await desk.read(lambda connection: reading.notes(connection, key))
    return QuotaReport(entry, last, found, beside(entry, last, seen, now), notes)


def beside(entry: Entry, last: LastAnswer | None, answers: Sequence[SeenAnswer], now: datetime) -> Beside:
    """What was told beside windows, of each thing the newest word."""
    seen, quota = each(answers), QUOTAS.get(entry.account.provider)
    said = [*in_passing.words(seen, quota.words, now)] if quota is not None else []
    return in_passing.together(
        last.extras if last else Extras(),
        last.told_at if last else None,
        quota.figures(seen) if quota is not None else in_passing.Figures(),
        (*said, *in_passing.minutes(seen, now)),
    )


async def _use(monitoring: Database, entry: Entry, window: QuotaWindow) -> Use | None:
    began = forecast.began_at(window)
    if began is None or window.scope is not None:
        return None
    try:
        counted = await monitoring.read(partial(account_use.since, auth_index=entry.account.auth_index, moment=began))
    except DeckError:
        return None
    return Use(counted.requests, counted.tokens)

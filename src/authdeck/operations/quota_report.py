"""What is known of an account's limits, and what follows from it: windows, the last answer, a forecast for each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from authdeck import forecast
from authdeck.entry import Entry
from authdeck.errors import DeckError
from authdeck.forecast import Forecast, Use
from authdeck.operations.desk import Desk
from authdeck.quota import QuotaWindow
from authdeck.storage.database import Database
from authdeck.storage.reading import account_use
from authdeck.storage.reading import quota as reading
from authdeck.storage.reading.quota import LastAnswer

Key = tuple[str, str | None]

LOOKED_BACK: Final = timedelta(days=15)
"""Two weekly windows and a day: the completed one and the running one."""


@dataclass(frozen=True, slots=True)
class QuotaReport:
    """``forecasts`` by window and scope; those for which there is none are left out. ``last``: nobody asked yet."""

    entry: Entry
    last: LastAnswer | None
    forecasts: Mapping[Key, Forecast]


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
    return QuotaReport(entry, last, found)


async def _use(monitoring: Database, entry: Entry, window: QuotaWindow) -> Use | None:
    began = forecast.began_at(window)
    if began is None or window.scope is not None:
        return None
    try:
        counted = await monitoring.read(partial(account_use.since, auth_index=entry.account.auth_index, moment=began))
    except DeckError:
        return None
    return Use(counted.requests, counted.tokens)

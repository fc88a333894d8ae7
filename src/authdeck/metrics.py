"""What ``/metrics`` tells: the collectors, all in one place and in one registry.

Labels are closed lists (providers, status classes, outcomes, health), so that the number of series stays bounded; no
account, key or model is a label.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, ProcessCollector
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

REGISTRY: Final = CollectorRegistry()

REQUESTS: Final = Counter(
    "authdeck_requests",
    "Client requests that ended, by the provider that served them (none: no account was tried) and status class.",
    ["provider", "status"],
    registry=REGISTRY,
)
LATENCY: Final = Histogram(
    "authdeck_request_seconds",
    "Seconds from a request's first byte in to its answer's last byte out.",
    ["provider"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
    registry=REGISTRY,
)
REFRESHES: Final = Counter(
    "authdeck_refreshes",
    "Token refreshes that ended, by provider and outcome (ok, refused, failed, unknown).",
    ["provider", "outcome"],
    registry=REGISTRY,
)
QUOTA_QUERIES: Final = Counter(
    "authdeck_quota_queries",
    "Questions about accounts' limits, by provider and outcome (told, unknown, refused, failed, skipped).",
    ["provider", "outcome"],
    registry=REGISTRY,
)
OBSERVATIONS_DROPPED: Final = Counter(
    "authdeck_observations_dropped",
    "Observations of accounts that were dropped because too many waited to be written.",
    registry=REGISTRY,
)
TOKENS: Final = Counter(
    "authdeck_tokens",
    "Tokens as providers reported them, by provider and kind; input includes cached.",
    ["provider", "kind"],
    registry=REGISTRY,
)
FIRST_BYTE: Final = Histogram(
    "authdeck_first_byte_seconds",
    "Seconds from a request's first byte in to its answer's first byte out.",
    ["provider"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
    registry=REGISTRY,
)
ACCOUNTS: Final = Gauge(
    "authdeck_accounts",
    "Live accounts now, by provider and health.",
    ["provider", "health"],
    registry=REGISTRY,
)

QUEUE_OPEN: Final = Gauge(
    "authdeck_queue_open",
    "Open rows of the action queue now, by suggested action.",
    ["action"],
    registry=REGISTRY,
)
INCIDENTS_OPEN: Final = Gauge(
    "authdeck_incidents_open",
    "Open incidents now: one cause of many failures each.",
    registry=REGISTRY,
)
NOTIFICATIONS: Final = Counter(
    "authdeck_notifications",
    "Tries to deliver a notification, by channel kind and outcome (delivered, failed: tried again, given_up).",
    ["kind", "outcome"],
    registry=REGISTRY,
)

ProcessCollector(registry=REGISTRY)


KINDS_OF_TOKENS: Final = ("input", "output", "cached", "reasoning")
FATES: Final = ("stored", "late", "dropped", "refused")


class _Events(Collector):
    """Counted by the recorder, copied when somebody asks."""

    def __init__(self) -> None:
        self.counts: Mapping[str, int] = {}

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(
            "authdeck_events",
            "Request events by fate: stored; late (not durable within 250 ms of the answer's end); dropped; refused.",
            labels=["fate"],
        )
        for fate, count in self.counts.items():
            family.add_metric([fate], count)
        yield family


_EVENTS: Final = _Events()
REGISTRY.register(_EVENTS)


def request_ended(
    provider: str | None, status: int, seconds: float, first_byte: float | None, tokens: Iterable[int | None]
) -> None:
    """Count one client request. ``tokens`` in the order of ``KINDS_OF_TOKENS``."""
    of = _of_requests(provider or "none", status // 100)
    of.ended.inc()
    of.latency.observe(seconds)
    if first_byte is not None:
        of.first_byte.observe(first_byte)
    for counter, count in zip(of.tokens, tokens, strict=True):
        if count:
            counter.inc(count)


@dataclass(frozen=True, slots=True)
class _Series:
    ended: Counter
    latency: Histogram
    first_byte: Histogram
    tokens: tuple[Counter, ...]


@cache
def _of_requests(provider: str, status_class: int) -> _Series:
    """Looked up once: finding a series by its labels costs more than counting in it."""
    return _Series(
        REQUESTS.labels(provider, f"{status_class}xx"),
        LATENCY.labels(provider),
        FIRST_BYTE.labels(provider),
        tuple(TOKENS.labels(provider, kind) for kind in KINDS_OF_TOKENS),
    )


def refresh_ended(provider: str, outcome: str) -> None:
    REFRESHES.labels(provider, outcome).inc()


def events_are(counts: Mapping[str, int]) -> None:
    """Take over the recorder's counts, by fate."""
    _EVENTS.counts = {fate: counts[fate] for fate in FATES if fate in counts}


def queue_is(open_rows: Mapping[str, int], incidents: int) -> None:
    """Set the queue's gauges to what there is now."""
    QUEUE_OPEN.clear()
    for action, count in open_rows.items():
        QUEUE_OPEN.labels(action).set(count)
    INCIDENTS_OPEN.set(incidents)


def accounts_are(states: Mapping[str, Mapping[str, int]]) -> None:
    """Set the gauge to what there is now: how many accounts, by provider, then by health."""
    ACCOUNTS.clear()
    for provider, counts in states.items():
        for health, count in counts.items():
            ACCOUNTS.labels(provider, health).set(count)

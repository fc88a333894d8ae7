"""What ``/metrics`` tells: the collectors, all in one place and in one registry.

Labels are closed lists (providers, status classes, outcomes, health), so that the number of series stays bounded; no
account, key or model is a label.
"""

from bisect import bisect_left
from collections import Counter as Counting
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Metric, ProcessCollector
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

REGISTRY: Final = CollectorRegistry()

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


BOUNDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
"""Seconds up to which requests are counted together."""

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


@dataclass(slots=True)
class _Durations:
    """How many by ``BOUNDS``, the last of them all that took longer; and their sum in seconds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds

    def add_to(self, family: HistogramMetricFamily, provider: str) -> None:
        bounds = (*map(floatToGoString, BOUNDS), "+Inf")
        family.add_metric([provider], list(zip(bounds, accumulate(self.counts), strict=True)), self.seconds)


@dataclass(slots=True)
class _Told:
    """Requests of one provider."""

    by_class: Counting[int] = field(default_factory=Counting)
    latencies: _Durations = field(default_factory=_Durations)
    first_bytes: _Durations = field(default_factory=_Durations)
    tokens: Counting[str] = field(default_factory=Counting)


class _Requests(Collector):
    """Counted and told by the event loop alone. The library's own collectors take a lock for each count."""

    def __init__(self) -> None:
        self.told: Final[dict[str, _Told]] = {}

    def collect(self) -> Iterator[Metric]:
        ended = CounterMetricFamily(
            "authdeck_requests",
            "Client requests that ended, by the provider that served them (none: no account was tried) and status"
            " class.",
            labels=["provider", "status"],
        )
        latency = HistogramMetricFamily(
            "authdeck_request_seconds",
            "Seconds from a request's first byte in to its answer's last byte out.",
            labels=["provider"],
        )
        first_byte = HistogramMetricFamily(
            "authdeck_first_byte_seconds",
            "Seconds from a request's first byte in to its answer's first byte out.",
            labels=["provider"],
        )
        tokens = CounterMetricFamily(
            "authdeck_tokens",
            "Tokens as providers reported them, by provider and kind; input includes cached.",
            labels=["provider", "kind"],
        )
        for provider, told in self.told.items():
            for status, count in told.by_class.items():
                ended.add_metric([provider, f"{status}xx"], count)
            told.latencies.add_to(latency, provider)
            told.first_bytes.add_to(first_byte, provider)
            for kind, count in told.tokens.items():
                tokens.add_metric([provider, kind], count)
        yield from (ended, latency, first_byte, tokens)


_REQUESTS: Final = _Requests()
REGISTRY.register(_REQUESTS)


def request_ended(
    provider: str | None, status: int, seconds: float, first_byte: float | None, tokens: Iterable[int | None]
) -> None:
    """Count one client request. ``tokens`` in the order of ``KINDS_OF_TOKENS``."""
    name = provider or "none"
    told = _REQUESTS.told.get(name)
    if told is None:
        told = _REQUESTS.told[name] = _Told()
    told.by_class[status // 100] += 1
    told.latencies.add(seconds)
    if first_byte is not None:
        told.first_bytes.add(first_byte)
    for kind, count in zip(KINDS_OF_TOKENS, tokens, strict=True):
        if count:
            told.tokens[kind] += count


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

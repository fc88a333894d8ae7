"""How some requests went, in a few figures. Pure."""

from dataclasses import dataclass

from authdeck.event import RequestEvent


@dataclass(frozen=True, slots=True)
class Answers:
    """How the requests of the last 24 hours went. ``capped``: there were more, these are the newest."""

    total: int
    answered: int
    client: int
    retried: int
    median_ms: float | None
    capped: bool

    @property
    def failed(self) -> int:
        return self.total - self.answered


def counted(events: list[RequestEvent], *, capped: bool) -> Answers:
    good = [event for event in events if event.failure is None]
    times = sorted(event.latency_ms for event in good)
    return Answers(
        total=len(events),
        answered=len(good),
        client=sum(
            event.failure is not None and event.failure.kind in ("request", "client_closed") for event in events
        ),
        retried=sum(len(event.attempts) > 1 for event in good),
        median_ms=times[len(times) // 2] if times else None,
        capped=capped,
    )

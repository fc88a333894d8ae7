"""A request event as API and live events tell it."""

from datetime import UTC, datetime

from authdeck.api.shapes import Shape, Time
from authdeck.event import RequestEvent


class TokensShape(Shape):
    input: int | None
    output: int | None
    cached: int | None
    reasoning: int | None


class FailureShape(Shape):
    kind: str
    code: str
    summary: str


class AttemptShape(Shape):
    auth_index: str
    status: int | None
    kind: str | None
    ms: float


class RequestShape(Shape):
    id: str
    at: Time
    auth_index: str | None
    file_name: str | None
    provider: str | None
    model: str | None
    prefix: str | None
    project: str | None
    client_key: str | None
    endpoint: str
    status: int
    latency_ms: float
    ttfb_ms: float | None
    streamed: bool
    tokens: TokensShape
    failure: FailureShape | None
    attempts: list[AttemptShape]
    trace: str | None


def request_shape(event: RequestEvent) -> RequestShape:
    return RequestShape(
        id=event.id.hex(),
        at=datetime.fromtimestamp(event.at_ms // 1000, UTC).replace(microsecond=event.at_ms % 1000 * 1000),
        auth_index=event.auth_index,
        file_name=event.file_name,
        provider=event.provider,
        model=event.model,
        prefix=event.prefix,
        project=event.project,
        client_key=event.client_key,
        endpoint=event.endpoint,
        status=event.status,
        latency_ms=event.latency_ms,
        ttfb_ms=event.ttfb_ms,
        streamed=event.streamed,
        tokens=TokensShape.model_validate(event.tokens, from_attributes=True),
        failure=None if event.failure is None else FailureShape.model_validate(event.failure, from_attributes=True),
        attempts=[AttemptShape.model_validate(attempt, from_attributes=True) for attempt in event.attempts],
        trace=event.trace,
    )

"""One request that reached the simulated providers and the answer they give, as data. No I/O."""

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import parse_qsl

import brotli  # type: ignore[import-untyped]
import zstandard

_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_OPENED: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "": bytes,
    "gzip": lambda body: zlib.decompress(body, _GZIP_OR_ZLIB),
    "deflate": lambda body: zlib.decompress(body, _GZIP_OR_ZLIB),
    "br": brotli.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().stream_reader(body).read(),
}
_UNREADABLE: Final = (KeyError, ValueError, zlib.error, brotli.error, zstandard.ZstdError)


@dataclass(frozen=True, slots=True)
class Asked:
    """What arrived. ``headers`` have lower-case names; ``named`` are the parts that the endpoint's pattern names.

    ``body`` are the bytes as they came, compressed where ``content-encoding`` says so.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    named: Mapping[str, str] = field(default_factory=dict)

    @property
    def document(self) -> dict[str, Any]:
        """The body as a JSON object, or as a form where it is one; empty when it is neither."""
        if "x-www-form-urlencoded" in self.headers.get("content-type", ""):
            return dict(parse_qsl(self.body.decode(errors="replace")))
        try:
            decoded = json.loads(_OPENED[self.headers.get("content-encoding", "")](self.body))
        except _UNREADABLE:
            return {}
        return decoded if isinstance(decoded, dict) else {}

    @property
    def model(self) -> str:
        return self.named.get("model") or str(self.document.get("model") or "")

    @property
    def bearer(self) -> str:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    @property
    def key(self) -> str:
        """An API key, wherever the protocols put one."""
        headers = self.headers
        return headers.get("x-api-key") or headers.get("x-goog-api-key") or self.query.get("key") or self.bearer


@dataclass(frozen=True, slots=True)
class Said:
    """What a simulated model answered, and the counts reported with it. ``input`` counts cached input too."""

    text: str
    model: str
    id: str
    at: int
    input: int
    output: int
    cached: int
    reasoning: int

    @property
    def words(self) -> list[str]:
        """The text in pieces that add up to it."""
        first, *rest = self.text.split(" ")
        return [first, *(f" {word}" for word in rest)]


@dataclass(frozen=True, slots=True)
class Answer:
    """``events`` are the pieces of a stream, sent one by one; ``None`` means that ``body`` is sent whole."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    events: tuple[bytes, ...] | None = None
    said: Said | None = None

    def with_headers(self, headers: Mapping[str, str]) -> "Answer":
        return replace(self, headers={**self.headers, **headers})


class Refused(Exception):
    """Ends an exchange early with the provider's own refusal."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def json_answer(
    document: object, status: int = 200, headers: Mapping[str, str] | None = None, *, said: Said | None = None
) -> Answer:
    body = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    return Answer(status=status, headers={"content-type": "application/json", **(headers or {})}, body=body, said=said)


def stream_answer(events: list[bytes], said: Said) -> Answer:
    headers = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
    return Answer(headers=headers, events=tuple(events), said=said)


def sse(data: object, event: str | None = None) -> bytes:
    """One server-sent event."""
    name = f"event: {event}\n" if event else ""
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return f"{name}data: {text}\n\n".encode()

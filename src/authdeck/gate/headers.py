"""Headers that every answer carries: strict ones for the console and API, a sandbox for what upstreams send."""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import Message

from authdeck.gate.visits import Visit

CONSOLE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
CONSOLE: Final = {
    "content-security-policy": CONSOLE_POLICY,
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
GATEWAY: Final = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox; default-src 'none'",
}
"""For every gateway answer: whatever an upstream sends, a browser runs none of it on our origin."""


def add(message: Message, visit: Visit) -> None:
    """Complete a response start. A page may be stricter about its referrer; it can loosen nothing."""
    headers = MutableHeaders(scope=message)
    for name, value in CONSOLE.items():
        headers[name] = value
    headers.setdefault("referrer-policy", "same-origin")
    if headers["referrer-policy"] not in ("same-origin", "no-referrer"):
        headers["referrer-policy"] = "same-origin"
    if visit.private:
        headers["cache-control"] = "no-store"
    for cookie in visit.new_cookies:
        headers.append("set-cookie", cookie)

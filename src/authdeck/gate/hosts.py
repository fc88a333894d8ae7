"""Which host names are ours. Without this check a stranger's domain that resolves to us could drive the console."""

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from authdeck.errors import DeckError
from authdeck.settings import Settings

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
PROBES: Final = frozenset({"/healthz", "/readyz"})
"""Asked by address by whoever runs us; they tell nothing."""


def check(scope: Scope, settings: Settings) -> None:
    """Raises ``DeckError('host_not_ours')`` (421) unless exactly one Host header names us; the port does not matter."""
    if scope["path"] in PROBES:
        return
    given = Headers(scope=scope).getlist("host")
    if len(given) != 1 or _name(given[0]) not in ours(settings):
        raise DeckError("host_not_ours", status=421, host=given[0][:100] if given else "")


def ours(settings: Settings) -> frozenset[str]:
    """Loopback names, the bind address, the public URL's host and the allowed hosts, in lower case without port."""
    names = {_name(host) for host in settings.allowed_hosts}
    if settings.public_url:
        names.add((urlsplit(settings.public_url).hostname or "").lower())
    if not _is_wildcard(settings.host):
        names.add(settings.host.lower())
    return LOOPBACK | (names - {""})


def origins(scope: Scope, settings: Settings) -> frozenset[str]:
    """The origins a browser may name for this request: the public URL's, and the one it reached us by."""
    host = Headers(scope=scope).get("host", "").lower()
    is_https = scope.get("scheme") == "https" or settings.behind_tls or settings.tls_certificate is not None
    reached = f"{'https' if is_https else 'http'}://{host}"
    return frozenset({reached, *(_public_origin(settings.public_url) if settings.public_url else ())})


def address(scope: Scope, settings: Settings) -> str:
    """How clients reach us: the public address where one is set, else the way this request came."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    host = Headers(scope=scope).get("host") or settings.bind
    return f"{'https' if is_https(settings) else 'http'}://{host}"


def is_https(settings: Settings) -> bool:
    """Whether browsers reach us by https: then the cookies are ``Secure``."""
    if settings.public_url:
        return urlsplit(settings.public_url).scheme == "https"
    return settings.behind_tls or settings.tls_certificate is not None


def _public_origin(url: str) -> tuple[str]:
    parts = urlsplit(url)
    return (f"{parts.scheme}://{parts.netloc}".lower(),)


def _name(host: str) -> str:
    """``localhost:8417`` → ``localhost``, ``[::1]:8417`` → ``::1``; anything stranger → the text as it is."""
    try:
        return (
            (urlsplit(f"//{host}").hostname or "").lower().rstrip(".") if "@" not in host and "/" not in host else host
        )
    except ValueError:
        return host


def _is_wildcard(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return host == ""

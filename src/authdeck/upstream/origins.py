"""Where we may connect to: the origins in the settings, and those that an admin approved.

An origin is scheme, host and port. The name is checked before a request is made, the address where the connection is
made, so that a name which moves to another address gains nothing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

from authdeck.event import FailureKind
from authdeck.settings import Providers
from authdeck.upstream.failures import UpstreamFailure

Address = IPv4Address | IPv6Address

_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_METADATA: Final = frozenset(
    ip_address(text) for text in ("169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254")
)
"""Cloud metadata and host services; some are not link-local, so they are named."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host (lower case) and port."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = _DEFAULT_PORTS.get(self.scheme) == self.port
        return f"{self.scheme}://{host}" if usual else f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Approval:
    """``private``: may be a private or loopback address. ``plain_http``: a credential may go there without TLS."""

    private: bool = False
    plain_http: bool = False


@lru_cache(4096)
def origin_of(url: str) -> Origin | None:
    """The URL's origin, ``None`` where it has none we speak: another scheme, a user part, a broken port."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    if not parts.hostname or "@" in parts.netloc:
        return None
    return Origin(parts.scheme, parts.hostname.rstrip(".").lower(), port)


class Origins:
    """The allow-list. Those in the settings stay; ``replace`` takes those that an admin approved.

    Without ``providers`` there are no others: notifications have a list of their own, to which no credential is sent.
    """

    def __init__(self, providers: Providers | None, *, own_host: str, own_port: int) -> None:
        self._own_host: Final = own_host
        self._own_port: Final = own_port
        self._given, self._patterns = _from_settings(providers) if providers is not None else ({}, [])
        self._approved: dict[Origin, Approval] = {}

    def replace(self, approved: Iterable[tuple[str, Approval]]) -> None:
        """The approved origins are exactly these, beside the ones in the settings."""
        self._approved = {origin: approval for url, approval in approved if (origin := origin_of(url)) is not None}

    def is_allowed(self, url: str) -> bool:
        origin = origin_of(url)
        return origin is not None and self.approval(origin) is not None

    def approval(self, origin: Origin) -> Approval | None:
        given = self._given.get(origin) or self._approved.get(origin)
        if given is None and any(pattern.fullmatch(str(origin)) for pattern in self._patterns):
            return Approval(private=True, plain_http=origin.scheme == "http")
        return given

    def allows(self, url: str) -> Origin:
        """The URL's origin, if a credential may be sent there; a literal address is checked as well.

        Raises ``UpstreamFailure``: ``upstream_not_approved``, ``upstream_needs_https``, ``upstream_address_refused``.
        """
        origin = origin_of(url)
        approval = self.approval(origin) if origin else None
        if origin is None or approval is None:
            raise _refused("upstream_not_approved", str(origin or ""))
        if origin.scheme == "http" and not approval.plain_http:
            raise _refused("upstream_needs_https", str(origin))
        if (literal := _literal(origin.host)) is not None:
            self._check(literal, origin.port, approval, origin.host)
        return origin

    def check_address(self, host: str, port: int, address: str) -> None:
        """What ``host`` resolved to, just before connecting. Raises ``upstream_address_refused``."""
        approvals = [self.approval(Origin(scheme, host.lower(), port)) for scheme in _DEFAULT_PORTS]
        private = any(approval.private for approval in approvals if approval)
        self._check(ip_address(address), port, Approval(private=private), host)

    def _check(self, address: Address, port: int, approval: Approval, host: str) -> None:
        address = getattr(address, "ipv4_mapped", None) or address
        reach = _reach(address)
        if reach is None or self._is_ours(address, port) or not (reach or approval.private):
            raise _refused("upstream_address_refused", host)

    def _is_ours(self, address: Address, port: int) -> bool:
        if port != self._own_port:
            return False
        own = _literal(self._own_host)
        return address.is_loopback or address == own


def _from_settings(providers: Providers) -> tuple[dict[Origin, Approval], list[re.Pattern[str]]]:
    given: dict[Origin, Approval] = {}
    patterns: list[re.Pattern[str]] = []
    for part in providers.parts():
        for name, value in part.__dict__.items():
            if not name.endswith("_url") or not isinstance(value, str):
                continue
            if "{location}" in value:
                patterns.append(_pattern(value))
            elif (origin := origin_of(value)) is not None:
                given[origin] = Approval(private=True, plain_http=origin.scheme == "http")
    return given, patterns


def _pattern(template: str) -> re.Pattern[str]:
    """``https://{location}-x.example.com`` also stands for ``https://x.example.com``, the global place."""
    place = "[a-z0-9-]{1,40}"
    origin = re.escape(str(origin_of(template.replace("{location}", "location"))))
    return re.compile(origin.replace(r"location\-", f"(?:{place}-)?").replace("location", place))


@lru_cache(1024)
def _reach(address: Address) -> bool | None:
    """Whether the address belongs to the public internet; ``None`` for one that is never connected to."""
    never = address.is_link_local or address in _METADATA or address.is_multicast or address.is_unspecified
    return None if never else address.is_global


@lru_cache(1024)
def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _refused(code: str, host: str) -> UpstreamFailure:
    return UpstreamFailure(FailureKind.NETWORK, code, sent=False, host=host)

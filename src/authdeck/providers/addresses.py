"""Building upstream URLs: whatever a client or a file says, the origin stays the configured or approved one."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote, urlsplit

from authdeck import fields
from authdeck.errors import DeckError, NotFound
from authdeck.settings import Providers

_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_~@:+.-]*)*")
_TAIL: Final = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")
_QUERY: Final = re.compile(r"[\x21\x22\x24-\x7e]*")
_ACTION: Final = re.compile(r"[A-Za-z]{1,64}")
_PLAIN_MODEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_URL_FIELDS: Final = ("base_url", "token_endpoint", "token_uri", "auth_uri")


@lru_cache(maxsize=1024)
def base(url: str) -> str:
    """The URL without a slash at its end. Raises ``field_invalid`` unless it is plain http(s)."""
    if (problem := url_problem(url)) is not None:
        raise DeckError("field_invalid", field="base_url", problem=problem)
    return url.rstrip("/")


def url_problem(url: str) -> str | None:
    """Why no request can go below this URL: ``not_a_url``, ``has_credentials``, ``has_query``; ``None`` if they can."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition(":")[0] if parts.port is not None else parts.netloc
    except ValueError:
        return "not_a_url"
    if "@" in parts.netloc:
        return "has_credentials"
    if "?" in url or "#" in url:
        return "has_query"
    is_plain = parts.scheme in _DEFAULT_PORTS and _HOST.fullmatch(host) and _PATH.fullmatch(parts.path)
    return None if is_plain and ".." not in parts.path.split("/") else "not_a_url"


def origin(url: str) -> str | None:
    """``scheme://host[:port]`` in lower case, default port left out; ``None`` for anything but http(s)."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, _DEFAULT_PORTS[parts.scheme]) else "")


@lru_cache(maxsize=4096)
def below(url: str, tail: str, query: str = "") -> str:
    """``url`` + ``tail`` + query. Raises ``path_refused`` for dot segments, escapes, empty segments, odd characters."""
    if not _TAIL.fullmatch(tail):
        raise NotFound("path_refused", path=tail[:200])
    return with_query(base(url) + tail, query)


def with_query(url: str, query: str) -> str:
    if not query:
        return url
    if not _QUERY.fullmatch(query):
        raise NotFound("path_refused", path=f"?{query[:200]}")
    return f"{url}?{query}"


def merged(query: str, name: str, value: str) -> str:
    """The query with ``name=value`` added where the client did not give ``name``."""
    if any(part.partition("=")[0] == name for part in query.split("&")):
        return query
    return f"{query}&{name}={value}" if query else f"{name}={value}"


def action(tail: str) -> str:
    """What stands after the last colon: ``generateContent``. Raises ``path_refused``."""
    name = tail.rpartition(":")[2]
    if not _ACTION.fullmatch(name):
        raise NotFound("path_refused", path=tail[:200])
    return name


def segment(model: str | None) -> str:
    """The model as one path segment. Raises ``path_refused`` where there is none."""
    if not model:
        raise NotFound("path_refused", path="")
    return model if _PLAIN_MODEL.fullmatch(model) else quote(model, safe="")


def foreign_urls(document: Mapping[str, Any], settings: Providers) -> Iterator[tuple[str, str]]:
    """(field, origin) of URLs in the file whose origin the settings do not name: they are never used."""
    known = set(configured_origins(settings))
    inside = document.get("service_account")
    for place in (document, inside if isinstance(inside, dict) else {}):
        for name in _URL_FIELDS:
            if (url := fields.text(place, name)) and (found := origin(url)) not in known:
                yield name, found or "?"


def configured_origins(settings: Providers) -> Iterator[str]:
    """Every origin that the settings name; vertex's without a region and with the template's own regions left out."""
    for part in settings.parts():
        for name, value in part.__dict__.items():
            if name.endswith("_url") and isinstance(value, str):
                url = value.replace("{location}-", "").replace("{location}", "global")
                if (found := origin(url)) is not None:
                    yield found

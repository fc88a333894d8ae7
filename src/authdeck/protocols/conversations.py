"""Which conversation a request belongs to, as its client names it. Pure.

The places and their order are those that CLIProxyAPI looks at (its ``routing.session-affinity``), so that clients
configured for it behave alike. One is left out on purpose: it takes the first messages' hash where a client names
nothing, which puts all requests that begin alike, as those of one program do, on one account.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from authdeck.protocols.asking import NOTHING_NAMED, Naming

LONGEST: Final = 256
_CLAUDE_CODE: Final = b"x-claude-code-session-id"
_HEADERS: Final = (b"session-id", b"session_id", b"x-session-id", b"x-session-affinity", b"x-client-request-id")
_IN_USER_ID: Final = "_session_"


def conversation(header: Callable[[bytes], bytes | None], naming: Naming = NOTHING_NAMED) -> str | None:
    """The first name that can be one: at most 256 characters, none of them a control character. ``None``: unnamed."""
    return next((name for name in _names(header, naming) if name and len(name) <= LONGEST and name.isprintable()), None)


def _names(header: Callable[[bytes], bytes | None], naming: Naming) -> Iterator[str]:
    yield _text(header(_CLAUDE_CODE))
    metadata = _opened(naming.metadata)
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    yield _in_user_id(user)
    for name in _HEADERS:
        yield _text(header(name))
    for raw in (naming.session_id, naming.session_id_camel, naming.prompt_cache_key):
        yield _named(_opened(raw))
    yield _named(_opened(naming.conversation))
    yield _named(user)
    yield _named(_opened(naming.conversation_id))


def _in_user_id(user: Any) -> str:
    """Claude Code's ``metadata.user_id``: JSON with a ``session_id``, or a text that ends with ``_session_<id>``."""
    if not isinstance(user, str):
        return ""
    if user.startswith("{"):
        try:
            return _named(json.loads(user).get("session_id"))
        except (ValueError, RecursionError):
            return ""
    return user.rpartition(_IN_USER_ID)[2] if _IN_USER_ID in user else ""


def _named(value: Any) -> str:
    """A text, or the ``id`` of an object."""
    value = value.get("id") if isinstance(value, dict) else value
    return value.strip() if isinstance(value, str) else ""


def _text(value: bytes | None) -> str:
    return value.decode("latin-1").strip() if value else ""


def _opened(raw: Any) -> Any:
    """What the body's decoder has checked to be JSON."""
    return json.loads(bytes(raw)) if bytes(raw) else None

"""Claude Code's ``~/.claude/.credentials.json``: ``{claudeAiOauth: {accessToken, refreshToken, expiresAt, …}}``."""

from collections.abc import Mapping
from typing import Any, Final

from authdeck import fields
from authdeck.account import Kind, Provider
from authdeck.clock import rfc3339
from authdeck.credential import Draft
from authdeck.errors import DeckError
from authdeck.formats.converting import OTHER_PROGRAM, converted

SOURCE: Final = "claude_code"
_KEY: Final = "claudeAiOauth"
_MOVED: Final = {
    "accessToken": "access_token",
    "refreshToken": "refresh_token",
    "subscriptionType": "subscription_type",
    "accountUuid": "account_uuid",
    "organizationUuid": "organization_uuid",
    "email": "email",
}


def recognises(document: Mapping[str, Any]) -> bool:
    return "type" not in document and isinstance(document.get(_KEY), dict)


def read(file_name: str, content: bytes, document: Mapping[str, Any]) -> Draft:
    """A subscription sign-in, which Claude Code goes on refreshing. Raises ``field_missing``."""
    del content
    login = document.get(_KEY)
    if not isinstance(login, dict):
        raise DeckError("field_missing", field=_KEY, fields=[_KEY])
    moved = {ours: login.get(theirs) for theirs, ours in _MOVED.items()}
    if (end := fields.moment(login.get("expiresAt"))) is not None:
        moved["expired"] = rfc3339(end)
    rest = {name: value for name, value in document.items() if name != _KEY}
    rest |= {name: value for name, value in login.items() if name not in _MOVED and name != "expiresAt"}
    notes = ((OTHER_PROGRAM, {"program": "Claude Code"}),)
    return converted(file_name, SOURCE, Provider.CLAUDE, Kind.OAUTH, moved=moved, rest=rest, notes=notes)

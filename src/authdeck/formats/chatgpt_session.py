"""The session that chatgpt.com keeps in a browser: ``{user, account, accessToken, sessionToken, expires, …}``.

It comes in many spellings and depths, and sometimes in pieces: an array of objects that make one session together.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from authdeck import fields
from authdeck.account import Kind, Provider
from authdeck.clock import rfc3339
from authdeck.credential import Draft
from authdeck.errors import DeckError
from authdeck.formats.converting import converted

SOURCE: Final = "chatgpt_session"
Note = tuple[str, Mapping[str, Any]]

_INSIDE: Final = ("session", "token", "tokens", "credentials")
"""Where the tokens may stand, besides the top."""

_ACCESS: Final = ("accessToken", "access_token")
_MOVED: Final[Mapping[str, tuple[str, ...]]] = {
    "access_token": _ACCESS,
    "refresh_token": ("refreshToken", "refresh_token"),
    "id_token": ("idToken", "id_token"),
    "session_token": ("sessionToken", "session_token"),
}
_OF_USER: Final[Mapping[str, tuple[str, ...]]] = {
    "email": ("email",),
    "name": ("name",),
    "chatgpt_user_id": ("id", "user_id", "chatgpt_user_id"),
}
_OF_ACCOUNT: Final[Mapping[str, tuple[str, ...]]] = {
    "account_id": ("id", "account_id", "chatgpt_account_id"),
    "plan_type": ("planType", "plan_type", "chatgpt_plan_type"),
}
_EXPIRY: Final = ("expires", "expired", "expires_at", "expiresAt")
_SAYS_SESSION: Final = ("user", "account", "profile", "expires", "sessionToken", "session_token")


def recognises(document: Mapping[str, Any]) -> bool:
    """No type, and either the browser's own spelling or a token beside a user or an account."""
    if any(name in document for name in ("type", "provider", "OPENAI_API_KEY", "platform", "accounts")):
        return False
    if isinstance(document.get("accessToken"), str) or isinstance(document.get("session"), dict):
        return True
    return bool(_access_tokens([document])) and any(name in document for name in _SAYS_SESSION)


def recognises_pieces(documents: Sequence[Any]) -> bool:
    """Whether an array holds sessions or pieces of one."""
    plain = [piece for piece in documents if isinstance(piece, dict) and "type" not in piece]
    return bool(plain) and len(plain) == len(documents) and any(recognises(piece) for piece in plain)


def read(file_name: str, content: bytes, document: Mapping[str, Any]) -> Draft:
    """A Codex account. Raises ``session_several`` for more than one session, ``field_missing`` without a token."""
    del content
    return read_pieces(file_name, [document])


def read_pieces(file_name: str, documents: Sequence[Mapping[str, Any]]) -> Draft:
    """The one session that the objects make together. Raises as ``read``."""
    places = [place for document in documents for place in _places(document)]
    moved: dict[str, Any] = {ours: _one(places, theirs) for ours, theirs in _MOVED.items()}
    if moved["access_token"] is None:
        raise DeckError("field_missing", field="accessToken", fields=list(_ACCESS))
    moved |= _who(documents, places)
    if (ends := _expires(places)) is not None:
        moved["expired"] = ends
    if (made := fields.moment(fields.jwt_claims(moved["access_token"]).get("iat"))) is not None:
        moved["last_refresh"] = rfc3339(made)
    if any(place.get("disabled") is True for place in places):
        moved["disabled"] = True
    notes: tuple[Note, ...] = () if moved["refresh_token"] else (("no_refresh_token", {}),)
    return converted(file_name, SOURCE, Provider.CODEX, Kind.OAUTH, moved=moved, rest=_rest(documents), notes=notes)


def _places(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The object itself, and those inside in which a session may be wrapped, two deep."""
    yield document
    for name in _INSIDE:
        inner = document.get(name)
        if isinstance(inner, dict):
            yield inner
            yield from (deeper for key in _INSIDE if isinstance(deeper := inner.get(key), dict))


def _access_tokens(documents: Sequence[Mapping[str, Any]]) -> list[str]:
    return [token for document in documents for place in _places(document) if (token := fields.text(place, *_ACCESS))]


def _one(places: Sequence[Mapping[str, Any]], names: tuple[str, ...]) -> str | None:
    """The token, wherever it stands; the same one may stand in several places, two different ones are two sessions."""
    found = {token for place in places for name in names if (token := fields.text(place, name))}
    if len(found) > 1:
        raise DeckError("session_several", field=names[0])
    return next(iter(found), None)


def _who(documents: Sequence[Mapping[str, Any]], places: Sequence[Mapping[str, Any]]) -> dict[str, str | None]:
    users = list(_named(places, "user"))
    profiles = list(_named(places, "profile"))
    accounts = [*_named(places, "account"), *_named(profiles, "account")]
    flat = list(documents)
    found: dict[str, str | None] = {}
    for ours, theirs in _OF_USER.items():
        found[ours] = _first(users, theirs) or _first(flat, tuple(name for name in theirs if name != "id"))
    for ours, theirs in _OF_ACCOUNT.items():
        found[ours] = _first(accounts, theirs) or _first(flat, tuple(name for name in theirs if name != "id"))
    found["chatgpt_account_id"], found["chatgpt_plan_type"] = found["account_id"], found["plan_type"]
    return found


def _named(places: Sequence[Mapping[str, Any]], name: str) -> Iterator[Mapping[str, Any]]:
    return (inner for place in places if isinstance(inner := place.get(name), dict))


def _first(places: Sequence[Mapping[str, Any]], names: tuple[str, ...]) -> str | None:
    return next((said for place in places if (said := fields.text(place, *names))), None)


def _expires(places: Sequence[Mapping[str, Any]]) -> str | None:
    for name in _EXPIRY:
        for place in places:
            if (end := fields.moment(place.get(name))) is not None:
                return rfc3339(end)
    return None


def _rest(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What nobody moved, under its own name."""
    taken = {
        *_INSIDE,
        *_EXPIRY,
        "user",
        "account",
        "profile",
        "disabled",
        *(n for names in _MOVED.values() for n in names),
    }
    return {name: value for document in documents for name, value in document.items() if name not in taken}

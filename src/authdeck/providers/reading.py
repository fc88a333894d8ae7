"""Reading documents the same way for every provider: kind, tokens, secrets, and claims whose sources may contradict."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from authdeck import fields
from authdeck.account import Kind
from authdeck.credential import SECRET_KINDS, Claims, Tokens
from authdeck.quota import QuotaWindow
from authdeck.secret import Secret


def kind_of(document: Mapping[str, Any]) -> Kind:
    """API key where there is one and no token; the file's own ``auth_kind`` wins."""
    said = (fields.text(document, "auth_kind") or "").lower().replace("_", "").replace("-", "")
    if said in ("apikey", "oauth"):
        return Kind.API_KEY if said == "apikey" else Kind.OAUTH
    has_token = fields.text(document, "access_token", "refresh_token") is not None
    return Kind.API_KEY if fields.text(document, "api_key") and not has_token else Kind.OAUTH


def tokens(document: Mapping[str, Any], kind: Kind) -> Tokens:
    """Bearer and refresh token; the bearer's end is the earliest of the file's word and the token's own ``exp``."""
    if kind is Kind.API_KEY:
        return Tokens(_secret(fields.text(document, "api_key")), base_url=fields.text(document, "base_url"))
    access = fields.text(document, "access_token")
    inside = fields.jwt_claims(access)
    ends = [_file_expiry(document), fields.moment(inside.get("exp"))]
    return Tokens(
        bearer=_secret(access),
        refresh_token=_secret(fields.text(document, "refresh_token")),
        expires_at=min((end for end in ends if end is not None), default=None),
        issued_at=fields.moment(inside.get("iat")),
    )


def secrets(document: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Every credential in the document, by kind, strongest first."""
    found = ((kind, fields.text(document, kind)) for kind in SECRET_KINDS)
    return tuple((kind, text) for kind, text in found if text)


@dataclass(slots=True)
class Sources:
    """One claim from several places: the first that has it wins, and those that say otherwise are remembered."""

    contradictions: list[str] = field(default_factory=list)

    def first(self, name: str, *values: Any) -> str | None:
        given = [value.strip() for value in values if isinstance(value, str) and value.strip()]
        if len(set(given)) > 1:
            self.contradictions.append(name)
        return given[0] if given else None


def claims(
    document: Mapping[str, Any],
    sources: Sources,
    *,
    organization: str | None = None,
    subject: str | None = None,
    email: str | None = None,
    plan: str | None = None,
) -> Claims:
    """Claims with what every document may say: label, project, base URL, models and dates."""
    return Claims(
        organization=organization,
        subject=subject,
        email=email,
        plan=plan.lower() if plan else None,
        label=fields.text(document, "label", "name"),
        project_id=fields.text(document, "project_id"),
        base_url=fields.text(document, "base_url"),
        models=models(document),
        expires_at=tokens(document, kind_of(document)).expires_at,
        last_refresh=fields.last_refresh(document),
        contradictions=tuple(sources.contradictions),
    )


def key_claims(document: Mapping[str, Any]) -> Claims:
    """What an API key document says of itself. The key is the identity, so no half of one is claimed."""
    return claims(document, Sources(), email=fields.text(document, "email"))


def models(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The account's own models: names, or objects with ``name`` or ``id``, in order, once each."""
    listed = document.get("models")
    return tuple(dict.fromkeys(_model_names(listed))) if isinstance(listed, list) else ()


def _model_names(listed: Iterable[Any]) -> Iterable[str]:
    for item in listed:
        name = (
            item.strip()
            if isinstance(item, str)
            else fields.text(item, "name", "id")
            if isinstance(item, dict)
            else None
        )
        if name:
            yield name


def _file_expiry(document: Mapping[str, Any]) -> datetime | None:
    """The file's word; ``timestamp`` + ``expires_in`` where it has no date."""
    if (said := fields.expiry(document)) is not None:
        return said
    made, lasts = fields.moment(document.get("timestamp")), document.get("expires_in")
    if made is None or isinstance(lasts, bool) or not isinstance(lasts, int | float) or not 0 < lasts < 10**9:
        return None
    return made + timedelta(seconds=lasts)


def _secret(text: str | None) -> Secret | None:
    return Secret(text) if text else None


NO_HEADERS: Final[tuple[bytes, ...]] = ()


def no_plan(headers: Mapping[str, str]) -> str | None:
    """For providers whose answers do not tell the plan in passing."""
    del headers
    return None


def no_windows(headers: Mapping[str, str], body: bytes, now: datetime, model: str | None = None) -> list[QuotaWindow]:
    """For providers whose answers tell of no window in passing."""
    del headers, body, now, model
    return []

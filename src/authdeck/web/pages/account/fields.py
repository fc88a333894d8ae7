"""The settings form: which fields an account has, what they show, and what a filled-in form wants changed. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from starlette.datastructures import FormData

from authdeck import account_fields, wording
from authdeck.account import Account, Provider
from authdeck.errors import DeckError
from authdeck.operations.file_names import require_file_name
from authdeck.web.masking import DOTS, masked

_PROJECTS: Final = frozenset({Provider.ANTIGRAVITY, Provider.VERTEX, Provider.GEMINI})
_SOCKETS: Final = frozenset({Provider.CODEX, Provider.XAI})
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "websockets": ("", "true", "false"),
    "using_api": ("", "true", "false"),
    "disable_cooling": ("", "true", "false"),
    "refresh_by": ("authdeck", "other"),
}
_NUMBERS: Final = frozenset({"priority", "weight", "request_retry"})
_MONO: Final = frozenset({"file_name", "project_id", "proxy_url", "prefix"})
_MASKED: Final = frozenset({"file_name", "label"})
_SECTIONS: Final = (
    ("labels", ("note", "label", "project_id", "file_name")),
    ("routing", ("priority", "weight", "request_retry", "prefix", "proxy_url")),
    ("behaviour", ("refresh_by", "disable_cooling", "websockets", "using_api")),
)
RULES: Final = "request_scoped_errors"
NAMES: Final = frozenset(name for _, names in _SECTIONS for name in names)


@dataclass(frozen=True, slots=True)
class Field:
    """One field as the form shows it. ``choices`` are (value, text); ``error`` is a sentence beside the field."""

    name: str
    label: str
    hint: str
    value: str
    error: str
    choices: Sequence[tuple[str, str]]
    place: str

    @property
    def is_number(self) -> bool:
        return self.name in _NUMBERS

    @property
    def is_mono(self) -> bool:
        return self.name in _MONO


def sections(
    account: Account,
    locale: str,
    *,
    hidden: bool,
    said: FormData | None = None,
    errors: Mapping[str, str] | None = None,
) -> list[tuple[str, list[Field]]]:
    """The form, with what was typed where it was sent before, and with the sentences of what is wrong in it."""
    return [
        (title, [_field(account, name, locale, hidden, said, errors or {}) for name in names if _has(account, name)])
        for title, names in _SECTIONS
    ]


def field(account: Account, name: str, locale: str, *, hidden: bool, said: FormData) -> Field:
    """One field after it was left, checked."""
    return _field(account, name, locale, hidden, said, errors_in(wished(account, said, hidden=hidden), locale))


def wished(account: Account, said: FormData, *, hidden: bool) -> dict[str, Any]:
    """What the form changes, as a merge patch: fields left as they were shown are not in it; empty ones are cleared.

    A proxy and headers are never shown, so that an empty field keeps them; a tick takes them away.
    """
    shown = _values(account, hidden=hidden)
    changes: dict[str, Any] = {}
    for name in NAMES - {"proxy_url"}:
        given = str(said.get(name, shown.get(name, ""))).replace("\r\n", "\n").strip()
        if name in said and given != shown[name]:
            changes[name] = given or None
    if said.get("proxy_gone") == "yes":
        changes["proxy_url"] = None
    elif given := str(said.get("proxy_url", "")).strip():
        changes["proxy_url"] = given
    return changes | _header_changes(said) | _rule_changes(account, said)


def errors_in(changes: Mapping[str, Any], locale: str) -> dict[str, str]:
    """A sentence for each field that can't be set so."""
    found = {}
    for name, value in changes.items():
        try:
            _check(name, value)
        except DeckError as error:
            params = {**error.params, "field": wording.sentence(f"field.{name}", {}, locale)}
            is_rule = error.params.get("problem") == "not_error_rules"  # that sentence speaks of JSON
            found[name] = wording.sentence("error_rule_wrong" if is_rule else error.code, params, locale)
    return found


def _check(name: str, value: Any) -> None:
    if name in _MASKED and isinstance(value, str) and DOTS in value:
        raise DeckError("identity_masked", status=422)
    if name == "file_name":
        require_file_name(value or "")
    else:
        account_fields.read({name: value})


def _rule_changes(account: Account, said: FormData) -> dict[str, Any]:
    """Rules of the request's own failures: ticked ones go by their place, one more is added at the end."""
    gone = {str(place) for place in said.getlist("rule_gone")}
    kept = [asdict(rule) for place, rule in enumerate(account.settings.request_scoped_errors) if str(place) not in gone]
    new = {name: _lines(said, f"rule_{name}") for name in ("match", "match_regexr")}
    status = str(said.get("rule_status", "")).strip()
    if not (gone or status or any(new.values())):
        return {}
    if status or any(new.values()):
        number = int(status) if status.isdecimal() and len(status) < 4 else status  # noqa: PLR2004 - a status has three
        kept.append({"status": number, "action": str(said.get("rule_action", "")), **new})
    return {RULES: kept or None}


def _lines(said: FormData, name: str) -> list[str]:
    return [line.strip() for line in str(said.get(name, "")).splitlines() if line.strip()]


def _header_changes(said: FormData) -> dict[str, Any]:
    headers: dict[str, str | None] = {str(name): None for name in said.getlist("header_gone")}
    names, values = said.getlist("header_name"), said.getlist("header_value")
    for name, value in zip(names, values, strict=False):
        if str(name).strip():
            headers[str(name).strip()] = str(value)
    return {"headers": headers} if headers else {}


def _field(
    account: Account, name: str, locale: str, hidden: bool, said: FormData | None, errors: Mapping[str, str]
) -> Field:
    value = _values(account, hidden=hidden).get(name, "")
    if said is not None and name in said:
        value = str(said[name])
    return Field(
        name,
        wording.sentence(f"field.{name}", {}, locale),
        wording.sentence(f"field.{name}.hint", {}, locale),
        value,
        errors.get(name, ""),
        [(choice, wording.sentence(f"field.{name}.{choice or 'default'}", {}, locale)) for choice in _choices(name)],
        account.proxy_display or "" if name == "proxy_url" else "",
    )


def _choices(name: str) -> Sequence[str]:
    return _CHOICES.get(name, ())


def _has(account: Account, name: str) -> bool:
    """Fields that mean nothing for a provider are left out, unless somebody set them."""
    if name == "project_id":
        return account.provider in _PROJECTS or account.settings.project_id is not None
    if name == "websockets":
        return account.provider in _SOCKETS or account.settings.websockets is not None
    if name == "using_api":
        return account.provider is Provider.XAI or account.settings.using_api is not None
    return True


def _values(account: Account, *, hidden: bool) -> dict[str, str]:
    named = masked if hidden else str
    settings = account.settings
    return {
        "note": settings.note,
        "label": named(account.label),
        "file_name": named(account.file_name),
        "project_id": settings.project_id or "",
        "priority": str(settings.priority),
        "weight": str(settings.weight),
        "request_retry": "" if settings.request_retry is None else str(settings.request_retry),
        "prefix": settings.prefix or "",
        "refresh_by": account.refresh_by.value,
        **{name: _said(getattr(settings, name)) for name in ("websockets", "using_api", "disable_cooling")},
    }


def _said(value: bool | None) -> str:
    return "" if value is None else str(value).lower()

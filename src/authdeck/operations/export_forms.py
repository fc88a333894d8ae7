"""What each form of an export holds of an account, and what it has no place for."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from authdeck.account import Account, AccountSettings, Kind, Provider, RefreshBy, SecretSettings
from authdeck.credential import Tokens
from authdeck.entry import Entry
from authdeck.errors import DeckError
from authdeck.formats import cliproxyapi, codex_cli, sub2api
from authdeck.operations.documents import own_label, with_settings
from authdeck.providers import PROVIDERS

Note = tuple[str, Mapping[str, Any]]


class Form(StrEnum):
    """What an export may look like."""

    CLIPROXYAPI = "cliproxyapi"
    CODEX_CLI = "codex_cli"
    SUB2API = "sub2api"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One account of an export. ``lost`` names what the form has no place for; ``refused`` why it can't be in it.

    ``stale_after`` is ``rotating`` where the copy is worthless once either program refreshed the sign-in.
    """

    account: Account
    lost: tuple[str, ...] = ()
    stale_after: str | None = None
    refused: Note | None = None
    notes: tuple[Note, ...] = ()
    content: bytes = field(default=b"", repr=False)

    def without_content(self) -> "ExportRow":
        return replace(self, content=b"")


@dataclass(frozen=True, slots=True)
class Held:
    """An account with what is sealed of it, opened."""

    entry: Entry
    content: bytes = field(repr=False)
    document: Mapping[str, Any] = field(repr=False)
    sends: SecretSettings
    revision: int
    off: bool

    @property
    def account(self) -> Account:
        return self.entry.account

    @property
    def tokens(self) -> Tokens:
        return PROVIDERS[self.account.provider].tokens(self.document)


def written(form: Form, held: Held) -> ExportRow:
    """Raises ``export_unsupported`` and ``export_lacks_token`` for an account that the form can't hold."""
    account = held.account
    content, lost, notes = _FORMS[form](held)
    rotates = PROVIDERS[account.provider].ABOUT.rotates and held.tokens.refresh_token is not None
    if rotates:
        notes = (*notes, ("export_shared", {}))
    if held.tokens.expires_at is not None and held.tokens.refresh_token is None:
        notes = (*notes, ("export_ends", {"at": held.tokens.expires_at}))
    return ExportRow(account, tuple(sorted(lost)), "rotating" if rotates else None, None, notes, content)


_Formed = tuple[bytes, set[str], tuple[Note, ...]]


def _as_cliproxyapi(held: Held) -> _Formed:
    account = held.account
    content = with_settings(account, held.content, held.sends, off=held.off)
    lost = {name for name, has in _ours(account) if has}
    is_its_own = cliproxyapi.recognises(held.document) and account.kind is not Kind.API_KEY
    return content, lost, () if is_its_own else (("export_keys_elsewhere", {}),)


def _as_codex_cli(held: Held) -> _Formed:
    _require_codex(held, Form.CODEX_CLI, {Kind.OAUTH, Kind.API_KEY})
    lost = _lost(held, codex_cli.CARRIED) | ({"disabled"} if held.off else set())
    return codex_cli.write(held.document), lost, ()


def _as_sub2api(held: Held) -> _Formed:
    _require_codex(held, Form.SUB2API, {Kind.OAUTH})
    return b"", _lost(held, sub2api.CARRIED), ()


def _require_codex(held: Held, form: Form, kinds: set[Kind]) -> None:
    account = held.account
    if account.provider is not Provider.CODEX or account.kind not in kinds:
        raise DeckError(
            "export_unsupported", provider=account.provider.value, kind=account.kind.value, format=form.value
        )


_FORMS: Final[Mapping[Form, Callable[[Held], _Formed]]] = {
    Form.CLIPROXYAPI: _as_cliproxyapi,
    Form.ARCHIVE: _as_cliproxyapi,
    Form.CODEX_CLI: _as_codex_cli,
    Form.SUB2API: _as_sub2api,
}


def _lost(held: Held, carried: frozenset[str]) -> set[str]:
    """Settings that say something, and fields of the auth file, that the form has no place for."""
    account, plain = held.account, AccountSettings()
    settings = set(AccountSettings.__dataclass_fields__)
    lost = {name for name in settings if getattr(account.settings, name) != getattr(plain, name)}
    lost |= {name for name, has in _ours(account) if has}
    lost |= {"proxy_url"} if held.sends.proxy_url else set()
    lost |= {"headers"} if held.sends.headers else set()
    lost |= {"label"} if own_label(account, held.document) else set()
    known = settings | carried | {"proxy_url", "headers", "label", "disabled", "expired"}
    return lost | {
        name for name, value in held.document.items() if name not in known and value not in (None, "", [], {})
    }


def _ours(account: Account) -> Iterator[tuple[str, bool]]:
    """What no other program knows."""
    yield "refresh_by", account.refresh_by is RefreshBy.OTHER
    yield "locked", account.locked

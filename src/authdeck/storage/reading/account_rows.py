"""Accounts made from rows, quickly: columns come as they are stored, and equal values are one object.

Lists, batches and starts make them by the thousand. A row is a tuple of ``COLUMNS``, from whatever statement.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, make_dataclass
from datetime import datetime
from functools import lru_cache
from sys import intern
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Select, Text, cast, select, type_coerce

from authdeck.account import Account, AccountSettings, ErrorAction, ErrorRule, Kind, ModelAlias, Provider, RefreshBy
from authdeck.clock import from_micros
from authdeck.errors import DeckError
from authdeck.storage.tables import accounts, proxies


def selected(*more: ColumnElement[Any]) -> Select[Any]:
    """Accounts with their proxies, and ``more`` columns behind ``COLUMNS``."""
    return select(*COLUMNS, *more).outerjoin_from(accounts, proxies, accounts.c.proxy == proxies.c.key)


def with_more(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[Account, Sequence[Any]]]:
    """Accounts without their aliases, each with what was selected behind ``COLUMNS``."""
    width = len(COLUMNS)
    return ((account(row[:width]), row[width:]) for row in rows)


def account(row: Sequence[Any], names: tuple[str, ...] = ()) -> Account:
    """The account of a row; ``names`` are its aliases, oldest first."""
    (
        key, auth_index, provider, kind, file_name, label, email, plan, organization, subject, strength, base_url,
        models, refresh_by, locked, version, revision, generation, expires_at, unreadable, last_request_at,
        last_success_at, created_at, updated_at, trashed_at, proxy_display, has_headers, *settings,
    ) = row  # fmt: skip
    created = None if created_at is None else from_micros(created_at)
    made: Any = _Account(
        key, auth_index, _PROVIDERS[provider], _KINDS[kind], file_name, _settings(*settings),
        email if label == email else label, email, None if plan is None else intern(plan),
        organization, subject, intern(strength), None if base_url is None else intern(base_url), _texts(models),
        _REFRESH_BY[refresh_by], bool(locked), version, revision, generation,
        None if expires_at is None else _moment(expires_at), unreadable,
        None if last_request_at is None else _moment(last_request_at),
        None if last_success_at is None else _moment(last_success_at),
        created, created if updated_at == created_at else _moment(updated_at),
        None if trashed_at is None else _moment(trashed_at), names,
        None if proxy_display is None else intern(proxy_display), bool(has_headers),
    )  # fmt: skip
    made.__class__ = Account  # see twin
    found: Account = made
    return found


def error_rule(kept: Mapping[str, Any]) -> ErrorRule:
    lists = {name: tuple(kept[name]) for name in ("match", "match_regexr")}
    return ErrorRule(kept["status"], **lists, action=ErrorAction(kept["action"]))


@lru_cache(maxsize=4096)
def _settings(
    note: str,
    priority: int,
    weight: int,
    project_id: str | None,
    prefix: str | None,
    excluded: str,
    model_aliases: str,
    errors: str | None,
    disable_cooling: bool | None,
    request_retry: int | None,
    websockets: bool | None,
    using_api: bool | None,
) -> AccountSettings:
    """Accounts that are set alike share one object."""
    return AccountSettings(
        note, priority, weight, project_id, prefix, _texts(excluded), _model_aliases(model_aliases),
        _truth(disable_cooling), request_retry, _truth(websockets), _truth(using_api), _error_rules(errors),
    )  # fmt: skip


def _truth(stored: int | None) -> bool | None:
    return None if stored is None else bool(stored)


@lru_cache(maxsize=4096)
def _moment(stored: int) -> datetime:
    return from_micros(stored)


@lru_cache(maxsize=4096)
def _texts(stored: str) -> tuple[str, ...]:
    return tuple(json.loads(stored))


@lru_cache(maxsize=4096)
def _model_aliases(stored: str) -> tuple[ModelAlias, ...]:
    return tuple(ModelAlias(**alias) for alias in json.loads(stored))


@lru_cache(maxsize=4096)
def _error_rules(stored: str | None) -> tuple[ErrorRule, ...]:
    return tuple(map(error_rule, json.loads(stored or "[]") or ()))


def twin(kind: type) -> type[Any]:
    """A class with the same slots that is not frozen; what is made of it becomes what it is a twin of.

    A frozen dataclass sets each field of a new one by a call, which takes twelve times as long: a second of a start
    with 100,000 accounts.
    """
    return make_dataclass(f"_{kind.__name__}", [(each.name, Any) for each in fields(kind)], slots=True)


def _raw(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return type_coerce(column, BigInteger)


_Account: Final = twin(Account)


class _Providers(dict[str, Provider]):
    """By what the database calls them."""

    def __missing__(self, name: str) -> Provider:
        raise DeckError("provider_gone", provider=name)


_PROVIDERS: Final = _Providers({provider.value: provider for provider in Provider})
_KINDS: Final = {kind.value: kind for kind in Kind}
_REFRESH_BY: Final = {each.value: each for each in RefreshBy}

_A: Final = accounts.c
COLUMNS: Final[tuple[ColumnElement[Any], ...]] = (
    _A.key, _A.auth_index, _A.provider, _A.kind, _A.file_name, _A.label, _A.email, _A.plan, _A.organization,
    _A.subject, _A.identity_strength, _A.base_url, cast(_A.models, Text), _A.refresh_by, _A.locked, _A.version,
    _A.current_revision, _A.generation, _raw(_A.expires_at), _A.unreadable, _raw(_A.last_request_at),
    _raw(_A.last_success_at), _raw(_A.created_at), _raw(_A.updated_at), _raw(_A.trashed_at), proxies.c.display,
    _A.headers_sealed.is_not(None), _A.note, _A.priority, _A.weight, _A.project_id, _A.prefix,
    cast(_A.excluded_models, Text), cast(_A.model_aliases, Text), cast(_A.request_scoped_errors, Text),
    _A.disable_cooling, _A.request_retry, _A.websockets, _A.using_api,
)  # fmt: skip

"""Every live account at once: what a process reads when it starts, or when it was away for too long.

The same accounts as ``reading.accounts`` makes one by one, in a quarter of the time and of the memory: columns come as
they are stored, equal values are one object, and rows are let go as they are read.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, make_dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Text, and_, cast, select, type_coerce

from authdeck.account import Account, AccountSettings, ErrorAction, ErrorRule, Kind, ModelAlias, Provider, RefreshBy
from authdeck.clock import from_micros
from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import accounts, aliases, proxies

_AT_ONCE: Final = 2000


def all_live(connection: ReadConnection) -> Iterator[Account]:
    """By key, oldest first."""
    other_names = _other_names(connection)
    shared: dict[str | None, str | None] = {}
    one = shared.setdefault
    for (
        key, auth_index, provider, kind, file_name, label, email, plan, organization, subject, strength, base_url,
        models, refresh_by, locked, version, revision, generation, expires_at, unreadable, last_request_at,
        last_success_at, created_at, updated_at, proxy_display, has_headers, *settings,
    ) in connection.stored(_STATEMENT):  # fmt: skip
        created = None if created_at is None else from_micros(created_at)
        made = _Account(
            key, auth_index, _PROVIDERS[provider], _KINDS[kind], file_name, _settings(*settings),
            email if label == email else one(label, label), email, one(plan, plan),
            organization, subject, one(strength, strength), one(base_url, base_url), _texts(models),
            _REFRESH_BY[refresh_by], bool(locked), version, revision, generation, _moment(expires_at), unreadable,
            None if last_request_at is None else _moment(last_request_at),
            None if last_success_at is None else _moment(last_success_at),
            created, created if updated_at == created_at else _moment(updated_at), None,
            other_names.pop(key, ()), one(proxy_display, proxy_display), bool(has_headers),
        )  # fmt: skip
        made.__class__ = Account  # see twin
        yield made


def _other_names(connection: ReadConnection) -> dict[int, tuple[str, ...]]:
    """Of every account that ever was, by key: to ask for the live ones only would take longer."""
    found: dict[int, tuple[str, ...]] = {}
    for account, value in connection.stored(_OTHER_NAMES):
        found[account] = (*found[account], value) if account in found else (value,)
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
def _moment(stored: int | None) -> datetime | None:
    return None if stored is None else from_micros(stored)


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
_PROVIDERS: Final = {provider.value: provider for provider in Provider}
_KINDS: Final = {kind.value: kind for kind in Kind}
_REFRESH_BY: Final = {each.value: each for each in RefreshBy}

_OTHER_NAMES: Final = (
    select(aliases.c.account, aliases.c.value).order_by(aliases.c.key).execution_options(yield_per=_AT_ONCE)
)
_A: Final = accounts.c
_STATEMENT: Final = (
    select(
        _A.key, _A.auth_index, _A.provider, _A.kind, _A.file_name, _A.label, _A.email, _A.plan, _A.organization,
        _A.subject, _A.identity_strength, _A.base_url, cast(_A.models, Text), _A.refresh_by, _A.locked, _A.version,
        _A.current_revision, _A.generation, _raw(_A.expires_at), _A.unreadable, _raw(_A.last_request_at),
        _raw(_A.last_success_at), _raw(_A.created_at), _raw(_A.updated_at), proxies.c.display,
        _A.headers_sealed.is_not(None), _A.note, _A.priority, _A.weight, _A.project_id, _A.prefix,
        cast(_A.excluded_models, Text), cast(_A.model_aliases, Text), cast(_A.request_scoped_errors, Text),
        _A.disable_cooling, _A.request_retry, _A.websockets, _A.using_api,
    )
    .outerjoin(proxies, _A.proxy == proxies.c.key)
    .where(and_(_A.trashed_at.is_(None), _A.purged_at.is_(None), _A.merged_into.is_(None)))
    .order_by(_A.key)
    .execution_options(yield_per=_AT_ONCE)
)  # fmt: skip

"""What a list should answer, said once more in plain SQL: by the rules as people are told them, not by our code."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Exists, and_, case, exists, func, literal, not_, or_, select

from authdeck.search import AccountSearch, CodexStatus
from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import account_state, accounts, aliases, candidates, holds, quota_windows

REVIEWED: Final = (
    "validation_required", "permission_denied", "credential_permission_denied", "not_entitled", "usage_not_included",
    "account_deactivated", "workspace_deactivated", "restored_unverified", "upstream_not_approved",
)  # fmt: skip
"""The codes that ask for a review."""

STATES: Final = (
    "unreadable", "needs_reauth", "needs_review", "exhausted", "cooling", "low", "unknown", "available", "disabled",
)  # fmt: skip
_RANKS: Final = {"free": 10, "plus": 20, "team": 30, "prolite": 40, "pro": 50}
_LIMITS: Final = {
    CodexStatus.FIVE_HOUR_LIMITED: "five_hour",
    CodexStatus.WEEKLY_LIMITED: "weekly",
    CodexStatus.MONTHLY_LIMITED: "monthly",
}
_a: Final = accounts.c


def answer(connection: ReadConnection, search: AccountSearch, now: datetime) -> list[str]:
    """Their auth_index in the order of the list. Files are named ``p<number>.json``."""
    sort = search.sort.removeprefix("-")
    by = _sorted_by(now)[sort]
    rows = connection.execute(select(accounts, by.label("by")).where(_matching(search, now))).all()

    def named(row: Any) -> tuple[Any, ...]:
        return int(row.file_name.removeprefix("p").removesuffix(".json")), row.auth_index

    def placed(row: Any) -> tuple[Any, ...]:
        rank = (_RANKS.get(row.by, 0),) if sort == "plan" else ()
        return (*rank, row.by, *(named(row) if sort not in {"recent", "created", "reset"} else (row.auth_index,)))

    present = sorted((row for row in rows if row.by is not None), key=placed, reverse=search.sort.startswith("-"))
    return [row.auth_index for row in (*present, *sorted((row for row in rows if row.by is None), key=named))]


def facets(connection: ReadConnection, search: AccountSearch, now: datetime) -> dict[str, dict[str, int]]:
    """Each leaves its own filter out."""
    values: Mapping[str, ColumnElement[Any]] = {
        "provider": _a.provider,
        "kind": _a.kind,
        "state": health(now),
        "plan": func.coalesce(_a.plan, "unknown"),
        "prefix": _a.prefix,
        "project": _a.project_id,
        "locked": case((_a.locked, "true"), else_="false"),
    }
    found = {}
    for name, value in values.items():
        each = select(value.label("value")).where(_matching(search, now, but=name)).subquery()
        counted = select(each.c.value, func.count()).where(each.c.value.is_not(None)).group_by(each.c.value)
        found[name] = {row[0]: row[1] for row in connection.execute(counted)}
    several = {
        "codex_status": {status.value: _waits(status, now) for status in CodexStatus},
        "only": {
            "problem": _problem(now),
            "healthy": _healthy(now),
            "disabled": _is_disabled(now),
        },
    }
    for name, conditions in several.items():
        counts = {
            value: connection.execute(
                select(func.count()).select_from(accounts).where(_beside(search, now, name, value), condition)
            ).scalar_one()
            for value, condition in conditions.items()
        }
        found[name] = {value: count for value, count in counts.items() if count}
    return found


def _beside(search: AccountSearch, now: datetime, name: str, value: str) -> ColumnElement[bool]:
    """What the other filters leave. Problem and disabled may be asked for together: each keeps the other's filter."""
    rest = _matching(search, now, but=name)
    if name != "only" or value == "healthy":
        return rest
    kept = [(search.problem, _problem(now)), (search.disabled, _is_disabled(now))]
    return and_(rest, *(condition for is_asked, condition in kept if is_asked))


def derived(connection: ReadConnection, now: datetime) -> list[tuple[tuple[str, bool], tuple[str, bool]]]:
    """Of each live account health and whether it is a problem: as stored, and as worked out here."""
    statement = (
        select(account_state.c.health, account_state.c.problem, health(now), case((_problem(now), 1), else_=0))
        .join(accounts, account_state.c.account == _a.key)
        .where(_a.trashed_at.is_(None))
    )
    return [((row[0], row[1]), (row[2], bool(row[3]))) for row in connection.execute(statement)]


def health(now: datetime) -> ColumnElement[str]:
    """The first that applies."""
    credential = holds.c.owner == "credential"
    return case(
        (_a.unreadable.is_not(None), "unreadable"),
        (_is_disabled(now), "disabled"),
        (_held(now, credential, holds.c.code.not_in(REVIEWED)), "needs_reauth"),
        (_held(now, credential), "needs_review"),
        (or_(_is_limited(now), _waits_for_quota(now)), "exhausted"),
        (_held(now, holds.c.owner == "cooldown"), "cooling"),
        (_has_window(now, quota_windows.c.used_percent > 80), "low"),
        (_a.last_success_at > now - timedelta(hours=24), "available"),
        else_="unknown",
    )


def _held(now: datetime, *which: ColumnElement[bool], whole: bool = True) -> Exists:
    """A hold of the account that applies."""
    applies = or_(holds.c.until.is_(None), holds.c.until > now)
    scope = (holds.c.scope == "",) if whole else ()
    return exists().where(holds.c.account == _a.key, holds.c.released_at.is_(None), applies, *scope, *which)


def _limiting(now: datetime) -> ColumnElement[bool]:
    """A window of the whole account that still says something."""
    w = quota_windows.c
    lasts = or_(w.resets_at > now, and_(w.resets_at.is_(None), w.observed_at > now - timedelta(days=31)))
    is_listed = and_(w.detail["counts"].as_boolean(), w.detail["presence"].as_string() != "inactive")
    return and_(w.account == _a.key, w.scope == "", lasts, is_listed)


_FULL: Final = or_(quota_windows.c.used_percent >= 100, quota_windows.c.detail["limit_reached"].as_boolean())


def _has_window(now: datetime, *which: ColumnElement[bool]) -> Exists:
    return exists().where(_limiting(now), *which)


def _is_limited(now: datetime) -> Exists:
    return _has_window(now, _FULL)


def _waits_for_quota(now: datetime) -> Exists:
    return _held(now, holds.c.owner == "cooldown", holds.c.detail["signal"].as_string() == "quota")


def _is_disabled(now: datetime) -> Exists:
    return _held(now, holds.c.owner.in_(("operator", "inspection")))


def _problem(now: datetime) -> ColumnElement[bool]:
    asked = exists().where(candidates.c.account == _a.key, candidates.c.status.in_(("pending", "failed")))
    is_blocked = or_(_held(now, holds.c.owner.in_(("cooldown", "incident"))), _is_limited(now))
    return or_(
        _a.unreadable.is_not(None),
        asked,
        _held(now, holds.c.owner == "credential", whole=False),
        and_(not_(_is_disabled(now)), is_blocked),
    )


def _healthy(now: datetime) -> ColumnElement[bool]:
    return and_(health(now).in_(("available", "low")), not_(_problem(now)))


def _waits(status: CodexStatus, now: datetime) -> ColumnElement[bool]:
    waits: ColumnElement[bool]
    if status is CodexStatus.REAUTH:
        waits = _held(now, holds.c.owner == "credential", holds.c.code.not_in(REVIEWED))
    elif status is CodexStatus.QUOTA_LIMITED:
        waits = or_(_is_limited(now), _waits_for_quota(now))
    elif status is CodexStatus.DISABLED_WITH_RESET:
        waits = and_(_is_disabled(now), _next_reset(now).is_not(None))
    else:
        waits = _has_window(now, _FULL, quota_windows.c.window == _LIMITS[status])
    return and_(_a.provider == "codex", waits)


def _next_reset(now: datetime) -> ColumnElement[Any]:
    """The nearest end of a pause of the account, or of a full window."""
    is_pause = and_(holds.c.account == _a.key, holds.c.owner == "cooldown", holds.c.released_at.is_(None))
    pause = select(func.min(holds.c.until)).where(is_pause, holds.c.scope == "", holds.c.until > now)
    window = select(func.min(quota_windows.c.resets_at)).where(_limiting(now), _FULL, quota_windows.c.resets_at > now)
    one, other = pause.correlate(accounts).scalar_subquery(), window.correlate(accounts).scalar_subquery()
    return case((or_(other.is_(None), one < other), one), else_=other)


def _sorted_by(now: datetime) -> Mapping[str, ColumnElement[Any]]:
    state = health(now)
    return {
        "risk": case(*((state == name, rank) for rank, name in enumerate(STATES))),
        "name": literal(0),
        "note": func.nullif(func.lower(_a.note), ""),
        "plan": _a.plan,
        "priority": _a.priority,
        "recent": _a.last_request_at,
        "created": _a.created_at,
        "reset": _next_reset(now),
    }


def _matching(search: AccountSearch, now: datetime, but: str = "") -> ColumnElement[bool]:
    asked: Mapping[str, Any] = {
        "provider": search.provider and (_a.provider == search.provider.value),
        "kind": search.kind and (_a.kind == search.kind.value),
        "state": health(now).in_([each.value for each in search.state]) if search.state else None,
        "codex_status": _waits(search.codex_status, now) if search.codex_status else None,
        "plan": func.coalesce(_a.plan, "unknown") == search.plan if search.plan else None,
        "prefix": _a.prefix == search.prefix if search.prefix else None,
        "project": _a.project_id == search.project if search.project else None,
        "locked": None if search.locked is None else _a.locked.is_(search.locked),
        "only": _only(search, now),
        "text": _says(search.text, now) if search.text else None,
    }
    given = [condition for name, condition in asked.items() if condition is not None and name != but]
    return and_(_a.trashed_at.is_(None), *given)


def _only(search: AccountSearch, now: datetime) -> ColumnElement[bool] | None:
    asked = ((search.problem, _problem), (search.healthy, _healthy), (search.disabled, _is_disabled))
    found = [condition(now) for is_asked, condition in asked if is_asked]
    return and_(*found) if found else None


def _says(text: str, now: datetime) -> ColumnElement[bool]:
    pattern, state = f"%{text.casefold().replace('*', '%')}%", health(now)
    texts = (
        _a.file_name, _a.provider, _a.email, _a.note, _a.auth_index, _a.organization, _a.subject, _a.label, _a.plan,
        _a.prefix, _a.project_id, state, func.replace(state, "_", " "),
    )  # fmt: skip
    code = or_(*(each.like(pattern) for each in (holds.c.code, func.replace(holds.c.code, "_", " "))))
    is_held = _held(now, code, whole=False)
    is_called = exists().where(aliases.c.account == _a.key, func.lower(aliases.c.value).like(pattern))
    return or_(is_held, is_called, *(func.lower(func.coalesce(each, "")).like(pattern) for each in texts))

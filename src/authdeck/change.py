"""What a batch does to each of its accounts, and how what it did is compared and taken back. Pure.

A row's state is a flat mapping of names to plain values: a setting's own name, ``file_name``, ``locked``, ``trashed``,
``purged``, ``header.<name>``, ``hold.<owner>.<code>[.<scope>]`` and, of a row of the queue, ``queue.<reason>``. Doing,
previewing and undoing all compare and set these names, one by one.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from authdeck import account_fields
from authdeck.account import Account, Provider
from authdeck.candidate import Status
from authdeck.errors import DeckError
from authdeck.hold import Hold, Owner
from authdeck.secret import Secret

State = Mapping[str, Any]
Note = tuple[str, Mapping[str, Any]]

DISABLED: Final = "disabled"
"""The code of an operator's own hold."""

MASKED: Final = "***"
PURGED: Final = "purged"
HEADER: Final = "header."
HOLD: Final = "hold."
QUEUE: Final = "queue."
_LOUD: Final = frozenset({Provider.CODEX, Provider.XAI})
"""Providers that speak websockets."""


class RowOutcome(StrEnum):
    """What became of a row. ``skipped`` could not be done as things stand, ``failed`` was tried."""

    DONE = "done"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Disablement:
    reason: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """How accounts are exported. ``hand_over`` leaves rotating sign-ins to the other program."""

    format: str
    hand_over: bool = False
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QuotaOrder:
    """Asking for limits. ``refresh``: a token that ran out may be exchanged for a new one first."""

    refresh: bool = False


@dataclass(frozen=True, slots=True)
class QueueAnswer:
    """What becomes of rows of the action queue: ``ignored``, ``resolved``, or ``pending`` again.

    ``until`` is when an ignored one asks again; ``None``: not while its signal stands.
    """

    status: Status
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """``fields`` are as ``account_fields.read`` gives them (and ``file_name``, for one account); the rest are acts."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    disable: Disablement | None = None
    enable: bool = False
    locked: bool | None = None
    delete: bool = False
    restore: bool = False
    purge: bool = False
    refresh: bool = False
    export: ExportOrder | None = None
    query_quota: QuotaOrder | None = None
    answer: QueueAnswer | None = None

    @property
    def asks_elsewhere(self) -> bool:
        """Whether its rows wait for something outside the database."""
        return self.refresh or self.export is not None or self.query_quota is not None


ANSWERS: Final = {"ignore": Status.IGNORED, "resolve": Status.RESOLVED, "reopen": Status.PENDING}
"""Acts on rows of the action queue, not on accounts."""

_ALONE: Final = ("delete", "restore", "purge", "refresh", "export", "query_quota", *ANSWERS)
_ACTS: Final = ("disable", "enable", "lock", "unlock", *_ALONE)
KNOWN: Final = (*account_fields.FIELDS, "file_name", *(act for act in _ACTS if act not in ANSWERS))
"""What a change of accounts may name."""


def read(given: Mapping[str, Any]) -> Change:
    """Check what a caller asks for: fields as in a merge patch (``None`` clears, absent leaves), and acts.

    ``disable`` is ``true`` or ``{reason?, until?}``, ``export`` is ``{format, hand_over?, recipients?}``,
    ``query_quota`` is ``true`` or ``{refresh}``, ``ignore`` (of queue rows) is ``true`` or ``{until}``, the other acts
    are ``true``. Raises ``change_empty``, ``change_unknown``, ``change_contradicts``, ``change_invalid`` and what
    ``account_fields.read`` raises.
    """
    if unknown := [name for name in given if name not in {*KNOWN, *ANSWERS, *account_fields.NOT_OURS}]:
        raise DeckError("change_unknown", status=422, field=unknown[0], known=sorted(KNOWN))
    acts = {name: given[name] for name in _ACTS if given.get(name) not in (None, False)}
    fields = {name: value for name, value in given.items() if name not in _ACTS}
    _require_agreement(acts, fields)
    file_name = fields.pop("file_name", None)
    checked = account_fields.read(fields)
    if not acts and not checked and file_name is None:
        raise DeckError("change_empty", status=422)
    return Change(
        checked if file_name is None else {**checked, "file_name": _text("file_name", file_name)},
        disable=_disablement(acts["disable"]) if "disable" in acts else None,
        enable=_is_asked(acts, "enable"),
        locked=True if _is_asked(acts, "lock") else False if _is_asked(acts, "unlock") else None,
        delete=_is_asked(acts, "delete"),
        restore=_is_asked(acts, "restore"),
        purge=_is_asked(acts, "purge"),
        refresh=_is_asked(acts, "refresh"),
        export=_export(acts["export"]) if "export" in acts else None,
        query_quota=_quota(acts["query_quota"]) if "query_quota" in acts else None,
        answer=_answer(acts),
    )


def _require_agreement(acts: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    together = [*acts, *fields]
    for one, other in (("enable", "disable"), ("lock", "unlock")):
        if one in acts and other in acts:
            raise DeckError("change_contradicts", status=422, one=one, other=other)
    for act in _ALONE:
        if act in acts and len(together) > 1:
            raise DeckError("change_contradicts", status=422, one=act, other=next(n for n in together if n != act))


def _is_asked(acts: Mapping[str, Any], act: str) -> bool:
    if act in acts and acts[act] is not True:
        raise DeckError("change_invalid", status=422, field=act, problem="not_true")
    return act in acts


def _disablement(given: Any) -> Disablement:
    if given is True:
        return Disablement()
    _require_keys("disable", given, {"reason", "until"})
    return Disablement(account_fields.text("reason", given.get("reason") or ""), _moment(given.get("until")))


def _moment(given: Any) -> datetime | None:
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given).astimezone(UTC) if isinstance(given, str) else None
    except (ValueError, OverflowError):
        moment = None
    if moment is None or not _ZONED.search(given):
        raise DeckError("change_invalid", status=422, field="until", problem="not_moment")
    return moment


_ZONED: Final = re.compile(r"(Z|[+-]\d\d:?\d\d(:?\d\d)?)\s*$", re.IGNORECASE)
"""A moment without a zone would be read as the server's own."""


def _export(given: Any) -> ExportOrder:
    _require_keys("export", given, {"format", "hand_over", "recipients"})
    recipients = given.get("recipients") or []
    if not isinstance(recipients, list) or not all(isinstance(one, str) for one in recipients):
        raise DeckError("change_invalid", status=422, field="recipients", problem="not_text_list")
    return ExportOrder(_text("format", given.get("format")), given.get("hand_over") is True, tuple(recipients))


def _quota(given: Any) -> QuotaOrder:
    if given is True:
        return QuotaOrder()
    _require_keys("query_quota", given, {"refresh"})
    return QuotaOrder(given.get("refresh") is True)


def _answer(acts: Mapping[str, Any]) -> QueueAnswer | None:
    name = next((act for act in acts if act in ANSWERS), None)
    if name is None:
        return None
    given = acts[name]
    if name == "ignore" and given is not True:
        _require_keys(name, given, {"until"})
        return QueueAnswer(ANSWERS[name], _moment(given.get("until")))
    _is_asked(acts, name)
    return QueueAnswer(ANSWERS[name])


def _require_keys(act: str, given: Any, known: set[str]) -> None:
    if not isinstance(given, Mapping) or not set(given) <= known:
        raise DeckError("change_invalid", status=422, field=act, problem="not_object", known=sorted(known))


def _text(name: str, given: Any) -> str:
    if not isinstance(given, str) or not given.strip():
        raise DeckError("change_invalid", status=422, field=name, problem="not_text")
    return given.strip()


def masked(given: Mapping[str, Any]) -> dict[str, Any]:
    """The change as it may be shown and stored in clear."""
    shown = dict(given)
    if shown.get("proxy_url"):
        shown["proxy_url"] = MASKED
    if isinstance(shown.get("headers"), Mapping):
        shown["headers"] = {name: MASKED if value else None for name, value in shown["headers"].items()}
    return shown


def secrets_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the change that is to be sealed; empty where nothing in it is secret."""
    return {name: given[name] for name in account_fields.SECRET_FIELDS if given.get(name)}


# ---- rows ----


def fitting(change: Change, account: Account) -> tuple[Change, Note | None]:
    """The part of the change that makes sense for this account, and why the rest does not."""
    if "websockets" not in change.fields or account.provider in _LOUD:
        return change, None
    fields = {name: value for name, value in change.fields.items() if name != "websockets"}
    rest = Change(fields, change.disable, change.enable, change.locked)
    return rest, ("websockets_not_spoken", {"provider": account.provider.value})


def is_empty(change: Change) -> bool:
    return change == Change()


def value_of(account: Account, name: str) -> Any:
    """The account's own value of a name, as JSON has it."""
    if name == "trashed":
        return account.trashed_at is not None
    if name == PURGED:
        return False
    if name in _OF_ACCOUNT:
        return plain(name, getattr(account, name))
    return plain(name, getattr(account.settings, name))


_OF_ACCOUNT: Final = frozenset({"label", "refresh_by", "file_name", "locked"})


def hold_name(hold: Hold) -> str:
    return ".".join(part for part in ("hold", hold.owner.value, hold.code, hold.scope or "") if part)


def hold_value(hold: Hold) -> dict[str, Any]:
    return {
        "since": hold.since.isoformat(),
        "until": hold.until.isoformat() if hold.until else None,
        "note": hold.note,
        "actor": hold.actor,
        "evidence": hold.evidence,
        "detail": dict(hold.detail),
    }


def hold_from(name: str, value: Mapping[str, Any]) -> Hold:
    """The hold that ``hold_name`` and ``hold_value`` told of."""
    _, owner, code, *scope = name.split(".", 3)
    return Hold(
        Owner(owner),
        code,
        datetime.fromisoformat(value["since"]),
        datetime.fromisoformat(value["until"]) if value["until"] else None,
        scope=scope[0] if scope else None,
        note=value["note"],
        actor=value["actor"],
        evidence=value["evidence"],
        detail=value["detail"],
    )


_LISTS_OF_OBJECTS: Final = frozenset({"model_aliases", "request_scoped_errors"})


def plain(name: str, value: Any) -> Any:
    """A checked field's value as JSON has it."""
    if name in _LISTS_OF_OBJECTS:
        return [asdict(each) for each in value]
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, StrEnum):
        return value.value
    return value.open() if isinstance(value, Secret) else value


def same(name: str, one: Any, other: Any) -> bool:
    """Whether two values of a name mean the same: of holds, since when and by whom does not count."""
    if name.startswith(HOLD) and one and other:
        return all(one[part] == other[part] for part in ("until", "note", "detail"))
    if name == "proxy_url" and one and other:
        return bool(one["key"] == other["key"])
    return bool(one == other)


def undoing(before: State, after: State, now: State) -> tuple[dict[str, Any], dict[str, Any]]:
    """What to set so that a row is as it was, and what was changed since and is left alone.

    A name is set back where it still has the value that was given to it; a hold where it still is the very one. One
    that has its former value already is neither.
    """
    wanted, differs = {}, {}
    for name, given in after.items():
        current, former = now.get(name), before.get(name)
        if same(name, current, former):
            continue
        if _still(name, given, current):
            wanted[name] = former
        else:
            differs[name] = difference(name, given, current)
    return wanted, differs


def _still(name: str, given: Any, current: Any) -> bool:
    """Whether what was given is what is there. A hold that somebody placed since is theirs, however alike it is."""
    if name.startswith(HOLD) and given and current:
        return same(name, given, current) and all(given[part] == current[part] for part in ("since", "actor"))
    return same(name, given, current)


def difference(name: str, expected: Any, found: Any) -> dict[str, Any]:
    """What was expected and what is there, without secrets."""
    return {"expected": hidden(name, expected), "found": hidden(name, found)}


def hidden(name: str, value: Any) -> Any:
    """A value as it may be stored in clear."""
    return MASKED if name.startswith(HEADER) and value is not None else value


def shown(values: State) -> dict[str, Any]:
    """A row's values as the outside sees them: headers and holds are objects of their own, proxies are addresses."""
    told: dict[str, Any] = {}
    for name, value in values.items():
        kind, _, rest = name.partition(".")
        if rest:
            told.setdefault(f"{kind}s", {})[rest] = value
        else:
            told[name] = _shown_value(name, value)
    return told


def shown_differences(values: State) -> dict[str, Any]:
    """Differences the same way: ``{expected, found}`` by name."""
    return {name: {part: _shown_value(name, value) for part, value in found.items()} for name, found in values.items()}


def _shown_value(name: str, value: Any) -> Any:
    return value["shown"] if name == "proxy_url" and isinstance(value, Mapping) else value

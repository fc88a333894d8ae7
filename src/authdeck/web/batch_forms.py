"""What can be done to the selected accounts: each act's fields, and the change that a filled-in form asks for. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from authdeck.change import ANSWERS
from authdeck.errors import DeckError

Options = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Field:
    """One input: ``kind`` is ``text``, ``lines``, ``number``, ``password``, ``select`` or ``check``.

    Its label is the sentence ``batch_field.<name>``, its hint ``batch_field.<name>.hint``; options are value and the
    code of their words.
    """

    name: str
    kind: str = "text"
    options: Options = ()
    longest: int = 200
    has_hint: bool = True


@dataclass(frozen=True, slots=True)
class BatchAct:
    """One thing to do; its words are ``act.<name>``. ``needs_form``: it means nothing without its fields.

    ``in_bar``: has a place of its own in the bar, with its fields; ``rare`` ones leave it when there is little room.
    """

    name: str
    icon: str
    fields: Sequence[Field] = ()
    needs_form: bool = False
    in_bar: bool = False
    rare: bool = False
    danger: bool = False


_HOURS: Final = (("", "for.ever"), ("1", "for.1"), ("4", "for.4"), ("24", "for.24"), ("168", "for.168"))
_SPOKEN: Final = (("true", "websockets.true"), ("false", "websockets.false"), ("", "websockets.unset"))
_RESTED: Final = (("false", "cooling.rests"), ("true", "cooling.goes_on"), ("", "cooling.unset"))
_FORMATS: Final = tuple((name, f"export.{name}") for name in ("cliproxyapi", "codex_cli", "sub2api", "archive"))

ACTS: Final[Mapping[str, BatchAct]] = {
    act.name: act
    for act in (
        BatchAct("enable", "check", in_bar=True),
        BatchAct(
            "disable",
            "pause",
            (Field("reason", longest=500), Field("for", "select", _HOURS, has_hint=False)),
            in_bar=True,
        ),
        BatchAct("priority", "up", (Field("priority", "number"),), needs_form=True, in_bar=True),
        BatchAct("weight", "rows", (Field("weight", "number"),), needs_form=True, in_bar=True, rare=True),
        BatchAct("note", "edit", (Field("note", longest=2000),), needs_form=True, in_bar=True, rare=True),
        BatchAct("prefix", "globe", (Field("prefix", longest=64),), needs_form=True, in_bar=True, rare=True),
        BatchAct("project_id", "files", (Field("project_id"),), needs_form=True),
        BatchAct("proxy_url", "send", (Field("proxy_url", "password", longest=2000),), needs_form=True),
        BatchAct("websockets", "monitor", (Field("websockets", "select", _SPOKEN),), needs_form=True),
        BatchAct("headers", "copy", (Field("headers", "lines", longest=8000),), needs_form=True),
        BatchAct("excluded_models", "x", (Field("excluded_models", "lines", longest=8000),), needs_form=True),
        BatchAct("disable_cooling", "pause", (Field("disable_cooling", "select", _RESTED),), needs_form=True),
        BatchAct("lock", "lock"),
        BatchAct("unlock", "lock"),
        BatchAct("refresh", "refresh"),
        BatchAct("query_quota", "quota"),
        BatchAct(
            "export",
            "download",
            (
                Field("format", "select", _FORMATS),
                Field("recipients", "lines", longest=8000),
                Field("hand_over", "check"),
            ),
            needs_form=True,
        ),
        BatchAct("delete", "trash", danger=True),
    )
}
_OF_THE_TRASH: Final = frozenset({"restore", "purge"})

BAR: Final = tuple(act for act in ACTS.values() if act.in_bar and act.fields)
"""Those with fields in the bar itself; enabling is a button beside them."""

MORE: Final = tuple(act for act in ACTS.values() if not act.in_bar or act.rare)

SETTINGS: Final = frozenset(
    {"priority", "weight", "note", "prefix", "project_id", "proxy_url", "websockets", "disable_cooling"}
)


def act_named(name: str, said: Mapping[str, str]) -> BatchAct:
    """The act of a form; where none was pressed (Enter in a field), the one whose field is filled in.

    Raises ``DeckError('act_unknown')``.
    """
    if not name:
        filled = [act for act in ACTS.values() if act.in_bar and any(said.get(field.name) for field in act.fields)]
        name = filled[0].name if len(filled) == 1 else ""
    if name not in ACTS:
        raise DeckError("act_unknown", status=422)
    return ACTS[name]


def is_filled(act: BatchAct, said: Mapping[str, str]) -> bool:
    """Whether the form says all that the act needs. An empty field clears, but only once the field was shown."""
    return not act.needs_form or said.get("shown") == act.name or bool(said.get(act.fields[0].name, ""))


def change_of(act: BatchAct, said: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """The change as ``authdeck.change.read`` takes it: an empty field clears the setting."""
    if act.name in SETTINGS:
        return {act.name: said.get(act.name, "").strip() or None}
    if act.name == "disable":
        return {"disable": _disablement(said, now)}
    if act.name == "headers":
        return {"headers": _headers(said.get("headers", ""))}
    if act.name == "excluded_models":
        return {"excluded_models": said.get("excluded_models", "").replace(",", "\n").split() or None}
    if act.name == "export":
        return {"export": _export(said)}
    return {act.name: True}


def _headers(text: str) -> dict[str, str | None] | None:
    """A header a line; one without a value goes, those not named stay. No line at all: all of them go.

    Raises ``DeckError('headers_line_invalid')``.
    """
    found: dict[str, str | None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, colon, value = line.partition(":")
        if not line.strip():
            continue
        if not colon or not name.strip():
            raise DeckError("headers_line_invalid", status=422, number=number)
        found[name.strip()] = value.strip() or None
    return found or None


def _export(said: Mapping[str, str]) -> dict[str, Any]:
    """Recipients of an archive, one a line; lines of a file of them that begin with # are passed over."""
    form, text = said.get("format", ""), said.get("recipients", "")
    lines = (line.strip() for line in text.splitlines()) if form == "archive" else ()
    recipients = [line for line in lines if line and not line.startswith("#")]
    return {"format": form, "hand_over": said.get("hand_over") == "true", "recipients": recipients}


def _disablement(said: Mapping[str, str], now: datetime) -> dict[str, Any]:
    hours = said.get("for", "")
    until = now + timedelta(hours=int(hours)) if hours in dict(_HOURS) and hours else None
    return {"reason": said.get("reason", "").strip(), "until": until.isoformat() if until else None}


def act_of(change: Mapping[str, Any]) -> str:
    """Which act a stored change is, for its words: the only one it names, else ``several``."""
    names = [name for name in change if name in ACTS or name in _OF_THE_TRASH or name in ANSWERS]
    return names[0] if len(names) == 1 and len(change) == 1 else "several"

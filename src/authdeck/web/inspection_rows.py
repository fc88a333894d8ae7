"""Inspections, their results and schedules as pages show them: words chosen, identities masked. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from authdeck import wording
from authdeck.entry import Entry
from authdeck.evidence import Action
from authdeck.health import Health
from authdeck.search import from_query
from authdeck.storage.reading.inspections import StoredInspection, StoredResult
from authdeck.storage.reading.schedules import StoredSchedule
from authdeck.web.account_rows import NAMES, accounts, plan_title, window_name
from authdeck.web.filter_bar import chosen_filters
from authdeck.web.masking import masked
from authdeck.web.preferences import Preferences
from authdeck.web.suggested import safe_link

SHOWN: Final = (Action.REAUTH, Action.DELETE, Action.REVIEW, Action.DISABLE, Action.ENABLE, Action.KEEP)
"""In the order in which they need somebody."""

ASKING: Final = SHOWN[:-1]
STATUS_TONES: Final[Mapping[str, str]] = {
    "queued": "unknown", "running": "cooling", "completed": "available", "failed": "reauth", "cancelled": "disabled",
    "interrupted": "low",
}  # fmt: skip
STATUS_GLYPHS: Final = {**STATUS_TONES, "failed": "bad"}


@dataclass(frozen=True, slots=True)
class ResultLine:
    """One account of a run. ``health`` is how it is now, ``None``: it is in the trash."""

    auth_index: str
    name: str
    provider: str
    plan: str
    health: Health | None
    action: str
    why: str
    code: str
    link: str
    is_new: bool
    outcome: str
    outcome_why: str

    @property
    def href(self) -> str:
        return f"/auth-files/{self.auth_index}"


@dataclass(frozen=True, slots=True)
class Figure:
    """How many of a run suggest this, and how that moved since the run before."""

    action: str
    count: int
    note: str


def line(result: StoredResult, entry: Entry | None, health: Health | None, prefs: Preferences) -> ResultLine:
    hide = masked if prefs.masked else str
    why = result.outcome_reason
    return ResultLine(
        result.auth_index,
        hide(result.file_name),
        result.provider,
        plan_title(str(result.evidence.get("plan") or (entry.account.plan if entry else None) or "")),
        health,
        result.action.value,
        why_of(result, prefs),
        result.reason_code,
        safe_link(result.evidence.get("link")),
        result.is_new,
        result.outcome or "",
        wording.sentence(why["code"], why["params"], prefs.locale) if why else "",
    )


def why_of(result: StoredResult, prefs: Preferences) -> str:
    """The reason as a sentence."""
    params = {"provider": NAMES.get(result.provider, result.provider), **result.params}
    if isinstance(window := params.get("window"), str):
        params["window"] = window_name(window, prefs.locale)
    return wording.sentence(result.reason_code, params, prefs.locale)


def figures(run: StoredInspection, former: StoredInspection | None, prefs: Preferences) -> list[Figure]:
    """The counts by suggestion; those of nobody now and before are left out, but for the usual ones."""
    made = []
    for action in SHOWN:
        now = run.counts.get(action.value, 0)
        before = former.counts.get(action.value, 0) if former else 0
        if now or before or action is not Action.DELETE:
            note = _moved(now - before, prefs) if former and not run.is_open else ""
            made.append(Figure(action.value, now, note))
    return made


def _moved(by: int, prefs: Preferences) -> str:
    if not by:
        return wording.sentence("inspection_same", {}, prefs.locale)
    change = f"{'+' if by > 0 else '−'}{wording.count(abs(by), prefs.locale)}"
    return wording.sentence("inspection_since", {"change": change}, prefs.locale)


def about(selection: Mapping[str, Any], locale: str) -> str:
    """Whom a run or schedule is about, in words."""

    def say(code: str, **params: object) -> str:
        return wording.sentence(f"inspection_about.{code}", params, locale)

    names = selection.get("auth_indexes")
    known = {name: value for name, value in selection.items() if name != "sample"}
    parts = [NAMES[known["provider"]]] if known.get("provider") in NAMES else []
    parts += [say(flag) for flag in ("problem", "disabled") if known.get(flag)]
    if names is not None:
        parts = [say("names", accounts=accounts(len(names), locale))]
    if known.get("search"):
        parts.append(say("search", text=known["search"]))
    if set(known) - {"provider", "problem", "disabled", "search", "auth_indexes"}:
        parts.append(say("some"))
    told = ", ".join(parts) or say("all")
    if (sample := selection.get("sample")) is None:
        return told
    return say("sample", sample=accounts(int(sample), locale), about=told)


def further(typed: Mapping[str, Any], locale: str) -> list[tuple[str, str, str]]:
    """Filters that a form keeps beside its own fields, in words; those that are asked wrongly are left out."""

    def say(code: str) -> str:
        return wording.sentence(code, {}, locale)

    return [
        each for each in chosen_filters(from_query(typed["further"], lenient=True), say) if each[0] in typed["further"]
    ]


def may(policy: Mapping[str, Any], locale: str) -> str:
    """What a run may do by itself, in words."""
    words = [wording.sentence(f"inspection_may.{each}", {}, locale) for each in policy["may"] or ("record",)]
    return ", ".join(words)


def timing(schedule: StoredSchedule, locale: str) -> str:
    """When it happens, in words."""
    told = schedule.timing
    if "every" in told:
        return wording.sentence("timing.every", {"minutes": wording.count(told["every"], locale)}, locale)
    return wording.sentence("timing.times", {"times": told["times"], "zone": told["zone"]}, locale)

"""Quota: every window as it was last seen, with source, age and forecast. What nobody saw is said to be unknown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from authdeck import wording
from authdeck.access import Role
from authdeck.account import Kind
from authdeck.entry import Entry
from authdeck.errors import DeckError
from authdeck.forecast import Forecast
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.operations.query_quota import telling
from authdeck.operations.quota_report import quota_report
from authdeck.operations.use_reset_credit import use_reset_credit
from authdeck.quota_answer import QuotaAnswer
from authdeck.storage.reading import evidence
from authdeck.web.pages.account.frame import PATH, done, entry_of, show
from authdeck.web.quota_rows import ShownWindow, shown
from authdeck.web.room import room_of

TAB = "quota"
_MOST = 30


@dataclass(frozen=True, slots=True)
class LastQuery:
    """How the newest query went, in words."""

    at: datetime
    outcome: str
    why: str
    summary: str


async def content(request: Request, entry: Entry) -> dict[str, Any]:
    room, account = room_of(request), entry.account
    now, locale = room.desk.now(), room.pages.preferences(request).locale
    seen = await room.desk.read(lambda connection: evidence.snapshots(connection, account.key))
    newest = [(shown(each, now, locale), is_reset) for each, is_reset in reversed(seen[-_MOST:])]
    report = await quota_report(room.desk, room.parts.monitoring, entry)
    last = report.last
    extras = report.beside.extras
    return {
        "windows": windows_of(request, entry),
        "snapshots": newest,
        "forecasts": {key: forecast_words(made, request) for key, made in report.forecasts.items()},
        "last": _last(last.answer, locale) if last else None,
        "told_at": last.told_at if last else None,
        "extras": extras,
        "ages": report.beside.ages,
        "said": report.beside.said,
        "noted": [(note.at, wording.sentence(note.code, note.params, locale)) for note in report.notes],
        "askable": account.kind is Kind.OAUTH and account.provider in telling(),
    }


def _last(answer: QuotaAnswer, locale: str) -> LastQuery:
    why = wording.sentence(answer.code, answer.params, locale) if answer.code else ""
    summary = str(answer.evidence.get("summary") or "")
    return LastQuery(answer.at, wording.sentence(f"outcome.{answer.outcome.value}", {}, locale), why, summary)


def forecast_words(made: Forecast, request: Request) -> str:
    """When it is used up, what it carries, and what that rests on."""
    room = room_of(request)
    now, prefs = room.desk.now(), room.pages.preferences(request)
    basis = wording.sentence(f"forecast.{made.basis.value}", {}, prefs.locale)
    ends = "" if made.used_up_at is None else wording.until(made.used_up_at, now, prefs.zone, prefs.locale)
    text = wording.sentence("forecast.ends" if ends else "forecast.lasts", {"end": ends, "basis": basis}, prefs.locale)
    if made.carries is None:
        return text
    carried = {"requests": wording.count(made.carries.requests, prefs.locale)}
    return f"{text} {wording.sentence('forecast.carries', carried, prefs.locale)}"


def windows_of(request: Request, entry: Entry) -> list[ShownWindow]:
    """What is known before what is not, the account's own windows before those of single models, short before long."""
    room = room_of(request)
    now, locale = room.desk.now(), room.pages.preferences(request).locale
    found = [shown(window, now, locale) for window in entry.windows]
    return sorted(found, key=_order)


def _order(shown: ShownWindow) -> tuple[bool, bool, int, str]:
    window = shown.window
    return shown.left is None, window.scope is not None, window.seconds or 0, window.window


@needs(Role.OPERATOR)
async def use_reset(request: Request) -> Response:
    """Spend a reset credit, confirmed by typing. What goes wrong is said above the tab."""
    room, entry, said = room_of(request), entry_of(request), await request.form()
    index, typed = entry.account.auth_index, str(said.get("confirmation", ""))[:512].strip()
    try:
        await use_reset_credit(room.desk, room.parts.quota, index, actor_of(request), confirmation=typed)
    except DeckError as error:
        entry = entry_of(request)
        return await show(request, entry, TAB, await content(request, entry), error)
    return done(entry, TAB, "did_use_reset")


ROUTES = (Route(f"{PATH}/{{auth_index}}/reset-credit-uses", use_reset, methods=["POST"]),)

"""Templates become answers: one environment a language, the same few words of context on every page."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from starlette.requests import Request
from starlette.responses import HTMLResponse

from authdeck import wording
from authdeck.access import Actor, Role
from authdeck.clock import Clock
from authdeck.gate import csrf
from authdeck.gate.visits import visit_of
from authdeck.web import account_rows, batch_forms, toasts
from authdeck.web.addresses import here
from authdeck.web.masking import masked
from authdeck.web.navigation import Place, places
from authdeck.web.preferences import Preferences, preferences_of
from authdeck.web.statics import Statics
from authdeck.web.toasts import Toast

FOLDER: Final = Path(__file__).parent / "templates"
STYLESHEETS: Final = (
    "tokens", "base", "frame", "nav", "button", "form", "badge", "table", "bars", "cards", "chips", "batch-bar",
    "reasons", "dialog", "drawer", "toast", "notice", "empty", "timeline", "code-snippet", "chart", "values", "pages",
    "queue", "quota", "inspect", "trash",
    "chinese",
)  # fmt: skip
SCRIPTS: Final = (
    "copy", "dismiss", "row-menu", "row-act", "keys", "list-cursor", "pick", "pick-more", "find", "filter-form", "busy",
    "failure", "retry", "opens", "drop", "zone", "drawer", "drawer-close", "drawer-keys", "follow", "live-pause",
    "live", "progress", "tabs",
)  # fmt: skip


_NOTHING_SOUGHT: Final[Mapping[str, Any]] = {"hits": (), "sought": False, "hits_total": 0, "hits_href": ""}


class Pages:
    """Renders pages for requests."""

    def __init__(self, statics: Statics, clock: Clock) -> None:
        self._clock = clock
        self._problems: Callable[[], int] = int
        self._asking: Callable[[], int] = int
        self._places: tuple[Sequence[Place], Sequence[Place]] = ((), ())
        statics.join("console.css", [f"css/{sheet}.css" for sheet in STYLESHEETS])
        statics.join("console.js", [f"js/{script}.js" for script in SCRIPTS])
        self._environment = cache(partial(_environment, statics=statics))  # made for the first page in each language

    def warn_of(self, problems: Callable[[], int]) -> None:
        """Where the number beside the list's name comes from."""
        self._problems = problems

    def ask_of(self, asking: Callable[[], int]) -> None:
        """Where the number beside the queue's name comes from: one that is at hand, for every page shows it."""
        self._asking = asking

    def lead_to(self, paths: Iterable[str]) -> None:
        """The pages there are: the navigation shows no others."""
        self._places = places(paths)

    def leads_to(self, path: str) -> bool:
        """Whether there is such a place."""
        return any(place.href == path for group in self._places for place in group)

    def preferences(self, request: Request) -> Preferences:
        """Until the browser has told its time zone, the server's own is the best guess."""
        return preferences_of(request, self._clock.now().astimezone().tzinfo or UTC)

    def answer(
        self, request: Request, template: str, *, section: str = "", status: int = 200, **context: Any
    ) -> HTMLResponse:
        """The whole page, or just the part inside ``<main>`` when htmx asks for that."""
        toast = self._toast(request)
        layout = _layout(request)
        text = self.text(request, template, layout=layout, section=section, toast=toast, **context)
        response = HTMLResponse(text, status, headers={"Vary": "HX-Request, HX-Target, Cookie, Accept-Language"})
        if toast is not None and layout != "fragment.html":
            response.delete_cookie(toasts.COOKIE)
        return response

    async def drawn_aside(self, request: Request, template: str, **context: Any) -> HTMLResponse:
        """``answer`` in a thread: for long pages, so that the gateway's loop goes on meanwhile."""
        return await asyncio.to_thread(self.answer, request, template, problems=self._problems(), **context)

    def text(self, request: Request, template: str, *, problems: int | None = None, **context: Any) -> str:
        """``problems`` is counted here unless given: only the loop's own thread may ask the directory."""
        prefs = self.preferences(request)
        return (
            self._environment(prefs.locale)
            .get_template(template)
            .render(
                prefs=prefs,
                now=self._clock.now(),
                actor=(actor := _actor(request)),
                may_act=actor is not None and actor.role >= Role.OPERATOR,
                csrf=csrf.token_of(request),
                here_url=here(request),
                work_places=self._places[0],
                manage_places=self._places[1],
                problems=self._problems() if problems is None else problems,
                asking=self._asking(),
                **{"toast": None, "section": "", **_NOTHING_SOUGHT, **context},
            )
        )

    def _toast(self, request: Request) -> Toast | None:
        left = toasts.left(request)
        if left is None:
            return None
        code, params, undo = left
        prefs = self.preferences(request)
        shown = {name: masked(str(value)) if prefs.masked else value for name, value in params.items()}
        shown |= {"accounts": account_rows.accounts(int(params["count"]), prefs.locale)} if "count" in params else {}
        shown |= {"rows": account_rows.queue_rows(int(params["rows"]), prefs.locale)} if "rows" in params else {}
        return Toast(wording.sentence(code, shown, prefs.locale), undo)


def wants_fragment(request: Request) -> bool:
    return _layout(request) == "fragment.html"


def wants_drawer(request: Request) -> bool:
    return _layout(request) == "drawer.html"


def _layout(request: Request) -> str:
    """The whole page, or what htmx asks for: the inside of ``<main>`` or of the drawer."""
    target = request.headers.get("hx-target", "") if request.headers.get("hx-request") == "true" else ""
    return {"main#main": "fragment.html", "dialog#drawer": "drawer.html"}.get(target, "base.html")


def _actor(request: Request) -> Actor | None:
    caller = visit_of(request).caller
    return None if caller is None else caller.actor


def _environment(locale: str, statics: Statics) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        partial(wording.translate, locale=locale),
        lambda one, many, number: wording.plural(one, many, number, locale),
        newstyle=True,
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.globals.update(_words(locale, statics))
    environment.filters.update(_filters(locale))
    environment.globals["ui"] = environment.get_template("_macros.html").module
    return environment


def _words(locale: str, statics: Statics) -> Mapping[str, Any]:
    return {
        "static": statics.address,
        "csrf_field": csrf.FIELD,
        "locale": locale,
        "word": lambda code, **params: wording.sentence(code, params, locale),
        "say": lambda code, params=None: wording.sentence(code, params, locale),
        "names": account_rows.NAMES,
        "sign_ins": account_rows.SIGN_INS,
        "letters": account_rows.LETTERS,
        "tones": account_rows.TONES,
        "glyphs": account_rows.GLYPHS,
        "bar_acts": batch_forms.BAR,
        "more_acts": batch_forms.MORE,
        "seconds": lambda ms: wording.duration(timedelta(milliseconds=ms), locale),
        "accounts": lambda number: account_rows.accounts(number, locale),
        "queue_rows": lambda number: account_rows.queue_rows(number, locale),
        "share": lambda part, whole: wording.share(part, whole, locale),
    }


def _filters(locale: str) -> Mapping[str, Callable[..., str]]:
    """Times in the browser's zone and the page's language."""

    @pass_context
    def moment(context: Context, at: datetime, *, seconds: bool = False) -> str:
        return wording.moment(at, context["now"], context["prefs"].zone, locale, seconds=seconds)

    @pass_context
    def until(context: Context, at: datetime) -> str:
        return wording.until(at, context["now"], context["prefs"].zone, locale)

    @pass_context
    def soon(context: Context, at: datetime) -> str:
        return wording.soon(at, context["now"], context["prefs"].zone, locale)

    @pass_context
    def ago(context: Context, at: datetime) -> str:
        return wording.ago(at, context["now"], locale)

    @pass_context
    def age(context: Context, at: datetime) -> str:
        return wording.age(context["now"] - at, locale)

    @pass_context
    def mask(context: Context, text: str) -> str:
        return masked(text) if context["prefs"].masked else text

    return {
        "moment": moment,
        "until": until,
        "soon": soon,
        "ago": ago,
        "age": age,
        "mask": mask,
        "count": partial(wording.count, locale=locale),
        "compact": partial(wording.compact, locale=locale),
    }

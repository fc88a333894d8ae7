"""The list's filters as a page shows them: counts that filter, choices with counts, chips that take one away. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from authdeck import wording
from authdeck.account import Kind
from authdeck.directory import Found
from authdeck.health import Health
from authdeck.search import SORTS, UNKNOWN_PLAN, AccountSearch, CodexStatus
from authdeck.web.account_rows import GROUPS, NAMES, TONES, plan_title
from authdeck.web.list_state import PAGE_SIZES, USUAL_SIZE, ListState

Say = Callable[[str], str]
Options = list[tuple[str, str]]

ONLY: Final = ("problem", "healthy", "disabled")
_CARD_TONES: Final = {
    "available": "available", "attention": "reauth", "quota": "exhausted", "disabled": "disabled",
    "unconfirmed": "unknown",
}  # fmt: skip
_LISTED: Final = 60
"""So many prefixes or projects are offered; of more, the search field finds the rest."""


@dataclass(frozen=True, slots=True)
class Card:
    """One of the summary's counts, and the list it leads to."""

    key: str
    tone: str
    figure: int
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """A select of the filter bar: ``options`` are value and text."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]
    chosen: str


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that applies, and the list without it. ``title`` says what it means where its words alone do not."""

    label: str
    text: str
    href: str
    title: str = ""


def summary(state: ListState, found: Found) -> list[Card]:
    """Exclusive counts of what the other filters leave; together they are the total."""
    counts, search = found.facets["state"], state.search
    everything = state.link(state="", problem="", healthy="", disabled="")
    is_all = not (search.state or search.problem or search.healthy or search.disabled)
    cards = [Card("total", "", sum(counts.values()), everything, is_all)]
    for key, healths in GROUPS.items():
        figure = sum(counts.get(health.value, 0) for health in healths)
        href = state.link(state=",".join(healths), problem="", healthy="", disabled="")
        cards.append(Card(key, _CARD_TONES[key], figure, href, search.state == frozenset(healths)))
    return cards


def bar(state: ListState, found: Found, locale: str) -> dict[str, Any]:
    """What the templates of the list show of its filters, in a language."""

    def say(code: str) -> str:
        return wording.sentence(code, {}, locale)

    search, facets = state.search, found.facets
    more = _more(state, facets, say)
    return {
        "state": state,
        "search": search,
        "mode": state.mode,
        "link": state.link,
        "summary": summary(state, found),
        "providers": [(name, facets["provider"][name]) for name in NAMES if name in facets["provider"]],
        "all_providers": sum(facets["provider"].values()),
        "choices": _choices(state, facets, say),
        "only": [(name, say(f"only.{name}"), facets["only"].get(name, 0), getattr(search, name)) for name in ONLY],
        "more": more,
        "more_used": sum(bool(choice.chosen) for choice in more),
        "sorts": Choice("sort", say("filter.sort"), _sorts(search.sort, say), search.sort),
        "chips": _chips(state, say),
        "clear": dict.fromkeys(("state", *ONLY, "codex_status", "plan", "kind", "prefix", "project", "locked"), ""),
        "page_sizes": PAGE_SIZES,
        "usual_size": USUAL_SIZE,
    }


def _choices(state: ListState, facets: Mapping[str, Mapping[str, int]], say: Say) -> list[Choice]:
    search = state.search
    chosen = ",".join(health for health in Health if health in search.state)
    states: Options = [(",".join(healths), say(f"card.{key}")) for key, healths in GROUPS.items() if len(healths) > 1]
    states += [
        (health, _counted(say(f"health.{health}"), facets["state"].get(health, 0)))
        for health in TONES
        if facets["state"].get(health) or search.state == {Health(health)}
    ]
    if chosen and chosen not in dict(states):
        states.append((chosen, ", ".join(say(f"health.{health}") for health in Health if health in search.state)))
    found = [Choice("state", say("filter.state"), _any(states, say), chosen)]
    plans = _values(facets["plan"], search.plan, lambda name: plan_choice(name, say))
    found.append(Choice("plan", say("filter.plan"), _any(plans, say), search.plan or ""))
    if facets["codex_status"] or search.codex_status:
        status = search.codex_status.value if search.codex_status else None
        known = {each.value: facets["codex_status"].get(each.value, 0) for each in CodexStatus}
        options = [
            (name, _counted(say(f"codex_status.{name}"), number))
            for name, number in known.items()
            if number or name == status
        ]
        found.append(Choice("codex_status", say("filter.codex_status"), _any(options, say), status or ""))
    return found


def _more(state: ListState, facets: Mapping[str, Mapping[str, int]], say: Say) -> list[Choice]:
    search = state.search
    kind = search.kind.value if search.kind else None
    locked = None if search.locked is None else "true" if search.locked else "false"
    options: list[tuple[str, str | None, Callable[[str], str]]] = [
        ("kind", kind, lambda name: say(f"kind.{name}")),
        ("prefix", search.prefix, lambda name: f"/p/{name}"),
        ("project", search.project, str),
        ("locked", locked, lambda name: say(f"locked.{name}")),
    ]
    return [
        Choice(name, say(f"filter.{name}"), _any(_values(facets[name], chosen, shown), say), chosen or "")
        for name, chosen, shown in options
        if len(facets[name]) > (name in ("kind", "locked")) or chosen
    ]


def _values(counts: Mapping[str, int], chosen: str | None, shown: Callable[[str], str]) -> Options:
    """The most frequent values by name, and the chosen one whatever its number."""
    frequent = sorted(counts, key=lambda name: -counts[name])[:_LISTED]
    names = sorted({*frequent, *([chosen] if chosen else [])}, key=str.casefold)
    return [(name, _counted(shown(name), counts.get(name, 0))) for name in names]


def _any(options: Iterable[tuple[str, str]], say: Say) -> Options:
    return [("", say("any")), *options]


def _counted(text: str, number: int) -> str:
    return f"{text} · {number}"


def _sorts(current: str, say: Say) -> Options:
    """Each order once; the other direction of the one in force is one of its own."""
    named = [*SORTS, *([current] if current.startswith("-") else [])]
    return [(sort, say(f"sort.{sort}")) for sort in named]


def _chips(state: ListState, say: Say) -> list[Chip]:
    return [
        Chip(label, text, state.link(**{name: ""}), say("problem.definition") if name == "problem" else "")
        for name, label, text in chosen_filters(state.search, say)
    ]


def chosen_filters(search: AccountSearch, say: Say) -> list[tuple[str, str, str]]:
    """The filters that apply beside search and provider: each one's name, and what is chosen of what, in words."""
    found = []
    if search.state:
        found.append(("state", say("filter.state"), _states(search.state, say)))
    found += [(name, say("filter.only"), say(f"only.{name}")) for name in ONLY if getattr(search, name)]
    if search.codex_status:
        found.append(("codex_status", say("filter.codex_status"), say(f"codex_status.{search.codex_status.value}")))
    if search.plan:
        found.append(("plan", say("filter.plan"), plan_choice(search.plan, say)))
    if search.kind:
        found.append(("kind", say("filter.kind"), say(f"kind.{Kind(search.kind).value}")))
    if search.prefix is not None:
        found.append(("prefix", say("filter.prefix"), f"/p/{search.prefix}"))
    if search.project is not None:
        found.append(("project", say("filter.project"), search.project))
    if search.locked is not None:
        found.append(("locked", say("filter.locked"), say(f"locked.{'true' if search.locked else 'false'}")))
    return found


def _states(states: frozenset[Health], say: Say) -> str:
    group = next((key for key, healths in GROUPS.items() if states == frozenset(healths)), None)
    if group is not None:
        return say(f"card.{group}")
    return ", ".join(say(f"health.{health.value}") for health in Health if health in states)


def plan_choice(plan: str, say: Say) -> str:
    """A plan to choose, as people write it; or that it is not known."""
    if plan == UNKNOWN_PLAN:
        return say("plan.unknown")
    return plan_title(plan)

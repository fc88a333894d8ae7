"""Monitoring's filters as a page shows them: chips that take one away, and what a form carries along. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from authdeck import wording
from authdeck.web.account_rows import NAMES
from authdeck.web.traffic_state import TrafficState


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that applies, and the page without it."""

    label: str
    text: str
    href: str


def chips(state: TrafficState, locale: str, account_name: Callable[[str], str]) -> list[Chip]:
    def text(name: str, value: str) -> str:
        if name == "account":
            return account_name(state.search.auth_index or value)
        if name == "provider":
            return NAMES.get(value, value)
        code = {"status": f"status.{value}", "cache": f"cache.{value}", "failure": f"kind_of_failure.{value}"}.get(
            name, ""
        )
        if name == "slower":
            return wording.sentence("traffic.seconds", {"seconds": value}, locale)
        return wording.sentence(code, {}, locale) if code and wording.has_sentence(code) else value

    return [
        Chip(wording.sentence(f"traffic_filter.{name}", {}, locale), text(name, value), state.link(**{name: ""}))
        for name, value in state.filters.items()
    ]


def hidden(state: TrafficState) -> dict[str, str]:
    """Of the address what is no field of the filters' form."""
    return {name: value for name, value in state.words.items() if name not in state.filters}

"""Accounts by what is suggested for them, as the queue and inspections show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from authdeck.evidence import Action

TONES: Final[Mapping[Action, str]] = {
    Action.REAUTH: "reauth",
    Action.REVIEW: "review",
    Action.DISABLE: "disabled",
    Action.DELETE: "disabled",
    Action.ENABLE: "available",
    Action.KEEP: "neutral",
}
GLYPHS: Final[Mapping[Action, str]] = {**TONES, Action.DELETE: "reject", Action.KEEP: "available"}

Line = TypeVar("Line")


@dataclass(frozen=True, slots=True)
class Group(Generic[Line]):
    """Lines that suggest the same; ``total`` counts those that are not shown, too."""

    action: Action
    total: int
    lines: Sequence[Line]

    @property
    def tone(self) -> str:
        return TONES[self.action]

    @property
    def glyph(self) -> str:
        return GLYPHS[self.action]


def safe_link(link: object) -> str:
    """Only web addresses become links: the text came from a provider."""
    return link if isinstance(link, str) and link.startswith("https://") else ""

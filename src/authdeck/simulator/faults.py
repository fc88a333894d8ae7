"""Failures to order: small rules, each for the next few requests that match."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from authdeck.simulator.accounts import Account
from authdeck.simulator.exchange import Asked


@dataclass
class Fault:
    """One rule. ``times`` counts down with each use; ``None`` lasts until ``Faults.clear``.

    Matches by ``account``, ``model`` and ``path`` (a piece of it); a rule without them matches everything.

    ``status`` (with ``kind``, the provider's own word, ``headers`` or a whole ``body``) refuses *before* anything
    happens. The others disturb an answer that *was* made, token rotations included: ``delay`` seconds before it,
    ``cut_after_events`` aborts the connection after so many pieces (0: before the first byte; a whole answer is one
    piece, cut in its middle at 1), ``stall_after_events`` holds it there until ``Simulator.release``; ``fails_inside``
    ends a stream of the Responses protocol with ``response.failed`` and this code.
    """

    times: int | None = 1
    account: Account | None = None
    model: str | None = None
    path: str | None = None
    status: int | None = None
    kind: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    delay: float = 0
    cut_after_events: int | None = None
    stall_after_events: int | None = None
    fails_inside: str = ""

    def matches(self, asked: Asked, account: Account | None) -> bool:
        return (
            self.times != 0
            and (self.account is None or self.account is account)
            and (self.model is None or self.model == asked.model)
            and (self.path is None or self.path in asked.path)
        )


BY_MODEL: Final = {
    **{f"fail-{status}": Fault(times=None, status=status) for status in (400, 401, 403, 404, 429, 500, 503, 529)},
    "slow": Fault(times=None, delay=2.0),
    "cut": Fault(times=None, cut_after_events=4),
    "stall": Fault(times=None, stall_after_events=4),
}
"""Model names that fail by themselves, so that a person can watch a failure in the demo."""

NONE: Final = Fault(times=None)


class Faults:
    def __init__(self) -> None:
        self._rules: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        self._rules.append(fault)
        return fault

    def clear(self) -> None:
        self._rules.clear()

    def take(self, asked: Asked, account: Account | None) -> Fault:
        """The first rule that matches, used up by one; else what the model's name asks for; else ``NONE``."""
        for rule in self._rules:
            if rule.matches(asked, account):
                if rule.times is not None:
                    rule.times -= 1
                return rule
        return BY_MODEL.get(asked.model, NONE)

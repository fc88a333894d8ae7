"""Who may do what: roles of operators, and the actor that every write names."""

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """Each role may do all that the ones below it may."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: an operator's name, ``local:<uid>`` for the command line, or ``authdeck`` for automation."""

    name: str
    role: Role
    key: int | None = None


AUTOMATION = Actor("authdeck", Role.ADMIN)

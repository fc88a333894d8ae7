"""A secret is a type: printing one shows ``***``, opening one is an explicit call."""

from typing import Final, final


@final
class Secret:
    """A text that must not be seen: token, key, cookie, proxy URL.

    ``repr``, ``str`` and format give ``***``; it can't be pickled or turned into JSON by accident.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text: Final = text

    def open(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not serialised")

"""Which accounts a name means: file names, whatever their case, and aliases. Pure, in memory."""

from collections.abc import Iterable
from typing import Final

from authdeck.account import Account


class Names:
    """Kept account by account, so that looking one up costs the same however many there are."""

    def __init__(self) -> None:
        self._files: Final = _Meant()
        self._aliases: Final = _Meant()

    def replace(self, former: Account | None, present: Account | None) -> None:
        """The account as it was known and as it is now; ``None``: not there."""
        if former and present and former.aliases == present.aliases and former.file_name == present.file_name:
            return
        if former is not None:
            self._files.discard(_folded(former.file_name), former.auth_index)
            for name in former.aliases:
                self._aliases.discard(name, former.auth_index)
        if present is not None:
            self._files.add(_folded(present.file_name), present.auth_index)
            for name in present.aliases:
                self._aliases.add(name, present.auth_index)

    def by_file(self, name: str) -> Iterable[str]:
        """The auth_index of each account whose file has that name, whatever its case."""
        return self._files.by(name.casefold())

    def by_alias(self, name: str) -> Iterable[str]:
        return self._aliases.by(name)


class _Meant:
    """Nearly every name means one account, so that a name alone needs no collection."""

    def __init__(self) -> None:
        self._found: Final[dict[str, str | dict[str, None]]] = {}

    def by(self, name: str) -> Iterable[str]:
        found = self._found.get(name, ())
        return (found,) if isinstance(found, str) else tuple(found)

    def add(self, name: str, auth_index: str) -> None:
        known = self._found.setdefault(name, auth_index)
        if known is auth_index:
            return
        if isinstance(known, dict):
            known[auth_index] = None
        elif known != auth_index:
            self._found[name] = {known: None, auth_index: None}

    def discard(self, name: str, auth_index: str) -> None:
        known = self._found.get(name)
        if isinstance(known, dict):
            known.pop(auth_index, None)
            if len(known) == 1:
                (self._found[name],) = known
        elif known == auth_index:
            del self._found[name]


def _folded(name: str) -> str:
    """The very text of the account where folding changes nothing: 100,000 copies would be 10 MB."""
    folded = name.casefold()
    return name if folded == name else folded

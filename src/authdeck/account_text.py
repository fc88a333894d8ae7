"""Searching accounts by text: what an account is known by, and which accounts a word is found in. Pure."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from authdeck.account import Account
from authdeck.bitset import Bits
from authdeck.entry import Entry
from authdeck.health import Health

_STATES: Final = {state: "\n".join(dict.fromkeys((state.value, state.value.replace("_", " ")))) for state in Health}
_PROBED: Final = 50
_KEPT: Final = 32
"""Words whose answers are kept: each costs a bit an account, and a look at each text that changes."""


def searched(entry: Entry, state: Health, now: datetime) -> str:
    """Every text a person may look for the account by, folded, one a line; its state in words is among them."""
    parts = [*_names(entry.account), _STATES[state]]
    if entry.holds:
        codes = [hold.code for hold in entry.holds if hold.applies(now)]
        parts += [*codes, *(code.replace("_", " ") for code in codes)]
    return "\n".join(filter(None, parts)).casefold()


def names(account: Account) -> str:
    """The same without its state."""
    return "\n".join(filter(None, _names(account))).casefold()


def _names(account: Account) -> list[str | None]:
    settings = account.settings
    name, note, label = account.file_name, settings.note, account.label
    # What stands in the file's name, as e-mail and plan mostly do, is found there: it need not be kept twice.
    parts = [
        name, account.auth_index, account.organization, account.subject, *account.aliases, settings.prefix,
        settings.project_id, _line(note) if "\n" in note else note,
        *[text for text in (account.provider, account.email, account.plan) if text and text not in name],
    ]  # fmt: skip
    if label != account.email and label not in name:
        parts.append(_line(label))
    return parts


def _line(text: str) -> str:
    return " ".join(text.splitlines())


def fits(words: str, text: str) -> bool:
    """Whether folded ``words`` stand in a line of the text; each ``*`` in them stands for anything in between.

    No regular expression: many stars would make one try all ways to share out a line.
    """
    if "*" not in words:
        return words in text
    parts = [part for part in words.split("*") if part]
    return all(part in text for part in parts) and any(_in_order(parts, line) for line in text.split("\n"))


def _rarest(parts: Iterable[str], texts: Sequence[str]) -> str:
    """The part that the fewest of these texts hold: all others are asked only of texts that hold it."""
    return min(parts, key=lambda part: sum(part in text for text in texts))


def _in_order(parts: Sequence[str], line: str) -> bool:
    at = 0
    for part in parts:
        found = line.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True


class Scan:
    """Which texts hold some words, looked through a slice at a time. Texts may change, and come, at any time."""

    def __init__(self, words: str, texts: list[str]) -> None:
        self._words: Final = words
        self._texts: Final = texts
        self._at = 0
        self.found: Final = Bits()

    @property
    def is_whole(self) -> bool:
        return self._at >= len(self._texts)

    def advance(self, texts: int = 2000) -> None:
        begin, self._at = self._at, min(self._at + texts, len(self._texts))
        words, some = self._words, self._texts[begin : self._at]
        if "*" in words:
            rarest = _rarest(words.split("*"), some[:_PROBED])
            hits = [slot for slot, text in enumerate(some, begin) if rarest in text and text and fits(words, text)]
        else:
            hits = [slot for slot, text in enumerate(some, begin) if words in text]
        self.found.update(hits)

    def changed(self, slot: int) -> None:
        """The text of that slot is another now."""
        if slot >= self._at:
            return
        text = self._texts[slot]
        was, is_now = slot in self.found, bool(text) and fits(self._words, text)
        if is_now and not was:
            self.found.add(slot)
        elif was and not is_now:
            self.found.discard(slot)


class Texts:
    """The texts by slot, and the answers to the words that were asked for last."""

    def __init__(self) -> None:
        self._texts: Final[list[str]] = []
        self._scans: OrderedDict[str, Scan] = OrderedDict()

    def put(self, slot: int, text: str) -> None:
        """``""`` where nobody is."""
        if slot == len(self._texts):
            self._texts.append(text)
        elif self._texts[slot] != text:
            self._texts[slot] = text
            for scan in self._scans.values():
                scan.changed(slot)

    def scan(self, words: str) -> Scan:
        """The answer to folded words, as far as it is known."""
        known = self._scans.get(words)
        if known is None:
            known = self._scans[words] = Scan(words, self._texts)
            if len(self._scans) > _KEPT:
                self._scans.popitem(last=False)
        self._scans.move_to_end(words)
        return known

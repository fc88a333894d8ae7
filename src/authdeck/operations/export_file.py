"""The file of an export as it grows: one document, a zip of many, or parts that each come back through one import.

A zip has any number of members, since whoever reads auth files unpacks them. An archive and a bundle are read as a
whole, here and elsewhere, and are held in memory while they are made: they come in parts, beside each other in a zip.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from authdeck.formats import sub2api, zipped
from authdeck.operations.desk import Desk
from authdeck.operations.export_forms import ExportRow, Form, Held
from authdeck.secret import Secret
from authdeck.vault import age

PART_BYTES: Final = 8 * 1024 * 1024
"""Bytes of the auth files of one part, beside what is written around each: below the usual limit of an upload."""

_AROUND: Final = 512

Taken = tuple[ExportRow, Held]
Key = tuple[Sequence[str], Secret | None]
"""Recipients, or a passphrase."""


class ExportFile:
    """``add`` each account, then ``end``."""

    def __init__(self, desk: Desk, form: Form, key: Key, out: zipped.Out) -> None:
        self._form: Final = form
        self._members: Final = _Members(out)
        limit = min(PART_BYTES, desk.settings.upload_limit * 4 // 5)
        self._parts: _Parts | None = None
        if form is Form.SUB2API:
            self._parts = _Parts(self._members, "sub2api", "json", limit, lambda some: _bundle(desk, some))
        elif form is Form.ARCHIVE:
            self._parts = _Parts(self._members, "authdeck", "age", limit, lambda some: _archive(key, some))

    def add(self, some: Sequence[Taken]) -> None:
        for row, held in some:
            if self._parts is not None:
                self._parts.add(row, held)
            else:
                self._members.add(row.account.file_name, row.content)

    def end(self) -> tuple[str, str]:
        """The file's name and media type."""
        if self._parts is not None:
            self._parts.end()
        only = self._members.end()
        if only is None:
            return f"authdeck-{self._form.value}.zip", "application/zip"
        if self._form is Form.ARCHIVE:
            return "authdeck.age", "application/octet-stream"
        return {Form.CODEX_CLI: "auth.json", Form.SUB2API: "sub2api.json"}.get(self._form, only), "application/json"

    def abandon(self) -> None:
        """Nothing more comes: the zip is told so, or it would write its end wherever it is let go."""
        self._members.end()


class _Members:
    """One file is written as it is; from the second on it is a zip of them."""

    def __init__(self, out: zipped.Out) -> None:
        self._out: Final = out
        self._first: tuple[str, bytes] | None = None
        self._zip: zipped.Writer | None = None

    def add(self, name: str, content: bytes) -> None:
        if self._zip is None and self._first is None:
            self._first = (name, content)
            return
        if self._zip is None:
            self._zip = zipped.Writer(self._out)
        if self._first is not None:
            self._zip.add(*self._first)
            self._first = None
        self._zip.add(name, content)

    def end(self) -> str | None:
        """The name of the only one."""
        if self._zip is not None:
            self._zip.end()
            return None
        name, content = self._first or ("", b"")
        self._out.write(content)
        return name


class _Parts:
    """Accounts gathered until they are a part, each of which ``make`` writes."""

    def __init__(
        self, members: _Members, name: str, ending: str, limit: int, make: Callable[[Sequence[Taken]], bytes]
    ) -> None:
        self._members: Final = members
        self._name: Final = name
        self._ending: Final = ending
        self._limit: Final = limit
        self._make: Final = make
        self._some: list[Taken] = []
        self._size = 0
        self._count = 0

    def add(self, row: ExportRow, held: Held) -> None:
        size = max(len(row.content), len(held.content)) + _AROUND
        if self._some and (len(self._some) == zipped.MAX_MEMBERS or self._size + size > self._limit):
            self.end()
        self._some.append((row, held))
        self._size += size

    def end(self) -> None:
        if not self._some:
            return
        self._count += 1
        self._members.add(f"{self._name}-{self._count:04}.{self._ending}", self._make(self._some))
        self._some, self._size = [], 0


def _bundle(desk: Desk, some: Sequence[Taken]) -> bytes:
    return sub2api.write([held.document for _, held in some], [held.off for _, held in some], desk.now())


def _archive(key: Key, some: Sequence[Taken]) -> bytes:
    files = {row.account.file_name: row.content for row, _ in some}
    content = zipped.write(files, [_listed(row, held) for row, held in some])
    recipients, passphrase = key
    if recipients:
        return age.for_recipients(content, recipients)
    assert passphrase is not None
    return age.for_passphrase(content, passphrase)


def _listed(row: ExportRow, held: Held) -> dict[str, Any]:
    """The manifest's line: what is needed to know each file again."""
    account = row.account
    return {
        "auth_index": account.auth_index,
        "file_name": account.file_name,
        "provider": account.provider.value,
        "revision": held.revision,
        "sha256": zipped.digest(row.content),
    }

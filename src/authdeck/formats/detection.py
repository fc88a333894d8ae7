"""Which format a document has: the first that recognises it reads it; CLIProxyAPI's says what ails the rest."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from authdeck.credential import Draft
from authdeck.errors import DeckError
from authdeck.formats import api_key, claude_code, cliproxyapi, codex_cli, service_account
from authdeck.formats.document import check_name, member_name, members, parse

MAX_MEMBERS: Final = 5_000


class Format(Protocol):
    """What each format's file offers."""

    @property
    def SOURCE(self) -> str: ...  # noqa: N802 - a constant of the module

    def recognises(self, document: Mapping[str, Any], /) -> bool: ...

    def read(self, file_name: str, content: bytes, document: Mapping[str, Any], /) -> Draft: ...


FORMATS: Final[tuple[Format, ...]] = (service_account, api_key, cliproxyapi, codex_cli, claude_code)
"""Narrow ones first."""


def read(file_name: str, content: bytes, source: str | None) -> list[Draft]:
    """See ``formats.read``. Raises ``DeckError`` without the file's name."""
    check_name(file_name)
    value = parse(content)
    if isinstance(value, dict):
        return [_draft(file_name, content, value, source)]
    if not isinstance(value, list):
        raise DeckError("not_an_object", found=type(value).__name__)
    if not value:
        raise DeckError("file_empty")
    if len(value) > MAX_MEMBERS:
        raise DeckError("too_many_members", count=len(value), limit=MAX_MEMBERS)
    return [
        _member(member_name(file_name, number, len(value)), part, document, number, source)
        for number, (part, document) in enumerate(zip(members(content), value, strict=True), 1)
    ]


def _member(file_name: str, content: bytes, document: Any, number: int, source: str | None) -> Draft:
    """An array is taken in whole or refused whole, so that a person fixes one file and not half of one."""
    if not isinstance(document, dict):
        raise DeckError("member_not_an_object", member=number)
    try:
        return _draft(file_name, content, document, source)
    except DeckError as error:
        raise DeckError(error.code, status=error.status, **{**error.params, "member": number}) from None


def _draft(file_name: str, content: bytes, document: Mapping[str, Any], source: str | None) -> Draft:
    if source is not None:
        return _named(source).read(file_name, content, document)
    found = next((each for each in FORMATS if each.recognises(document)), cliproxyapi)
    return found.read(file_name, content, document)


def _named(source: str) -> Format:
    for each in FORMATS:
        if source == each.SOURCE:
            return each
    raise DeckError("format_unknown", format=source[:64], known=[each.SOURCE for each in FORMATS])

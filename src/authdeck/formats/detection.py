"""Which format a document has: the first that recognises it reads it; CLIProxyAPI's says what ails the rest."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from authdeck.credential import Draft
from authdeck.errors import DeckError
from authdeck.formats import (
    api_key,
    chatgpt_session,
    claude_code,
    cliproxyapi,
    codex_cli,
    service_account,
    sub2api,
    zipped,
)
from authdeck.formats.document import check_name, member_name, members, parse

MAX_MEMBERS: Final = 5_000


class Format(Protocol):
    """What each format's file offers."""

    @property
    def SOURCE(self) -> str: ...  # noqa: N802 - a constant of the module

    def recognises(self, document: Mapping[str, Any], /) -> bool: ...

    def read(self, file_name: str, content: bytes, document: Mapping[str, Any], /) -> Draft: ...


FORMATS: Final[tuple[Format, ...]] = (
    service_account, sub2api, api_key, cliproxyapi, chatgpt_session, codex_cli, claude_code,
)  # fmt: skip
"""Narrow ones first."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An account inside a bundle, or a file inside an archive, that can't be taken. The others go on without it."""

    file_name: str
    error: DeckError


def offered(file_name: str, content: bytes, source: str | None) -> list[Draft | Refused]:
    """See ``formats.offered``. Raises ``DeckError`` without the file's name."""
    if source is not None:
        _named(source)
    if zipped.is_zip(content):
        return [row for member in zipped.members(content) for row in _of_archive(member, source)]
    check_name(file_name)
    value = parse(content)
    bundle = sub2api.accounts(value) if source in (None, sub2api.SOURCE) else None
    if bundle is not None:
        return list(_of_bundle(file_name, bundle))
    if isinstance(value, dict):
        return [_draft(file_name, content, value, source)]
    if not isinstance(value, list):
        raise DeckError("not_an_object", found=type(value).__name__)
    return _of_array(file_name, content, value, source)


def _of_archive(member: zipped.Member, source: str | None) -> Iterator[Draft | Refused]:
    """One file of an archive. A path is cut to its last part, and said."""
    if member.refused is not None:
        yield Refused(member.file_name, member.refused)
        return
    try:
        rows = offered(member.file_name, member.content, source)
    except DeckError as error:
        yield Refused(member.file_name, error)
        return
    notes = () if member.path is None else (("path_removed", {"path": member.path[:200]}),)
    for row in rows:
        yield replace(row, notes=(*notes, *row.notes)) if isinstance(row, Draft) else row


def _of_bundle(file_name: str, accounts: Sequence[Any]) -> Iterator[Draft | Refused]:
    """A bundle's accounts, each under a name of its own; what is no OpenAI sign-in is said so and left out."""
    if not accounts:
        raise DeckError("file_empty")
    if len(accounts) > sub2api.MAX_RECORDS:
        raise DeckError("too_many_members", count=len(accounts), limit=sub2api.MAX_RECORDS)
    names: set[str] = set()
    for number, account in enumerate(accounts, 1):
        if not isinstance(account, dict):
            yield Refused(file_name, DeckError("member_not_an_object", member=number))
            continue
        name = _free(sub2api.file_name(account, file_name, number, len(accounts)), names)
        try:
            yield sub2api.read(check_name(name), b"", account)
        except DeckError as error:
            yield Refused(name, error)


def _free(name: str, taken: set[str]) -> str:
    """The name, with ``-2``, ``-3``, … where another account of the bundle has it already."""
    stem, free, number = name[: -len(".json")], name, 1
    while free.casefold() in taken:
        number += 1
        free = f"{stem}-{number}.json"
    taken.add(free.casefold())
    return free


def _of_array(file_name: str, content: bytes, value: Sequence[Any], source: str | None) -> list[Draft | Refused]:
    if not value:
        raise DeckError("file_empty")
    if len(value) > MAX_MEMBERS:
        raise DeckError("too_many_members", count=len(value), limit=MAX_MEMBERS)
    is_session = source == chatgpt_session.SOURCE and all(isinstance(piece, dict) for piece in value)
    if is_session or (source is None and chatgpt_session.recognises_pieces(value)):
        return [chatgpt_session.read_pieces(file_name, value)]
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
    found = next((each for each in FORMATS if each.recognises(document)), None)
    if source is None:
        return (found or cliproxyapi).read(file_name, content, document)
    named = _named(source)
    if found is not None and found is not named and not named.recognises(document):
        raise DeckError("format_looks_like", given=source, format=found.SOURCE)
    return named.read(file_name, content, document)


def _named(source: str) -> Format:
    for each in FORMATS:
        if source == each.SOURCE:
            return each
    raise DeckError("format_unknown", format=source[:64], known=[each.SOURCE for each in FORMATS])

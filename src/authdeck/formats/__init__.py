"""Foreign documents in and out: what a file is, and which accounts it offers. Pure: bytes in, drafts out."""

from authdeck.credential import Draft
from authdeck.errors import DeckError
from authdeck.formats import detection
from authdeck.formats.cliproxyapi import cliproxy_index, cliproxy_key_index
from authdeck.formats.detection import Refused
from authdeck.formats.document import MAX_TEXT, canonical, check_name, opened, parsed, patch
from authdeck.formats.editing import Difference, changed_fields, differences, rewritten, unhidden, with_tokens_of
from authdeck.formats.service_account import with_location
from authdeck.formats.zipped import is_zip

SOURCES = tuple(each.SOURCE for each in detection.FORMATS)
"""Formats that a caller may name."""

__all__ = (
    "MAX_TEXT",
    "SOURCES",
    "Difference",
    "Refused",
    "canonical",
    "changed_fields",
    "check_name",
    "cliproxy_index",
    "cliproxy_key_index",
    "differences",
    "is_zip",
    "offered",
    "opened",
    "parsed",
    "patch",
    "read",
    "rewritten",
    "unhidden",
    "with_location",
    "with_tokens_of",
)


def offered(file_name: str, content: bytes, source: str | None = None) -> list[Draft | Refused]:
    """The accounts that a file offers, in its order: an array's, a bundle's or an archive's members, or the one.

    ``source`` insists on a format, one of ``SOURCES``; a file that is plainly another raises ``format_looks_like``.
    A member that can't be taken is ``Refused`` and stops no other. ``claims`` are still empty: ``providers.complete``
    fills them. Raises ``DeckError`` naming ``file_name`` and what is wrong with it as a whole; every code is in
    ``wording.sentences.files`` or ``formats``.
    """
    try:
        rows = detection.offered(file_name, content, source)
    except DeckError as error:
        raise _naming(file_name, error) from None
    return [
        Refused(row.file_name, _naming(row.file_name, row.error)) if isinstance(row, Refused) else row for row in rows
    ]


def read(file_name: str, content: bytes, source: str | None = None) -> list[Draft]:
    """The same where nothing may be refused: the first ``Refused`` is raised."""
    drafts: list[Draft] = []
    for row in offered(file_name, content, source):
        if isinstance(row, Refused):
            raise row.error
        drafts.append(row)
    return drafts


def _naming(file_name: str, error: DeckError) -> DeckError:
    return DeckError(error.code, status=error.status, **{"file_name": file_name, **error.params})

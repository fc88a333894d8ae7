"""Foreign documents in and out: what a file is, and which accounts it offers. Pure: bytes in, drafts out."""

from authdeck.credential import Draft
from authdeck.errors import DeckError
from authdeck.formats import detection
from authdeck.formats.cliproxyapi import cliproxy_index, cliproxy_key_index
from authdeck.formats.document import canonical, check_name, opened, parsed, patch
from authdeck.formats.editing import Difference, changed_fields, differences, rewritten, unhidden, with_tokens_of

__all__ = (
    "Difference",
    "canonical",
    "changed_fields",
    "check_name",
    "cliproxy_index",
    "cliproxy_key_index",
    "differences",
    "opened",
    "parsed",
    "patch",
    "read",
    "rewritten",
    "unhidden",
    "with_tokens_of",
)


def read(file_name: str, content: bytes, source: str | None = None) -> list[Draft]:
    """The accounts that a file offers, one draft each; an array file offers one for every member.

    ``source`` insists on a format (``cliproxyapi``, ``api_key``, ``codex_cli``, ``claude_code``, ``service_account``).
    ``claims`` are still empty: ``providers.complete`` fills them. Raises ``DeckError`` naming ``file_name`` and what
    is wrong; every code is in ``wording.sentences.files``.
    """
    try:
        return detection.read(file_name, content, source)
    except DeckError as error:
        raise DeckError(error.code, status=error.status, **{"file_name": file_name, **error.params}) from None

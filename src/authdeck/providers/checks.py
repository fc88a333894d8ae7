"""What providers demand of a document's fields before it is stored."""

import re
from collections.abc import Mapping
from typing import Any, Final

from authdeck import fields
from authdeck.errors import DeckError
from authdeck.providers.addresses import url_problem

_SENDABLE: Final = re.compile(r"[\x21-\x7e]{1,65536}")


def one_of(document: Mapping[str, Any], *names: str) -> None:
    """At least one of the fields is a non-blank text. Raises ``field_missing`` naming the first."""
    for name in names:
        value = document.get(name)
        if value is not None and not isinstance(value, str):
            raise DeckError("field_invalid", field=name, problem="not_text")
    if fields.text(document, *names) is None:
        raise DeckError("field_missing", field=names[0], fields=list(names))


def sendable(document: Mapping[str, Any], *names: str) -> None:
    """The fields, where given, fit into a header: one word of printable ASCII. Raises ``field_invalid``."""
    for name in names:
        value = document.get(name)
        if value is None or value == "":
            continue
        if not isinstance(value, str):
            raise DeckError("field_invalid", field=name, problem="not_text")
        if not _SENDABLE.fullmatch(value.strip()):
            raise DeckError("field_invalid", field=name, problem="not_sendable")


def key(document: Mapping[str, Any], *, base_url_needed: bool = False) -> None:
    """An API key document: ``api_key``, and ``base_url`` where given or needed."""
    one_of(document, "api_key")
    sendable(document, "api_key")
    given = document.get("base_url")
    if base_url_needed:
        one_of(document, "base_url")
    if given is not None and not isinstance(given, str):
        raise DeckError("field_invalid", field="base_url", problem="not_text")
    if given and given.strip() and (problem := url_problem(given.strip())):
        raise DeckError("field_invalid", field="base_url", problem=problem)


def tokens(document: Mapping[str, Any]) -> None:
    """An OAuth document: an access or a refresh token, both fit to be sent."""
    one_of(document, "access_token", "refresh_token")
    sendable(document, "access_token", "refresh_token")

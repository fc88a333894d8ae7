"""A Google service-account key as Google's console hands it out: it becomes a Vertex account."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from authdeck.account import Kind, Provider
from authdeck.credential import Draft
from authdeck.formats.converting import converted
from authdeck.formats.document import patch

SOURCE: Final = "service_account"


def recognises(document: Mapping[str, Any]) -> bool:
    return document.get("type") == "service_account"


def read(file_name: str, content: bytes, document: Mapping[str, Any]) -> Draft:
    """The key whole, under ``service_account``; a ``location`` beside it is the region, else the default one."""
    del content
    moved = {
        "project_id": document.get("project_id"),
        "email": document.get("client_email"),
        "location": document.get("location"),
        "service_account": {name: value for name, value in document.items() if name != "location"},
    }
    return converted(file_name, SOURCE, Provider.VERTEX, Kind.SERVICE_ACCOUNT, moved=moved, rest={})


def with_location(draft: Draft, location: str) -> Draft:
    """The same account in the region that the caller names. Other accounts have no region and stay as they are."""
    if draft.kind is not Kind.SERVICE_ACCOUNT:
        return draft
    document = {**draft.document, "location": location}
    return replace(draft, document=document, content=patch(draft.content, {"location": location}))

"""A Google service-account key as Google's console hands it out: it becomes a Vertex account."""

from collections.abc import Mapping
from typing import Any, Final

from authdeck.account import Kind, Provider
from authdeck.credential import Draft
from authdeck.formats.converting import converted

SOURCE: Final = "service_account"


def recognises(document: Mapping[str, Any]) -> bool:
    return document.get("type") == "service_account"


def read(file_name: str, content: bytes, document: Mapping[str, Any]) -> Draft:
    """The key whole, under ``service_account``; its region is the default until someone sets ``location``."""
    del content
    moved = {
        "project_id": document.get("project_id"),
        "email": document.get("client_email"),
        "service_account": dict(document),
    }
    return converted(file_name, SOURCE, Provider.VERTEX, Kind.SERVICE_ACCOUNT, moved=moved, rest={})

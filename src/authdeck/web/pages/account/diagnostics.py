"""Diagnostics: what was seen of the account and by whom, what headers of its answers said last, and its refreshes."""

from typing import Any

from starlette.requests import Request

from authdeck import wording
from authdeck.account import Kind
from authdeck.entry import Entry
from authdeck.evidence import Evidence
from authdeck.operations import kin
from authdeck.seen_headers import SeenHeader, each
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading import evidence, inspections, refreshing, seen_headers
from authdeck.storage.reading.inspections import StoredInspection, StoredResult
from authdeck.storage.reading.refreshing import JournalEntry
from authdeck.web import inspection_rows, suggested
from authdeck.web.masking import masked
from authdeck.web.room import room_of

TAB = "diagnostics"
_MOST = 20
Inspected = tuple[StoredResult, StoredInspection]


async def content(request: Request, entry: Entry) -> dict[str, Any]:
    room, account = room_of(request), entry.account
    prefs = room.pages.preferences(request)

    def work(
        connection: ReadConnection,
    ) -> tuple[list[Evidence], list[JournalEntry], Inspected | None, list[SeenHeader]]:
        seen = evidence.history(connection, account.key, _MOST)
        journal = refreshing.of_account(connection, account.key, _MOST)
        headers = each(seen_headers.of_account(connection, account.key))
        return seen.items, journal, inspections.of_account(connection, account.key), list(headers.values())

    seen, journal, inspected, headers = await room.desk.read(work)
    near = await kin.near(room.desk, account.auth_index)
    return {
        "seen": [(one, _detail(one)) for one in seen],
        "headers": headers,
        "journal": journal,
        "inspected": inspected[0] if inspected else None,
        "inspected_why": inspection_rows.why_of(inspected[0], prefs) if inspected else "",
        "inspected_tones": suggested.TONES,
        "inspected_glyphs": suggested.GLYPHS,
        "refreshes": account.kind is not Kind.API_KEY,
        "near": [
            (
                one.account.auth_index,
                masked(one.account.file_name) if prefs.masked else one.account.file_name,
                ", ".join(wording.sentence(f"near.{why}", {}, prefs.locale) for why in one.why),
            )
            for one in near
        ],
    }


def _detail(one: Evidence) -> str:
    """What else the evidence says, sanitised already."""
    return ", ".join(f"{key}: {value}" for key, value in one.detail.items())

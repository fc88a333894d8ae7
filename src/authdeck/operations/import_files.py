"""Taking in auth files: one row of the report for each account offered, one bad file never stops the others.

First every file is read and validated, without the database. Then, chunk by chunk in one short transaction each,
storage is asked what it knows, ``import_plan.decide`` (pure) says what becomes of the row, and it is stored. A preview
does all but store. A crash leaves whole rows or none, and a batch that says how far it came.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, TypeVar

from authdeck import formats, identity, ids, import_plan, providers
from authdeck.access import Actor
from authdeck.account import Provider, RefreshBy
from authdeck.acts import Act
from authdeck.credential import Draft
from authdeck.errors import DeckError
from authdeck.formats import Refused
from authdeck.identity import Identity
from authdeck.import_plan import CHOICES, Decision, Outcome
from authdeck.operations.desk import Desk
from authdeck.operations.import_finding import Seen, find, found_by, look_up, sought_by
from authdeck.operations.import_rows import Importing, store
from authdeck.operations.reconcile import settle
from authdeck.operations.records import record
from authdeck.secret import Secret
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.reading.accounts import entries
from authdeck.storage.writing import batches
from authdeck.vault import age
from authdeck.vault.age import Opener

CHUNK: Final = 100
"""Rows of one transaction: short enough that a token's commit never waits long behind it."""

SOURCES: Final = formats.SOURCES
"""Formats that a caller may insist on."""

OTHER_PROGRAM: Final = "other_program_logged_in"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was given. ``format`` insists on one; ``None`` detects. ``pasted`` text has a limit of its own."""

    file_name: str
    content: bytes = field(repr=False)
    format: str | None = None
    pasted: bool = False


@dataclass(frozen=True, slots=True)
class Choices:
    """What the caller wants done.

    ``on_conflict`` (``skip``, ``keep_both``, ``replace``) holds for every row that ``by_row`` does not name.
    ``refresh_by`` overrides what the files' format suggests. ``cliproxy_auth_dir`` is the folder they lay in, from
    which CLIProxyAPI computed its indexes. ``apply_settings``: a known account takes the file's settings over.
    ``location`` is the region of service accounts. ``passphrase`` or an age ``identity`` opens the encrypted
    archives among the files.
    """

    on_conflict: str = "skip"
    by_row: Mapping[int, str] = field(default_factory=dict)
    refresh_by: RefreshBy | None = None
    cliproxy_auth_dir: str | None = None
    apply_settings: bool = False
    location: str | None = None
    passphrase: Secret | None = None
    identity: Secret | None = None


@dataclass(frozen=True, slots=True)
class ImportRow:
    """What became of one account offered. ``reason`` and ``notes`` are (code, parameters) for their sentences."""

    source: str | None
    file_name: str
    outcome: Outcome
    auth_index: str | None = None
    reason: import_plan.Note | None = None
    stored_as: str | None = None
    notes: tuple[import_plan.Note, ...] = ()
    provider: Provider | None = None


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Rows in the order given. ``batch`` names the record of what was done; a preview has none."""

    items: Sequence[ImportRow]
    preview: bool
    batch: str | None

    def count(self, outcome: Outcome) -> int:
        return sum(row.outcome is outcome for row in self.items)


@dataclass(frozen=True, slots=True)
class Offered:
    """One account of one file, validated; or the reason why it can't be."""

    file_name: str
    draft: Draft | None = None
    identity: Identity | None = None
    refused: DeckError | None = None


async def import_files(
    desk: Desk, sources: Sequence[Source], actor: Actor, *, preview: bool = False, choices: Choices | None = None
) -> ImportReport:
    """Take in the files, or with ``preview`` say what would become of them.

    Raises ``DeckError('choice_unknown')``; everything about a file is a row of the report.
    """
    chosen = choices or Choices()
    for choice in (chosen.on_conflict, *chosen.by_row.values()):
        if choice not in CHOICES:
            raise DeckError("choice_unknown", status=422, choice=choice, known=list(CHOICES))
    batch = None if preview else ids.new_id()
    importing = Importing(desk, actor, batch, chosen.cliproxy_auth_dir, chosen.apply_settings)
    rows: list[ImportRow] = []
    if importing.batch:
        await desk.write(lambda connection: _begin(importing, connection, len(sources)))
    for chunk in _slices(sources):
        offered = await asyncio.to_thread(_offers, desk, chunk, chosen)
        for some in _slices(offered):
            if preview:
                rows += await desk.read(partial(_previewed, importing, some, chosen, len(rows)))
            else:
                rows += await desk.write(partial(_stored, importing, some, chosen, len(rows)))
    report = ImportReport(rows, preview, importing.batch)
    if importing.batch:
        await desk.write(lambda connection: _end(importing, connection, report))
    return report


def _slices(things: Sequence[T]) -> Iterator[Sequence[T]]:
    """Files, and then the accounts they offered: one bundle may hold thousands."""
    for start in range(0, len(things), CHUNK):
        yield things[start : start + CHUNK]


def _offers(desk: Desk, sources: Sequence[Source], chosen: Choices) -> list[Offered]:
    """Read and validate. Runs on a thread of its own: parsing big files must not hold up the loop."""
    return [offer for source in sources for offer in _offered(desk, source, chosen)]


def _offered(desk: Desk, source: Source, chosen: Choices) -> list[Offered]:
    """The accounts of one file. What can't be taken, or the whole file, is a row that says why."""
    try:
        _require_size(source, desk.settings.upload_limit)
        content = source.content
        if age.is_archive(content):
            content = _opened(source, Opener(chosen.passphrase, chosen.identity))
        rows = formats.offered(source.file_name, content, source.format)
    except DeckError as error:
        return [Offered(source.file_name, refused=error)]
    return [
        Offered(row.file_name, refused=row.error) if isinstance(row, Refused) else _completed(desk, row, chosen)
        for row in rows
    ]


def _require_size(source: Source, limit: int) -> None:
    if len(source.content) > limit:
        raise DeckError("file_too_large", file_name=source.file_name, size=len(source.content), limit=limit)
    if source.pasted and len(source.content.decode("utf-8", "replace")) > formats.MAX_TEXT:
        raise DeckError("text_too_long", file_name=source.file_name, limit=formats.MAX_TEXT)


def _opened(source: Source, opener: Opener) -> bytes:
    """The zip inside an encrypted archive."""
    try:
        content = age.opened(source.content, opener)
    except DeckError as error:
        raise DeckError(error.code, status=error.status, **{"file_name": source.file_name, **error.params}) from None
    if not formats.is_zip(content):
        raise DeckError("zip_invalid", file_name=source.file_name)
    return content


def _completed(desk: Desk, draft: Draft, chosen: Choices) -> Offered:
    try:
        if chosen.location is not None:
            draft = formats.with_location(draft, chosen.location)
        draft = providers.complete(draft, desk.settings.providers)
    except DeckError as error:
        return Offered(draft.file_name, refused=error)
    return Offered(draft.file_name, draft, identity.of(draft))


def _previewed(
    importing: Importing, offered: Sequence[Offered], chosen: Choices, first: int, connection: ReadConnection
) -> list[ImportRow]:
    rows = []
    seen = look_up(importing.desk, connection, _offers_of(offered))
    for number, offer in enumerate(offered, first):
        row, _, _ = _decided(importing, connection, seen, offer, _choice(chosen, number))
        rows.append(row)
        if offer.draft is not None and offer.identity is not None:
            importing.remember(offer.draft, offer.identity)
    return rows


def _stored(
    importing: Importing, offered: Sequence[Offered], chosen: Choices, first: int, connection: WriteConnection
) -> list[ImportRow]:
    """One chunk, whole: its rows, and the batch's cursor behind them.

    Storage is asked for the whole chunk; again for a row that has something in common with one that was added
    meanwhile, and for every row once a known account was changed.
    """
    rows = []
    items: list[dict[str, Any]] = []
    updated: dict[str, None] = {}
    known: Seen | None = look_up(importing.desk, connection, _offers_of(offered))
    added: set[str] = set()
    for number, offer in enumerate(offered, first):
        sought = sought_by(importing.desk, offer.draft, offer.identity) if offer.draft and offer.identity else set()
        is_apart = known is not None and not sought & added
        seen = known if known and is_apart else look_up(importing.desk, connection, _offers_of([offer]))
        row, draft, decision = _decided(importing, connection, seen, offer, _choice(chosen, number))
        key = None
        if draft is not None and decision is not None and offer.identity is not None:
            if decision.outcome is Outcome.NEW:
                named = replace(draft, file_name=decision.stored_as or draft.file_name)
                added |= found_by(importing.desk, named, offer.identity)
            if decision.outcome is Outcome.UPDATED or decision.trash_first is not None:
                known = None
            stored = store(importing, connection, seen, draft, offer.identity, decision, _refresh_by(draft, chosen))
            key = stored.account_key
            row = replace(row, auth_index=stored.auth_index or row.auth_index, notes=(*row.notes, *stored.notes))
            if decision.outcome is Outcome.UPDATED and row.auth_index is not None:
                updated[row.auth_index] = None
        rows.append(row)
        reason = {"code": row.reason[0], "params": dict(row.reason[1])} if row.reason else None
        items.append(
            {
                "row": number,
                "account": key,
                "subject": row.file_name,
                "before": None,
                "after": None,
                "sealed": None,
                "outcome": row.outcome.value,
                "reason": reason,
            }
        )
    if updated:  # what was seen of the former sign-ins ends now, not when the timetable comes by
        settle(importing.desk, connection, [entry.account for entry in entries(connection, list(updated)).values()])
    batches.add_items(connection, str(importing.batch), items, cursor=first + len(rows))
    return rows


def _offers_of(offered: Sequence[Offered]) -> list[tuple[Draft, Identity]]:
    return [(offer.draft, offer.identity) for offer in offered if offer.draft and offer.identity]


def _decided(
    importing: Importing, connection: ReadConnection, seen: Seen, offer: Offered, choice: str
) -> tuple[ImportRow, Draft | None, Decision | None]:
    """The row as it will be reported, and, where there is something to store, the draft and what to do with it."""
    if offer.draft is None or offer.identity is None:
        error = offer.refused or DeckError("internal")
        return ImportRow(None, offer.file_name, Outcome.REJECTED, reason=(error.code, error.params)), None, None
    draft = offer.draft
    if (twin := importing.twin(draft, offer.identity)) is not None:
        first, is_equal = twin
        outcome = Outcome.UNCHANGED if is_equal else Outcome.UPDATED
        reason = ("same_as_row", {"file_name": first})
        return ImportRow(draft.source, draft.file_name, outcome, reason=reason), None, None
    found = find(importing.desk, connection, seen, draft, offer.identity)
    issued = providers.PROVIDERS[draft.provider].tokens(draft.document).issued_at
    decision = import_plan.decide(draft, found, choice, issued_at=issued)
    stored_as = decision.stored_as if decision.stored_as != draft.file_name else None
    notes = (*draft.notes, *decision.notes)
    row = ImportRow(
        draft.source,
        draft.file_name,
        decision.outcome,
        decision.auth_index,
        decision.reason,
        stored_as,
        notes,
        draft.provider,
    )
    return row, draft, decision


def _choice(chosen: Choices, row: int) -> str:
    return chosen.by_row.get(row, chosen.on_conflict)


def _refresh_by(draft: Draft, chosen: Choices) -> RefreshBy:
    """Files of another program's own login are refreshed by that program, unless the caller says otherwise."""
    if chosen.refresh_by is not None:
        return chosen.refresh_by
    is_shared = any(code == OTHER_PROGRAM for code, _ in draft.notes)
    return RefreshBy.OTHER if is_shared else RefreshBy.AUTHDECK


def _begin(importing: Importing, connection: WriteConnection, files: int) -> None:
    batches.begin(
        connection,
        str(importing.batch),
        kind="import",
        actor=importing.actor.name,
        selection={"files": files},
        change={},
        at=importing.desk.now(),
    )


def _end(importing: Importing, connection: WriteConnection, report: ImportReport) -> None:
    batches.end(connection, str(importing.batch), status="completed", at=importing.desk.now())
    counts = {outcome.value: report.count(outcome) for outcome in Outcome}
    record(
        importing.desk,
        connection,
        importing.actor,
        Act.FILES_IMPORTED,
        str(importing.batch),
        after=counts,
        batch=importing.batch,
    )

"""Bringing an earlier revision of an auth file back. Its tokens stay the newest, unless a person insists."""

from dataclasses import replace

from authdeck import formats
from authdeck.access import Actor
from authdeck.account import Kind
from authdeck.acts import Act
from authdeck.import_plan import Note
from authdeck.operations import new_revision, seals
from authdeck.operations.desk import Desk
from authdeck.operations.new_revision import Current, Made
from authdeck.operations.records import record
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.reading import revisions


async def restore_revision(desk: Desk, auth_index: str, number: int, actor: Actor, *, credential: bool = False) -> Made:
    """Every field as it was in revision ``number``, rotating tokens excepted; with ``credential`` those too.

    Done again, or where nothing differs, it is ``unchanged``. Old tokens begin a generation, with the note
    ``old_credential``: a provider may refuse them, and take their use for a theft. Raises
    ``NotFound('revision_not_found')``, ``refresh_under_way`` and what ``new_revision.add`` raises.
    """

    def work(connection: WriteConnection) -> Made:
        known = new_revision.current(desk, connection, auth_index)
        new_revision.require_no_call(connection, auth_index)
        content = _content(desk, connection, known, number, credential=credential)
        if not formats.changed_fields(known.document, formats.parsed(content)):
            return Made("unchanged", known.account.revision, known.account.generation)
        draft = new_revision.draft_of(desk, known.account, content)
        made = new_revision.add(desk, connection, known, draft, actor, why="restored", source=f"revision {number}")
        before = {"revision": known.account.revision, "generation": known.account.generation}
        after = {"revision": made.revision, "from": number, "credential": credential, "generation": made.generation}
        record(desk, connection, actor, Act.REVISION_RESTORED, auth_index, before=before, after=after)
        return replace(made, notes=(*made.notes, *_tokens_note(known, made, credential=credential)))

    return await desk.write(work)


def _content(desk: Desk, connection: ReadConnection, known: Current, number: int, *, credential: bool) -> bytes:
    old = seals.open_file(desk.vault, revisions.one(connection, known.account.auth_index, number))
    if credential or known.account.kind is not Kind.OAUTH:
        return old
    return formats.rewritten(old, formats.with_tokens_of(formats.parsed(old), known.document))


def _tokens_note(known: Current, made: Made, *, credential: bool) -> tuple[Note, ...]:
    """That the tokens were left alone is worth a word where the person may have expected otherwise."""
    if credential or known.account.kind is not Kind.OAUTH or made.generation != known.account.generation:
        return ()
    return (("tokens_kept", {}),)

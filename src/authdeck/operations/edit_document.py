"""Editing an auth file: the whole document is put back, with ``***`` for every secret that stays.

What was shown has the account's settings in it. They are columns, not part of the credential: those that come back as
they were shown leave the revision as it is.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from authdeck import formats
from authdeck.access import Actor
from authdeck.account import AccountSettings
from authdeck.acts import Act
from authdeck.credential import Draft
from authdeck.errors import DeckError
from authdeck.import_plan import Note
from authdeck.operations import documents, new_revision
from authdeck.operations.desk import Desk
from authdeck.operations.new_revision import Current, Made
from authdeck.operations.records import record
from authdeck.storage.database import WriteConnection


async def edit_document(desk: Desk, auth_index: str, content: bytes, actor: Actor, *, revision: int | None) -> Made:
    """Make ``content`` the account's auth file. ``revision`` is the one that was read; ``None`` means whichever.

    Settings in it are reported, not applied. Raises ``DeckError('revision_stale', status=412)``,
    ``hidden_value_unknown``, ``refresh_under_way``, what reading and validating a file raises, and the conflicts of
    ``new_revision.add``.
    """
    given = _parsed(desk, auth_index, content)

    def work(connection: WriteConnection) -> Made:
        known = new_revision.current(desk, connection, auth_index)
        if revision is not None and known.account.revision != revision:
            raise DeckError("revision_stale", status=412, auth_index=auth_index, current=known.account.revision)
        new_revision.require_no_call(connection, auth_index)
        shown = formats.parsed(documents.in_force(desk, connection, known.account, known.content))
        document = _without_settings(formats.unhidden(given, shown), shown, known.document)
        if not formats.changed_fields(known.document, document):
            return Made("unchanged", known.account.revision, known.account.generation)
        draft = new_revision.draft_of(desk, known.account, formats.rewritten(known.content, document))
        made = new_revision.add(desk, connection, known, draft, actor, why="edited", source="edit")
        _record(desk, connection, actor, known, made)
        return replace(made, notes=(*made.notes, *_not_applied(desk, known, draft)))

    return await desk.write(work)


def _parsed(desk: Desk, auth_index: str, content: bytes) -> dict[str, Any]:
    entry = desk.directory.get(auth_index)
    try:
        return formats.parsed(content)
    except DeckError as error:
        name = entry.account.file_name if entry is not None else auth_index
        raise DeckError(error.code, status=422, **{"file_name": name, **error.params}) from None


def _without_settings(given: Mapping[str, Any], shown: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the revision's own word wherever it came back as it was shown."""
    untouched = given.keys() - set(formats.changed_fields(shown, given))
    return {
        name: stored[name] if name in untouched else value
        for name, value in given.items()
        if name in stored or name not in untouched
    }


def _record(desk: Desk, connection: WriteConnection, actor: Actor, known: Current, made: Made) -> None:
    before = {"revision": known.account.revision, "generation": known.account.generation}
    after = {"revision": made.revision, "generation": made.generation, "fields": list(made.changed_fields)}
    record(desk, connection, actor, Act.DOCUMENT_EDITED, known.account.auth_index, before=before, after=after)


def _not_applied(desk: Desk, known: Current, draft: Draft) -> tuple[Note, ...]:
    """Settings that were changed in the document: they are the account's own, and stay."""
    try:
        former = _settings(new_revision.draft_of(desk, known.account, known.content))
    except DeckError:
        former = {}
    offered = _settings(draft)
    names = [name for name, value in offered.items() if former.get(name, _PLAIN[name]) != value]
    return (("settings_not_applied", {"fields": names}),) if names else ()


def _settings(draft: Draft) -> Mapping[str, Any]:
    plain = {name: getattr(draft.settings, name) for name in AccountSettings.__dataclass_fields__}
    proxy = draft.secret_settings.proxy_url
    headers = {name: value.open() for name, value in draft.secret_settings.headers.items()}
    return {**plain, "proxy_url": proxy.open() if proxy else None, "headers": headers, "disabled": draft.disabled}


_PLAIN: Mapping[str, Any] = {
    **{name: getattr(AccountSettings(), name) for name in AccountSettings.__dataclass_fields__},
    "proxy_url": None,
    "headers": {},
    "disabled": False,
}

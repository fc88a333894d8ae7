"""Taking a revision that is another account's out of an account: it becomes an account of its own."""

from dataclasses import dataclass

from authdeck import formats, identity, ids
from authdeck.access import Actor
from authdeck.account import Account
from authdeck.acts import Act
from authdeck.credential import Draft
from authdeck.errors import Conflict
from authdeck.identity import Strength
from authdeck.import_plan import free_name
from authdeck.operations import new_revision, seals
from authdeck.operations.desk import Desk
from authdeck.operations.new_revision import Current
from authdeck.operations.records import changed, record
from authdeck.providers import PROVIDERS
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts, revisions
from authdeck.storage.reading.revisions import StoredRevision
from authdeck.storage.writing import accounts as account_writes
from authdeck.storage.writing import purging
from authdeck.storage.writing import revisions as writing


@dataclass(frozen=True, slots=True)
class Split:
    """``auth_index`` is the new account; ``restored`` the revision that the former one has now, where it changed."""

    auth_index: str
    file_name: str
    restored: int | None = None


async def split(desk: Desk, auth_index: str, number: int, actor: Actor) -> Split:
    """Make revision ``number`` a new account.

    Where it is the sign-in in force, the former account goes back to the newest revision of an earlier one.
    The revision stays in the former account's history; its credentials name the new account from now on. Raises
    ``NotFound('revision_not_found')``, ``Conflict('split_leaves_nothing')`` and ``refresh_under_way``.
    """

    def work(connection: WriteConnection) -> Split:
        known = new_revision.current(desk, connection, auth_index)
        new_revision.require_no_call(connection, auth_index)
        revision = revisions.one(connection, auth_index, number)
        content = seals.open_file(desk.vault, revision)
        restored = None
        if revision.generation == known.account.generation:
            restored = _step_back(desk, connection, known, revision, actor)
        new, name = _add(desk, connection, known.account, revision, content, actor)
        after = {"revision": number, "new": new, "restored": restored}
        record(desk, connection, actor, Act.ACCOUNT_SPLIT, auth_index, after=after)
        for index in (auth_index, new):
            changed(desk, connection, "account", index)
        return Split(new, name, restored)

    return await desk.write(work)


def _step_back(desk: Desk, connection: WriteConnection, known: Current, taken: StoredRevision, actor: Actor) -> int:
    earlier = [
        revision
        for revision in revisions.of_account(connection, known.account.auth_index)
        if revision.generation != taken.generation
    ]
    if not earlier:
        raise Conflict("split_leaves_nothing", auth_index=known.account.auth_index)
    content = seals.open_file(desk.vault, earlier[0])
    number = writing.next_number(connection, known.account.key)
    new = writing.NewRevision(
        account_key=known.account.key,
        number=number,
        parent=known.account.revision,
        generation=writing.next_generation(connection, known.account.key),
        why="restored",
        source=f"revision {earlier[0].number}",
        actor=actor.name,
        at=desk.now(),
        sealed=seals.seal_file(desk.vault, known.account.auth_index, number, content),
        changed_fields=formats.changed_fields(known.document, formats.parsed(content)),
        expires_at=earlier[0].expires_at,
    )
    writing.add(connection, new)
    new_revision.end_credential_holds(desk, connection, known.account.key, actor)
    return number


def _add(
    desk: Desk, connection: WriteConnection, account: Account, revision: StoredRevision, content: bytes, actor: Actor
) -> tuple[str, str]:
    """The new account: the former one's settings are not taken along, its word on who refreshes is."""
    draft = new_revision.draft_of(desk, account, content)
    auth_index = ids.new_auth_index()
    name = free_name(account.file_name, accounts.names_like(connection, account.file_name))
    identity_hash, strength = _identity(desk, connection, draft)
    new = account_writes.NewAccount(
        auth_index=auth_index,
        provider=draft.provider,
        kind=draft.kind,
        file_name=name,
        settings=draft.settings,
        claims=draft.claims,
        identity_hash=identity_hash,
        identity_strength=strength,
        identity_proven=False,
        refresh_by=account.refresh_by,
        headers_sealed=seals.seal_headers(desk.vault, auth_index, draft.secret_settings.headers),
        proxy=seals.seal_proxy(desk.vault, connection, draft.secret_settings.proxy_url, desk.clock),
        at=desk.now(),
    )
    key = account_writes.add(connection, new)
    first = writing.NewRevision(
        account_key=key,
        number=1,
        parent=None,
        generation=1,
        why=revision.why,
        source="split",
        actor=actor.name,
        at=desk.now(),
        sealed=seals.seal_file(desk.vault, auth_index, 1, content),
        expires_at=revision.expires_at,
    )
    writing.add(connection, first)
    secrets = PROVIDERS[draft.provider].secrets(draft.document)
    prints = [(kind, desk.vault.keyed_hash("fingerprint", text)) for kind, text in secrets]
    purging.move_fingerprints(connection, account.key, key, [hash_ for _, hash_ in prints])
    writing.add_fingerprints(connection, key, 1, prints)
    return auth_index, name


def _identity(desk: Desk, connection: WriteConnection, draft: Draft) -> tuple[str | None, str]:
    """Its own, unless an account has that already: then it stands apart, as partial."""
    who = identity.of(draft)
    if who.text is None:
        return None, who.strength.value
    identity_hash = desk.vault.keyed_hash("identity", who.text)
    if accounts.by_identity(connection, [identity_hash]):
        return None, Strength.PARTIAL.value
    return identity_hash, who.strength.value

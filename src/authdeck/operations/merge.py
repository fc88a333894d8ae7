"""Two accounts that are one: merged on a person's word, and apart again.

The one that stays keeps its auth_index, settings and holds. The other's auth_index, names and revisions come along; its
row stays as it was, marked as merged, so that the undoing gives everything back.
"""

from dataclasses import dataclass
from typing import Any

from authdeck import formats, ids
from authdeck.access import Actor
from authdeck.account import Account
from authdeck.acts import Act
from authdeck.errors import Conflict
from authdeck.hold import Hold, Owner
from authdeck.import_plan import Note, free_name
from authdeck.operations import merged_state, new_revision, seals
from authdeck.operations.desk import Desk
from authdeck.operations.reconcile import settle
from authdeck.operations.records import changed, record
from authdeck.providers import PROVIDERS
from authdeck.reconcile import is_ours
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts, kinship, revisions, thinning
from authdeck.storage.reading.holds import open_holds
from authdeck.storage.reading.kinship import Merge
from authdeck.storage.reading.revisions import StoredRevision
from authdeck.storage.writing import accounts as account_writes
from authdeck.storage.writing import batches, holds, purging
from authdeck.storage.writing import revisions as writing


@dataclass(frozen=True, slots=True)
class Merged:
    """``auth_index`` is the account that stays. ``revisions`` are the numbers that the other's have in it."""

    auth_index: str
    batch: str
    revisions: tuple[int, ...] = ()
    notes: tuple[Note, ...] = ()


async def merge(desk: Desk, auth_index: str, into: str, actor: Actor) -> Merged:
    """Make ``auth_index`` a part of ``into``. The newer sign-in of the two serves afterwards.

    Raises ``Conflict``: ``merge_with_itself``, ``merge_differs`` (another provider, or provably another identity),
    and ``refresh_under_way``.
    """
    batch = ids.new_id()

    def work(connection: WriteConnection) -> Merged:
        given, stays = new_revision.live(connection, auth_index), new_revision.live(connection, into)
        _require_mergeable(connection, given, stays)
        before = _state(connection, stays)
        base = writing.next_generation(connection, stays.key) - 1
        numbers = _copy_revisions(desk, connection, given, stays, base)
        newest = _newer(desk, connection, given, stays)
        account_writes.change(connection, given.key, {"merged_into": stays.key}, at=desk.now())
        _take_names(desk, connection, given, stays)
        columns = _identity(connection, given, stays)
        if newest:
            now_current = numbers[given.revision]
            columns |= {"current_revision": now_current, "expires_at": given.expires_at, "unreadable": None}
            columns["generation"] = revisions.one(connection, into, now_current).generation
        account_writes.change(connection, stays.key, columns, at=desk.now())
        after = {**_state(connection, accounts.by_index(connection, into)), "revisions": sorted(numbers.values())}
        if newest:
            _end_refusals(desk, connection, stays, actor)
        after["holds"] = _take_holds(connection, given, stays, is_newer=newest)
        after["generations"] = [base + 1, writing.next_generation(connection, stays.key) - 1]
        merged_state.take(desk, connection, given, stays, base, actor)
        settle(desk, connection, [accounts.by_index(connection, into)])
        _remember(desk, connection, batch, given, stays, before, after, actor)
        return Merged(into, batch, tuple(sorted(numbers.values())), _notes(given, stays))

    return await desk.write(work)


async def unmerge(desk: Desk, auth_index: str, merged: str, actor: Actor) -> Merged:
    """Make the account ``merged`` one of its own again, as it was; ``auth_index`` loses what it brought.

    Raises ``NotFound('not_merged')``, and ``Conflict('merge_built_upon')`` where newer tokens came from it since.
    """
    batch = ids.new_id()

    def work(connection: WriteConnection) -> Merged:
        done = kinship.merge_of(connection, merged)
        stays = new_revision.live(connection, auth_index)
        if done.into_key != stays.key:
            raise Conflict("merged_elsewhere", auth_index=merged, into=kinship.index_of(connection, done.into_key))
        new_revision.require_no_call(connection, auth_index)
        columns = _stepping_back(connection, stays, done)
        columns |= _own_labels(_state(connection, stays), done)
        numbers = list(done.after["revisions"])
        account_writes.change(connection, stays.key, columns, at=desk.now())
        purging.drop_merged(connection, stays.key, numbers, _source(merged))
        _remember_credentials(desk, connection, stays, min(numbers))
        _let_go(desk, connection, stays, done.after["holds"], actor)
        merged_state.give_back(connection, done.account_key, stays.key, done.after["generations"])
        _free(desk, connection, done.account_key, merged)
        settle(desk, connection, [accounts.by_index(connection, index) for index in (auth_index, merged)])
        for index in (auth_index, merged):
            changed(desk, connection, "account", index)
        record(desk, connection, actor, Act.ACCOUNTS_UNMERGED, auth_index, after={"merged": merged}, batch=batch)
        return Merged(auth_index, batch)

    return await desk.write(work)


def _require_mergeable(connection: WriteConnection, given: Account, stays: Account) -> None:
    if given.key == stays.key:
        raise Conflict("merge_with_itself", auth_index=given.auth_index)
    for account in (given, stays):
        new_revision.require_no_call(connection, account.auth_index)
    hashes = {named.identity_hash for named in accounts.by_keys(connection, [given.key, stays.key]).values()} - {None}
    if (given.provider, given.kind) != (stays.provider, stays.kind) or len(hashes) > 1:
        raise Conflict(
            "merge_differs",
            one=new_revision.identity_shown(given.provider.value, given.organization, given.subject),
            other=new_revision.identity_shown(stays.provider.value, stays.organization, stays.subject),
        )


def _state(connection: WriteConnection, account: Account) -> dict[str, Any]:
    """What a merge may change of the account that stays."""
    return {
        "current_revision": account.revision,
        "generation": account.generation,
        "identity_hash": accounts.by_keys(connection, [account.key])[account.key].identity_hash,
        "identity_strength": account.identity_strength,
        "organization": account.organization,
        "subject": account.subject,
        "email": account.email,
        "plan": account.plan,
    }


def _copy_revisions(
    desk: Desk, connection: WriteConnection, given: Account, stays: Account, base: int
) -> dict[int, int]:
    """Every revision of the one, sealed anew as one of the other; the numbers they have now, by those they had.

    Their generations are ``base`` higher.
    """
    numbers: dict[int, int] = {}
    number = writing.next_number(connection, stays.key)
    for revision in reversed(revisions.of_account(connection, given.auth_index)):
        content = seals.open_file(desk.vault, revision)
        parent = numbers.get(revision.parent) if revision.parent is not None else None
        copy = _copied(desk, stays, number, revision, content, parent=parent, generation=base + revision.generation)
        writing.add_beside(connection, copy)
        secrets = PROVIDERS[stays.provider].secrets(formats.opened(content))
        prints = [(kind, desk.vault.keyed_hash("fingerprint", text)) for kind, text in secrets]
        writing.add_fingerprints(connection, stays.key, number, prints)
        numbers[revision.number] = number
        number += 1
    return numbers


def _copied(
    desk: Desk, stays: Account, number: int, revision: StoredRevision, content: bytes, *,
    parent: int | None, generation: int,
) -> writing.NewRevision:  # fmt: skip
    return writing.NewRevision(
        account_key=stays.key,
        number=number,
        parent=parent,
        generation=generation,
        why=revision.why,
        source=revision.source,
        actor=revision.actor,
        at=revision.at,
        sealed=seals.seal_file(desk.vault, stays.auth_index, number, content),
        changed_fields=revision.changed_fields,
        expires_at=revision.expires_at,
    )


def _newer(desk: Desk, connection: WriteConnection, given: Account, stays: Account) -> bool:
    """Whether the one that goes has the newer sign-in: by the file's dates, else by when each came to us."""
    ages = []
    for account in (given, stays):
        revision = revisions.current(connection, account.auth_index)
        document = formats.opened(seals.open_file(desk.vault, revision))
        module = PROVIDERS[account.provider]
        made = module.claims(document).last_refresh or module.tokens(document).issued_at
        ages.append((made, revision.at))
    (one, came), (other, stayed) = ages
    return one > other if one is not None and other is not None else came > stayed


def _take_names(desk: Desk, connection: WriteConnection, given: Account, stays: Account) -> None:
    source = _source(given.auth_index)
    account_writes.add_alias(connection, stays.key, "auth_index", given.auth_index, source=source, since=desk.now())
    account_writes.add_alias(connection, stays.key, "file_name", given.file_name, source=source, since=desk.now())
    for alias in accounts.aliases_of(connection, given.key):
        account_writes.add_alias(connection, stays.key, alias.kind, alias.value, source=source, since=alias.since)


def _identity(connection: WriteConnection, given: Account, stays: Account) -> dict[str, Any]:
    """What the one knows of itself that the other does not."""
    theirs = accounts.by_keys(connection, [stays.key])[stays.key]
    ours = _state_of_merged(connection, given)
    columns = {
        name: ours[name]
        for name in ("organization", "subject", "email", "plan")
        if ours[name] and not getattr(stays, name)
    }
    if theirs.identity_hash is None and ours["identity_hash"] is not None:
        columns |= {"identity_hash": ours["identity_hash"], "identity_strength": ours["identity_strength"]}
        columns |= {"organization": ours["organization"], "subject": ours["subject"]}
    return columns


def _state_of_merged(connection: WriteConnection, given: Account) -> dict[str, Any]:
    return {
        "organization": given.organization,
        "subject": given.subject,
        "email": given.email,
        "plan": given.plan,
        "identity_hash": kinship.identity_hash(connection, given.key),
        "identity_strength": given.identity_strength,
    }


def _take_holds(connection: WriteConnection, given: Account, stays: Account, *, is_newer: bool) -> list[dict[str, Any]]:
    """Holds of the one that goes that hold the other from now on, so that the undoing can let go of them.

    What an operator switched off stays off, whole or for a model. Where its sign-in is the one that serves, what keeps
    that sign-in away does so here too; what evidence says of it comes with the evidence.
    """
    theirs = open_holds(connection, [given.key]).get(given.key, ())
    kept = [hold for hold in theirs if hold.owner is Owner.OPERATOR or (is_newer and _is_of_sign_in(hold))]
    return [
        {"owner": hold.owner.value, "code": hold.code, "scope": hold.scope}
        for hold in kept
        if holds.place(connection, stays.key, hold)
    ]


def _is_of_sign_in(hold: Hold) -> bool:
    return hold.owner is Owner.CREDENTIAL and hold.code != "merge_proposed" and not is_ours(hold)


def _end_refusals(desk: Desk, connection: WriteConnection, stays: Account, actor: Actor) -> None:
    """What was seen of the former sign-in keeps the newer one from nothing; its evidence can bring it back."""
    for hold in open_holds(connection, [stays.key]).get(stays.key, ()):
        if _is_of_sign_in(hold) and hold.evidence is not None:
            holds.release_one(connection, hold.key, by=actor.name, at=desk.now())


def _let_go(desk: Desk, connection: WriteConnection, stays: Account, taken: list[dict[str, Any]], actor: Actor) -> None:
    """The holds that came with the merge, and no others."""
    for hold in open_holds(connection, [stays.key]).get(stays.key, ()):
        if {"owner": hold.owner.value, "code": hold.code, "scope": hold.scope} in taken:
            holds.release_one(connection, hold.key, by=actor.name, at=desk.now())


def _remember(
    desk: Desk, connection: WriteConnection, batch: str, given: Account, stays: Account,
    before: dict[str, Any], after: dict[str, Any], actor: Actor,
) -> None:  # fmt: skip
    """The batch from which it is undone, the audit, and word to whoever keeps accounts in memory."""
    now, selection = desk.now(), {"merged": given.auth_index, "into": stays.auth_index}
    batches.begin(connection, batch, kind="merge", actor=actor.name, selection=selection, change={}, at=now)
    item = {
        "row": 0, "account": given.key, "subject": given.file_name, "before": before, "after": after,
        "sealed": None, "outcome": "merged", "reason": None,
    }  # fmt: skip
    batches.add_items(connection, batch, [item], cursor=1)
    batches.end(connection, batch, status="completed", at=now)
    shown = {"merged": given.auth_index, "revisions": after["revisions"], "current": after["current_revision"]}
    record(desk, connection, actor, Act.ACCOUNTS_MERGED, stays.auth_index, after=shown, batch=batch)
    for index in (given.auth_index, stays.auth_index):
        changed(desk, connection, "account", index)


def _notes(given: Account, stays: Account) -> tuple[Note, ...]:
    names = [
        name
        for name in given.settings.__dataclass_fields__
        if getattr(given.settings, name) != getattr(stays.settings, name)
    ]
    return (("merge_settings_kept", {"fields": names}),) if names else ()


def _stepping_back(connection: WriteConnection, stays: Account, done: Merge) -> dict[str, Any]:
    """The columns that make the former revision current again, where the merge brought another."""
    brought = set(done.after["revisions"])
    _, links = thinning.links(connection, stays.key)
    if stays.revision in brought and stays.revision == done.after["current_revision"]:
        former = revisions.one(connection, stays.auth_index, done.before["current_revision"])
        return {
            "current_revision": former.number, "generation": former.generation, "expires_at": former.expires_at
        }  # fmt: skip
    at = links.get(stays.revision)
    while at is not None and at.number not in brought:
        at = links.get(at.parent) if at.parent is not None else None
    if at is not None:
        raise Conflict("merge_built_upon", auth_index=stays.auth_index, revision=stays.revision)
    return {}


def _own_labels(now: dict[str, Any], done: Merge) -> dict[str, Any]:
    """Field by field: what is still as the merge left it becomes what it was before."""
    names = ("identity_hash", "identity_strength", "organization", "subject", "email", "plan")
    return {name: done.before[name] for name in names if now[name] == done.after[name]}


def _remember_credentials(desk: Desk, connection: WriteConnection, stays: Account, since: int) -> None:
    """What was taken back took along prints of credentials that later revisions have too."""
    for revision in revisions.of_account(connection, stays.auth_index):
        if revision.number > since:
            document = formats.opened(seals.open_file(desk.vault, revision))
            secrets = PROVIDERS[stays.provider].secrets(document)
            prints = [(kind, desk.vault.keyed_hash("fingerprint", text)) for kind, text in secrets]
            writing.add_fingerprints(connection, stays.key, revision.number, prints)


def _free(desk: Desk, connection: WriteConnection, account_key: int, auth_index: str) -> None:
    """Live again, under a free name."""
    account_writes.change(connection, account_key, {"merged_into": None, "trashed_at": desk.now()}, at=desk.now())
    account = accounts.by_index(connection, auth_index)
    name = account.file_name
    if accounts.by_file_name(connection, [name.casefold()]):
        name = free_name(name, accounts.names_like(connection, name))
    columns = {"trashed_at": None, "file_name": name, "file_name_folded": name.casefold()}
    account_writes.change(connection, account_key, columns, at=desk.now())


def _source(auth_index: str) -> str:
    return f"merged:{auth_index}"

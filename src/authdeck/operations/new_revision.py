"""A further revision of a known account, made by a person: whose it is, which generation, and what follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from authdeck import formats, identity, providers
from authdeck.access import Actor
from authdeck.account import Account
from authdeck.credential import Draft
from authdeck.errors import Conflict, DeckError, NotFound
from authdeck.hold import Owner
from authdeck.identity import Identity, Strength
from authdeck.import_plan import Note
from authdeck.operations import seals, upstreams
from authdeck.operations.desk import Desk
from authdeck.operations.reconcile import settle
from authdeck.operations.records import changed
from authdeck.providers import PROVIDERS
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.reading import accounts, revisions
from authdeck.storage.writing import accounts as account_writes
from authdeck.storage.writing import holds, refreshing
from authdeck.storage.writing import revisions as writing


@dataclass(frozen=True, slots=True)
class Made:
    """What became of it. ``outcome`` is ``updated`` or ``unchanged``; ``revision`` is the current one afterwards."""

    outcome: str
    revision: int
    generation: int
    changed_fields: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Current:
    """An account and its auth file in force, opened. ``document`` is its JSON in the file's own spelling."""

    account: Account
    content: bytes = field(repr=False)
    document: Mapping[str, Any] = field(repr=False)


def live(connection: ReadConnection, auth_index: str) -> Account:
    """Raises ``NotFound('account_not_found')``, and ``account_in_trash`` for one that lies there."""
    account = accounts.by_index(connection, auth_index)
    if account.trashed_at is not None:
        raise NotFound("account_in_trash", name=auth_index)
    return account


def current(desk: Desk, connection: ReadConnection, auth_index: str) -> Current:
    """Raises like ``live``, and ``sealed_…`` where the auth file can't be opened."""
    account = live(connection, auth_index)
    content = seals.open_file(desk.vault, revisions.current(connection, auth_index))
    return Current(account, content, formats.parsed(content))


def require_no_call(connection: ReadConnection, auth_index: str) -> None:
    """Not while its refresh token is out: the answer could no longer become current, and its token would be lost.

    Raises ``DeckError('refresh_under_way', status=503)``.
    """
    if refreshing.is_leased(connection, f"refresh:{auth_index}"):
        raise DeckError("refresh_under_way", status=503, retry_after=5)


def draft_of(desk: Desk, account: Account, content: bytes) -> Draft:
    """The account that these bytes hold, read and validated as an import would. Raises what that raises."""
    drafts = formats.read(account.file_name, content)
    if len(drafts) != 1:
        raise DeckError("not_an_object", status=422, file_name=account.file_name, found="list")
    draft = providers.complete(drafts[0], desk.settings.providers)
    return replace(draft, content=content)


def add(
    desk: Desk,
    connection: WriteConnection,
    known: Current,
    draft: Draft,
    actor: Actor,
    *,
    why: str,
    source: str,
) -> Made:
    """Store the draft as the account's current revision. Other tokens than the current ones begin a generation.

    Raises ``Conflict``: ``identity_differs``, ``identity_of_another``, ``token_of_two_identities``.
    """
    account, vault = known.account, desk.vault
    who = identity.of(draft)
    _require_same(desk, connection, account, draft, who)
    module = PROVIDERS[draft.provider]
    former = formats.canonical(known.document)
    is_new_sign_in = _rotating(module.tokens(former)) != _rotating(module.tokens(draft.document))
    prints = [(kind, vault.keyed_hash("fingerprint", text)) for kind, text in module.secrets(draft.document)]
    notes = _seen_before(connection, account, prints) if is_new_sign_in else ()
    number = writing.next_number(connection, account.key)
    fields = formats.changed_fields(known.document, formats.parsed(draft.content))
    generation = writing.next_generation(connection, account.key) if is_new_sign_in else account.generation
    new = writing.NewRevision(
        account_key=account.key,
        number=number,
        parent=account.revision,
        generation=generation,
        why=why,
        source=source,
        actor=actor.name,
        at=desk.now(),
        sealed=seals.seal_file(vault, account.auth_index, number, draft.content),
        changed_fields=fields,
        expires_at=module.tokens(draft.document).expires_at,
    )
    writing.add(connection, new)
    writing.add_fingerprints(connection, account.key, number, prints)
    account_writes.change(connection, account.key, label_columns(desk, account, draft, who), at=desk.now())
    if is_new_sign_in:
        end_credential_holds(desk, connection, account.key, actor)
        settle(desk, connection, [accounts.by_index(connection, account.auth_index)])
    changed(desk, connection, "account", account.auth_index)
    return Made("updated", number, generation, tuple(fields), notes)


def learn(desk: Desk, connection: WriteConnection, auth_index: str, document: Mapping[str, Any]) -> None:
    """New tokens may say more of whose they are.

    An identity that was not full becomes so, unless an account has it already: then the two are shown as near, with a
    merge proposed.
    """
    account = accounts.by_index(connection, auth_index)
    if account.identity_strength == Strength.FULL.value:
        return
    claims = providers.claims_of(account.provider, document)
    who = identity.of_claims(account.provider, claims)
    said = {"organization": claims.organization, "subject": claims.subject, "email": claims.email, "plan": claims.plan}
    columns: dict[str, Any] = {name: value for name, value in said.items() if value}
    if who.text is not None:
        identity_hash = desk.vault.keyed_hash("identity", who.text)
        if not accounts.by_identity(connection, [identity_hash]):
            columns |= {"identity_hash": identity_hash, "identity_strength": who.strength.value}
    if columns:
        account_writes.change(connection, account.key, columns, at=desk.now())


def end_credential_holds(desk: Desk, connection: WriteConnection, account_key: int, actor: Actor) -> None:
    """Other tokens: what was wrong with the former ones says nothing about these."""
    for code in holds.open_codes(connection, account_key, Owner.CREDENTIAL):
        if code != upstreams.NOT_APPROVED:
            holds.release(connection, account_key, Owner.CREDENTIAL, by=actor.name, at=desk.now(), code=code)


def label_columns(desk: Desk, account: Account, draft: Draft, who: Identity) -> dict[str, Any]:
    """What the draft says of its account, as columns; an identity that was not full becomes so."""
    given = account_writes.labels(draft.claims)
    columns = {name: value for name, value in given.items() if value or name == "expires_at"}
    if account.identity_strength != Strength.FULL.value and who.text is not None:
        columns |= {
            "identity_hash": desk.vault.keyed_hash("identity", who.text),
            "identity_strength": who.strength.value,
        }
    return columns


def identity_shown(provider: str, organization: str | None, subject: str | None) -> str:
    """Whose it is, in one line: no secret."""
    return "/".join((provider, organization or "?", subject or "?"))


def _require_same(desk: Desk, connection: ReadConnection, account: Account, draft: Draft, who: Identity) -> None:
    offered = desk.vault.keyed_hash("identity", who.text) if who.text is not None else None
    stored = accounts.by_keys(connection, [account.key])[account.key].identity_hash
    halves = ((account.organization, who.organization), (account.subject, who.subject))
    differs = any(known and given and known != given for known, given in halves)
    if stored is not None and offered is not None:
        differs = stored != offered
    if differs or draft.provider is not account.provider or draft.kind is not account.kind:
        raise Conflict(
            "identity_differs",
            account=identity_shown(account.provider.value, account.organization, account.subject),
            document=identity_shown(draft.provider.value, who.organization, who.subject),
        )
    if offered is not None and stored is None:
        _require_nobodys(connection, account, offered)


def _require_nobodys(connection: ReadConnection, account: Account, identity_hash: str) -> None:
    other = accounts.by_identity(connection, [identity_hash]).get(identity_hash)
    if other is not None and other.account.key != account.key:
        raise Conflict("identity_of_another", auth_index=other.account.auth_index)


def _seen_before(connection: ReadConnection, account: Account, prints: list[tuple[str, str]]) -> tuple[Note, ...]:
    """The strongest secret's history: of another account it is refused, of an earlier revision it is said."""
    known = revisions.known_fingerprints(connection, [prints[0][1]]).get(prints[0][1], []) if prints else []
    others = accounts.by_keys(connection, [seen.account for seen in known if seen.account != account.key])
    if others:
        indexes = [named.account.auth_index for named in others.values()]
        raise Conflict("token_of_two_identities", auth_indexes=indexes)
    return tuple(("old_credential", {"revision": seen.revision}) for seen in known if seen.account == account.key)[:1]


def _rotating(tokens: Any) -> tuple[str | None, ...]:
    """What makes two sign-ins two: the refresh token, and the bearer where there is none."""
    refresh = tokens.refresh_token.open() if tokens.refresh_token else None
    bearer = tokens.bearer.open() if tokens.bearer and refresh is None else None
    return (refresh, bearer)

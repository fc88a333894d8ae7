"""One row of an import inside its transaction: doing what was decided."""

from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from authdeck import formats, ids
from authdeck.access import Actor, Role
from authdeck.account import Account, RefreshBy
from authdeck.acts import Act
from authdeck.credential import Draft
from authdeck.hold import Hold, Owner
from authdeck.identity import Identity, Strength
from authdeck.import_plan import Decision, Note, Outcome
from authdeck.operations import seals, upstreams
from authdeck.operations.desk import Desk
from authdeck.operations.import_finding import Seen, fingerprints, identity_hash, secrets_of
from authdeck.operations.records import changed, record
from authdeck.providers import PROVIDERS
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts
from authdeck.storage.writing import accounts as account_writes
from authdeck.storage.writing import holds
from authdeck.storage.writing import revisions as revision_writes
from authdeck.upstream.origins import origin_of


@dataclass(slots=True)
class Importing:
    """One import under way. ``batch`` is ``None`` for a preview, which remembers here what earlier rows offered.

    ``why`` is the revisions' reason; ``proven``: the provider itself has just said whose the tokens are.
    """

    desk: Desk
    actor: Actor
    batch: str | None
    cliproxy_auth_dir: str | None
    apply_settings: bool
    why: str = "imported"
    proven: bool = False
    _offered: dict[str, tuple[str, frozenset[tuple[str, str]]]] = field(default_factory=dict, repr=False)

    def remember(self, draft: Draft, who: Identity) -> None:
        if who.text is not None:
            self._offered.setdefault(who.text, (draft.file_name, secrets_of(draft)))

    def twin(self, draft: Draft, who: Identity) -> tuple[str, bool] | None:
        """The earlier row of a preview that is the same account: its file name, and whether its secrets are too."""
        earlier = self._offered.get(who.text) if who.text is not None else None
        return (earlier[0], earlier[1] == secrets_of(draft)) if earlier else None


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a row ended. ``notes`` are what only storing could tell."""

    account_key: int | None
    auth_index: str | None
    notes: tuple[Note, ...] = ()


def store(
    importing: Importing,
    connection: WriteConnection,
    seen: Seen,
    draft: Draft,
    who: Identity,
    decision: Decision,
    refresh_by: RefreshBy,
) -> Stored:
    """Do what was decided, by what was seen. Nothing is stored for conflicts."""
    if decision.trash_first is not None:
        _trash(importing, connection, decision.trash_first)
    if decision.outcome is Outcome.NEW:
        return _add(importing, connection, draft, who, decision, refresh_by)
    if decision.outcome not in {Outcome.UPDATED, Outcome.UNCHANGED} or decision.auth_index is None:
        return Stored(None, decision.auth_index)
    is_update = decision.outcome is Outcome.UPDATED
    account = accounts.by_index(connection, decision.auth_index) if is_update else seen.account(decision.auth_index)
    _name(importing, connection, account.key, draft, known_as=account.file_name)
    notes: tuple[Note, ...] = ()
    if is_update:
        notes = _update(importing, connection, account, draft, who, restore=decision.restore)
        for waiting in decision.waiting:
            _let_wait(importing, connection, waiting, account.auth_index)
    return Stored(account.key, account.auth_index, notes)


# ---- storing ----


def _add(
    importing: Importing,
    connection: WriteConnection,
    draft: Draft,
    who: Identity,
    decision: Decision,
    refresh_by: RefreshBy,
) -> Stored:
    desk = importing.desk
    auth_index = ids.new_auth_index()
    apart = decision.apart
    new = account_writes.NewAccount(
        auth_index=auth_index,
        provider=draft.provider,
        kind=draft.kind,
        file_name=decision.stored_as or draft.file_name,
        settings=draft.settings,
        claims=draft.claims,
        identity_hash=None if apart else identity_hash(desk, who),
        identity_strength=Strength.PARTIAL.value if apart else who.strength.value,
        identity_proven=importing.proven,
        refresh_by=refresh_by,
        headers_sealed=seals.seal_headers(desk.vault, auth_index, draft.secret_settings.headers),
        proxy=seals.seal_proxy(desk.vault, connection, draft.secret_settings.proxy_url, desk.clock),
        at=desk.now(),
    )
    key = account_writes.add(connection, new)
    _add_revision(importing, connection, key, auth_index, draft, parent=None, generation=1)
    _name(importing, connection, key, draft, known_as=new.file_name)
    if draft.disabled:
        hold = Hold(Owner.OPERATOR, "imported", desk.now(), actor=importing.actor.name)
        holds.place(connection, key, hold)
    notes = _approve_upstream(importing, connection, key, draft)
    changed(desk, connection, "account", auth_index)
    return Stored(key, auth_index, notes)


def _update(
    importing: Importing, connection: WriteConnection, account: Account, draft: Draft, who: Identity, *, restore: bool
) -> tuple[Note, ...]:
    """New tokens for a known account: a generation more. Settings and the operator's holds stay as they are."""
    desk = importing.desk
    if restore:
        _restore(importing, connection, account)
    _add_revision(
        importing,
        connection,
        account.key,
        account.auth_index,
        draft,
        parent=account.revision,
        generation=revision_writes.next_generation(connection, account.key),
    )
    labels = account_writes.labels(draft.claims)
    columns = {name: value for name, value in labels.items() if value or name == "expires_at"}
    known_as = identity_hash(desk, who)
    if known_as is not None and (importing.proven or account.identity_strength != Strength.FULL.value):
        columns |= {"identity_hash": known_as, "identity_strength": who.strength.value}
    if importing.proven:
        columns |= {"identity_proven": True, "refresh_by": RefreshBy.AUTHDECK.value}  # the tokens are ours alone
    if importing.apply_settings:
        columns |= account_writes.setting_columns(draft.settings)
    account_writes.change(connection, account.key, columns, at=desk.now())
    for code in holds.open_codes(connection, account.key, Owner.CREDENTIAL):
        if code != upstreams.NOT_APPROVED:
            holds.release(connection, account.key, Owner.CREDENTIAL, by=importing.actor.name, at=desk.now(), code=code)
    notes = _approve_upstream(importing, connection, account.key, draft)
    changed(desk, connection, "account", account.auth_index)
    return notes


def _let_wait(importing: Importing, connection: WriteConnection, auth_index: str, other: str) -> None:
    """The account has the very sign-in of another, which has the identity: a person merges them, or says otherwise."""
    desk, account = importing.desk, accounts.by_index(connection, auth_index)
    hold = Hold(
        Owner.CREDENTIAL, "merge_proposed", desk.now(), actor=importing.actor.name, detail={"auth_indexes": [other]}
    )
    holds.place(connection, account.key, hold)
    changed(desk, connection, "account", auth_index)


def _add_revision(
    importing: Importing,
    connection: WriteConnection,
    key: int,
    auth_index: str,
    draft: Draft,
    *,
    parent: int | None,
    generation: int,
) -> None:
    desk = importing.desk
    number = 1 if parent is None else revision_writes.next_number(connection, key)
    tokens = PROVIDERS[draft.provider].tokens(draft.document)
    revision = revision_writes.NewRevision(
        account_key=key,
        number=number,
        parent=parent,
        generation=generation,
        why=importing.why,
        source=draft.source,
        actor=importing.actor.name,
        at=desk.now(),
        sealed=seals.seal_file(desk.vault, auth_index, number, draft.content),
        expires_at=tokens.expires_at,
    )
    revision_writes.add(connection, revision)
    revision_writes.add_fingerprints(connection, key, number, fingerprints(desk, draft), is_new_account=parent is None)


def _name(importing: Importing, connection: WriteConnection, key: int, draft: Draft, *, known_as: str) -> None:
    """Keep what else the account is called: the offered file name where it has another, and its CLIProxyAPI index."""
    now = importing.desk.now()
    if draft.file_name.casefold() != known_as.casefold():
        account_writes.add_alias(connection, key, "file_name", draft.file_name, source="import", since=now)
    index = None
    if importing.cliproxy_auth_dir is not None:
        index = formats.cliproxy_index(importing.cliproxy_auth_dir, draft.file_name, draft.document.get("type", ""))
    if index is not None:
        account_writes.add_alias(
            connection, key, "cliproxyapi_index", index, source=importing.cliproxy_auth_dir or "", since=now
        )


def _approve_upstream(importing: Importing, connection: WriteConnection, key: int, draft: Draft) -> tuple[Note, ...]:
    """An account with its own base URL serves where that origin is approved. An admin who imports it approves it."""
    base_url = draft.claims.base_url
    origin = origin_of(base_url) if base_url else None
    if origin is None or upstreams.is_approved(importing.desk, connection, str(origin)):
        return ()
    if importing.actor.role >= Role.ADMIN:
        private = _names_private_address(str(origin))
        upstreams.approve_within(importing.desk, connection, str(origin), importing.actor, private=private)
        return (("upstream_approved", {"origin": str(origin)}),)
    upstreams.wait_for_approval(importing.desk, connection, key, str(origin), importing.actor)
    return ((upstreams.NOT_APPROVED, {"origin": str(origin)}),)


def _names_private_address(origin: str) -> bool:
    """Whether the origin itself says that it is private: then approving it is explicit. A name must not turn out so."""
    host = urlsplit(origin).hostname or ""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return host == "localhost"


def _trash(importing: Importing, connection: WriteConnection, auth_index: str) -> None:
    desk, account = importing.desk, accounts.by_index(connection, auth_index)
    account_writes.move_to_trash(
        connection, account.key, version=account.version, by=importing.actor.name, at=desk.now()
    )
    record(desk, connection, importing.actor, Act.ACCOUNT_TRASHED, auth_index, batch=importing.batch)
    changed(desk, connection, "account", auth_index)


def _restore(importing: Importing, connection: WriteConnection, account: Account) -> None:
    desk = importing.desk
    account_writes.take_from_trash(
        connection, account.key, file_name=account.file_name, version=account.version, at=desk.now()
    )
    record(desk, connection, importing.actor, Act.ACCOUNT_RESTORED, account.auth_index, batch=importing.batch)

"""What storage knows of the accounts that an import offers: of many rows asked together, for each row told apart."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from authdeck import formats
from authdeck.account import Account, Kind
from authdeck.credential import Draft
from authdeck.errors import DeckError
from authdeck.identity import Identity
from authdeck.import_plan import Found, Match
from authdeck.operations import seals
from authdeck.operations.desk import Desk
from authdeck.providers import PROVIDERS
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading import accounts, revisions
from authdeck.storage.reading.accounts import Named
from authdeck.storage.reading.revisions import Fingerprint, StoredRevision


@dataclass(frozen=True, slots=True)
class Seen:
    """What storage knows of some rows. It holds until something is stored."""

    by_identity: Mapping[str, Named]
    by_key: Mapping[int, Named]
    by_name: Mapping[str, Named]
    by_email: Mapping[str, Sequence[Named]]
    fingerprints: Mapping[str, Sequence[Fingerprint]]
    current: Mapping[int, StoredRevision]

    def account(self, auth_index: str) -> Account:
        """One of the accounts that a row matched."""
        return next(named.account for named in self.by_key.values() if named.account.auth_index == auth_index)


def look_up(desk: Desk, connection: ReadConnection, offered: Iterable[tuple[Draft, Identity]]) -> Seen:
    """Ask for all of them together: six questions, however many rows.

    Of its secrets only the strongest tells whose sign-in a draft is. Asking for the weaker ones too opened the auth
    files of every account that shares one, once for each row: 90,000 for 300 files with one access token.
    """
    rows = list(offered)
    hashes = [found for _, who in rows if (found := identity_hash(desk, who)) is not None]
    prints = [value for draft, _ in rows for _, value in fingerprints(desk, draft)[:1]]
    by_identity = accounts.by_identity(connection, hashes)
    known = revisions.known_fingerprints(connection, prints)
    by_key = {named.account.key: named for named in by_identity.values()}
    holders = {seen.account for together in known.values() for seen in together} - by_key.keys()
    by_key |= accounts.by_keys(connection, holders) if holders else {}
    emails = {draft.claims.email for draft, _ in rows if draft.claims.email and draft.kind is not Kind.API_KEY}
    return Seen(
        by_identity,
        by_key,
        accounts.by_file_name(connection, {draft.file_name.casefold() for draft, _ in rows}),
        accounts.by_email(connection, emails) if emails else {},
        known,
        revisions.current_of(connection, by_key) if by_key else {},
    )


def find(desk: Desk, connection: ReadConnection, seen: Seen, draft: Draft, who: Identity) -> Found:
    """What of it concerns this row."""
    offered_hash, prints = identity_hash(desk, who), fingerprints(desk, draft)
    holders = {each.account for _, value in prints[:1] for each in seen.fingerprints.get(value, ())}
    if offered_hash is not None and offered_hash in seen.by_identity:
        holders.add(seen.by_identity[offered_hash].account.key)
    candidates = [seen.by_key[key] for key in sorted(holders) if key in seen.by_key]
    matches = [_match(desk, seen, draft, named, offered_hash, prints) for named in candidates]
    known = [match for match in matches if match.same_identity or match.shares_token]
    owner = seen.by_name.get(draft.file_name.casefold())
    # Only a row that may become a new account needs to know which names are taken.
    may_be_new = not known or any(match.trashed for match in known)
    return Found(
        matches=matches,
        near=_near(seen, draft, {match.auth_index for match in known}),
        name_owner=owner.account.auth_index if owner else None,
        taken_names=accounts.names_like(connection, draft.file_name) if owner and may_be_new else frozenset(),
    )


def sought_by(desk: Desk, draft: Draft, who: Identity) -> set[str]:
    """All by which a draft is looked for: what a row added meanwhile does not concern it without a common mark."""
    found = {value for _, value in fingerprints(desk, draft)[:1]}
    found.add(f"name:{draft.file_name.casefold()}")
    if draft.claims.email:
        found.add(f"email:{draft.claims.email}")
    known_as = identity_hash(desk, who)
    return found | {known_as} if known_as is not None else found


def found_by(desk: Desk, draft: Draft, who: Identity) -> set[str]:
    """All by which the account can be found that a draft became: any of its secrets may be another's strongest."""
    return sought_by(desk, draft, who) | {value for _, value in fingerprints(desk, draft)}


def identity_hash(desk: Desk, who: Identity) -> str | None:
    return desk.vault.keyed_hash("identity", who.text) if who.text is not None else None


def fingerprints(desk: Desk, draft: Draft) -> list[tuple[str, str]]:
    """(kind, keyed hash) of each secret, strongest first."""
    secrets = PROVIDERS[draft.provider].secrets(draft.document)
    return [(kind, desk.vault.keyed_hash("fingerprint", text)) for kind, text in secrets]


def secrets_of(draft: Draft) -> frozenset[tuple[str, str]]:
    return frozenset(PROVIDERS[draft.provider].secrets(draft.document))


def _match(
    desk: Desk, seen: Seen, draft: Draft, named: Named, offered_hash: str | None, prints: Sequence[tuple[str, str]]
) -> Match:
    account = named.account
    current = _current_document(desk, seen.current.get(account.key))
    held = frozenset(PROVIDERS[account.provider].secrets(current)) if current is not None else frozenset()
    offered = secrets_of(draft)
    strongest = _strongest(prints, seen.fingerprints, account.key)
    in_current = bool(offered) and next(iter(PROVIDERS[draft.provider].secrets(draft.document)), None) in held
    claims = PROVIDERS[account.provider].claims(current) if current is not None else None
    return Match(
        auth_index=account.auth_index,
        same_identity=_same(offered_hash, named.identity_hash),
        is_current=bool(offered) and offered <= held,
        seen_in=None if strongest is None or in_current else strongest.revision,
        shares_token=strongest is not None,
        trashed=named.trashed,
        last_refresh=claims.last_refresh if claims else None,
        issued_at=PROVIDERS[account.provider].tokens(current).issued_at if current is not None else None,
        settings=account.settings,
    )


def _current_document(desk: Desk, stored: StoredRevision | None) -> Mapping[str, Any] | None:
    """``None`` where the sealed auth file can't be opened: then any readable one is an improvement."""
    try:
        return formats.canonical(json.loads(seals.open_file(desk.vault, stored))) if stored is not None else None
    except DeckError:
        return None


def _strongest(
    prints: Sequence[tuple[str, str]], known: Mapping[str, Sequence[Fingerprint]], account_key: int
) -> Fingerprint | None:
    """The account's trace of the draft's strongest secret, if it ever held it."""
    if not prints:
        return None
    return next((seen for seen in known.get(prints[0][1], ()) if seen.account == account_key), None)


def _same(offered: str | None, stored: str | None) -> bool | None:
    return None if offered is None or stored is None else offered == stored


def _near(seen: Seen, draft: Draft, known: set[str]) -> list[str]:
    """Live accounts of the same provider and e-mail: near matches unless something stronger says more."""
    email = draft.claims.email
    if not email or draft.kind is Kind.API_KEY:
        return []
    same = [named.account for named in seen.by_email.get(email, ()) if named.account.provider is draft.provider]
    return [account.auth_index for account in same if account.auth_index not in known]

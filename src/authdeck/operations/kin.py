"""What an account has to do with others: accounts that may be the same one, and what depends on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from authdeck import identity
from authdeck.account import Account
from authdeck.credential import Claims
from authdeck.errors import DeckError
from authdeck.operations.desk import Desk
from authdeck.providers import PROVIDERS
from authdeck.storage.database import Database, ReadConnection
from authdeck.storage.reading import access, accounts, kinship


@dataclass(frozen=True, slots=True)
class Near:
    """An account that may be the same.

    ``why``: same_identity, shares_credential, same_organization, same_subject, same_email. ``merge_proposed``: one of
    the first two says so; nothing is merged by itself.
    """

    account: Account
    why: tuple[str, ...]
    merge_proposed: bool
    can_merge: bool


@dataclass(frozen=True, slots=True)
class Dependents:
    """What names or uses an account. ``sharing_prefix``: other live accounts that serve its prefix.

    ``requests`` is ``None`` while the request log does not answer.
    """

    aliases: tuple[str, ...]
    requests: int | None
    last_request_at: datetime | None
    prefix: str | None
    sharing_prefix: int
    client_keys: tuple[str, ...]


async def near(desk: Desk, auth_index: str) -> list[Near]:
    """Strongest reason first."""

    def work(connection: ReadConnection) -> list[Near]:
        account = accounts.by_index(connection, auth_index)
        ours = accounts.by_keys(connection, [account.key])[account.key].identity_hash
        sharing = kinship.sharing(connection, account.key)
        claimed = ours or _claimed(desk, account)
        found = []
        for named in kinship.near(connection, account):
            theirs = named.identity_hash or _claimed(desk, named.account)
            why = _why(account, named.account, same=bool(claimed) and claimed == theirs, sharing=sharing)
            apart = ours is not None and named.identity_hash is not None
            proposed = not apart and why[0] in ("same_identity", "shares_credential")
            found.append(Near(named.account, why, proposed, not apart and not named.trashed))
        return sorted(found, key=lambda one: (_ORDER.index(one.why[0]), one.account.auth_index))

    return await desk.read(work)


async def dependents(desk: Desk, monitoring: Database, auth_index: str) -> Dependents:
    """Raises ``NotFound('account_not_found')``."""
    account = await desk.read(lambda connection: accounts.by_index(connection, auth_index))
    return (await dependents_of(desk, monitoring, [account]))[auth_index]


async def dependents_of(desk: Desk, monitoring: Database, found: Sequence[Account]) -> dict[str, Dependents]:
    """Of a page of accounts, by auth_index."""
    prefixes = {account.settings.prefix for account in found if account.settings.prefix}

    def work(connection: ReadConnection) -> tuple[dict[str, int], dict[str, tuple[str, ...]]]:
        keys = [key for key in access.all_client_keys(connection) if key.revoked_at is None]
        bound = {
            prefix: tuple(key.name for key in keys if prefix in (key.scope.get("prefixes") or ()))
            for prefix in prefixes
        }
        return kinship.serving_prefixes(connection, prefixes), bound

    serving, bound = await desk.read(work) if prefixes else ({}, {})
    indexes = [account.auth_index for account in found]
    requests = await _requests(monitoring, indexes)
    return {
        account.auth_index: Dependents(
            account.aliases,
            None if requests is None else requests.get(account.auth_index, 0),
            account.last_request_at,
            account.settings.prefix,
            _others(account, serving),
            bound.get(account.settings.prefix or "", ()),
        )
        for account in found
    }


def _others(account: Account, serving: Mapping[str, int]) -> int:
    """Beside itself, where it is live."""
    number = serving.get(account.settings.prefix or "", 0)
    return number if account.trashed_at is not None else max(0, number - 1)


async def _requests(monitoring: Database, indexes: Sequence[str]) -> dict[str, int] | None:
    try:
        return await monitoring.read(lambda connection: kinship.requests_of(connection, indexes))
    except DeckError as error:
        if not error.code.startswith("storage_"):
            raise
        return None


_ORDER = ("same_identity", "shares_credential", "same_organization", "same_subject", "same_email")


def _why(account: Account, other: Account, *, same: bool, sharing: set[int]) -> tuple[str, ...]:
    held = {
        "same_identity": same,
        "shares_credential": other.key in sharing,
        "same_organization": bool(account.organization) and account.organization == other.organization,
        "same_subject": bool(account.subject) and account.subject == other.subject,
        "same_email": bool(account.email) and account.email == other.email,
    }
    return tuple(word for word in _ORDER if held[word])


def _claimed(desk: Desk, account: Account) -> str | None:
    """The hash that the account's claims would give it, where they are full and it has none."""
    whole = PROVIDERS[account.provider].ABOUT.whole
    claims = Claims(organization=account.organization, subject=account.subject, whole=whole)
    text = identity.of_claims(account.provider, claims).text
    return desk.vault.keyed_hash("identity", text) if text is not None else None

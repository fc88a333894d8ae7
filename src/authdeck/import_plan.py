"""What an import does with one offered account. Pure: storage says what it found, this decides, the import does it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from authdeck.account import AccountSettings
from authdeck.credential import Draft

CHOICES: Final = ("skip", "keep_both", "replace")
"""What a person may choose where something stands in the way."""

Note = tuple[str, Mapping[str, Any]]


class Outcome(StrEnum):
    """How an import's row ends. ``REJECTED`` is for files that can't be read: ``decide`` never answers it."""

    NEW = "new"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Match:
    """One stored account that the draft may be, as storage found it.

    ``same_identity``: ``True`` where the identity hashes are equal, ``False`` where both are full and differ, ``None``
    where that can't be told. ``is_current``: every secret of the draft is in the account's current revision.
    ``seen_in``: the earlier revision that held the draft's strongest secret, ``None`` where it was never seen or is the
    current one. ``shares_token``: the strongest secret was ever seen in the account. ``last_refresh`` and ``issued_at``
    are the current revision's. ``settings`` are the account's, for the report.
    """

    auth_index: str
    same_identity: bool | None
    is_current: bool = False
    seen_in: int | None = None
    shares_token: bool = False
    trashed: bool = False
    last_refresh: datetime | None = None
    issued_at: datetime | None = None
    settings: AccountSettings | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """All that storage found for a draft.

    ``matches``: accounts, trashed ones too, with an equal identity or a shared fingerprint. ``near``: auth indexes of
    live accounts of the provider with the same e-mail that are not among them. ``name_owner``: the live account that
    has the draft's file name. ``taken_names``: file names in use, case-folded, from which a free one is chosen.
    """

    matches: Sequence[Match] = ()
    near: Sequence[str] = ()
    name_owner: str | None = None
    taken_names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with the row.

    ``auth_index`` is the account concerned (``None`` for a new one), ``stored_as`` the file name a new account gets.
    ``trash_first``: move this account to the trash, its name goes to the new one. ``restore``: the account comes out of
    the trash first. ``apart``: store the new account without an identity hash, strength ``partial``. ``waiting``:
    accounts that hold the very same sign-in; used twice it would end, so they serve no more until a person decides.
    """

    outcome: Outcome
    reason: Note | None = None
    auth_index: str | None = None
    stored_as: str | None = None
    trash_first: str | None = None
    restore: bool = False
    apart: bool = False
    waiting: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()


def decide(draft: Draft, found: Found, choice: str = "skip", *, issued_at: datetime | None = None) -> Decision:
    """What becomes of the draft. ``issued_at`` is its access token's (``providers.tokens``).

    In this order: a token that names two identities → conflict; an account it already is → unchanged, updated, or, in
    the trash, conflict; else a new one, unless another account has its file name.
    """
    if tangled := _tangled(found.matches):
        return Decision(Outcome.CONFLICT, ("token_of_two_identities", {"auth_indexes": list(tangled)}))
    if (match := _best(found.matches)) is not None:
        return _known(draft, match, found, choice, issued_at)
    return _new(draft, found, choice)


def free_name(file_name: str, taken: frozenset[str]) -> str:
    """The name itself, else with ``-2``, ``-3``, … before ``.json``. ``taken`` are case-folded names."""
    stem = file_name[: -len(".json")] if file_name.lower().endswith(".json") else file_name
    name, number = file_name, 1
    while name.casefold() in taken:
        number += 1
        name = f"{stem}-{number}.json"
    return name


def _tangled(matches: Sequence[Match]) -> tuple[str, ...]:
    """Accounts that hold the same token although they are provably others, or one token in several accounts."""
    others = tuple(match.auth_index for match in matches if match.shares_token and match.same_identity is False)
    sharing = tuple(match.auth_index for match in matches if match.shares_token)
    has_identity = any(match.same_identity for match in matches)
    return others or (sharing if len(sharing) > 1 and not has_identity else ())


def _best(matches: Sequence[Match]) -> Match | None:
    """By identity first, then by fingerprint; live before trashed."""
    known = [match for match in matches if match.same_identity or match.shares_token]
    return min(known, key=lambda match: (not match.same_identity, match.trashed), default=None)


def _known(draft: Draft, match: Match, found: Found, choice: str, issued_at: datetime | None) -> Decision:
    notes = (*_settings_notes(draft, match), *_sharing_notes(match, found))
    if match.trashed:
        return _trashed(draft, match, found, choice, notes)
    if match.is_current:
        return Decision(Outcome.UNCHANGED, None, match.auth_index, notes=notes)
    if match.seen_in is not None:
        return Decision(
            Outcome.UNCHANGED, ("older_than_revision", {"revision": match.seen_in}), match.auth_index, notes=notes
        )
    if _is_older(draft, match, issued_at):
        return Decision(Outcome.UNCHANGED, ("older_than_current", {}), match.auth_index, notes=notes)
    return Decision(Outcome.UPDATED, None, match.auth_index, waiting=_waiting(match, found), notes=notes)


def _trashed(draft: Draft, match: Match, found: Found, choice: str, notes: tuple[Note, ...]) -> Decision:
    if choice == "replace":
        return Decision(Outcome.UPDATED, None, match.auth_index, restore=True, notes=notes)
    if choice == "keep_both":
        name = free_name(draft.file_name, found.taken_names)
        return Decision(
            Outcome.NEW, stored_as=name, apart=True, notes=(("kept_apart", {"auth_index": match.auth_index}),)
        )
    return Decision(Outcome.CONFLICT, ("in_trash", {"auth_index": match.auth_index}), match.auth_index)


def _new(draft: Draft, found: Found, choice: str) -> Decision:
    notes: tuple[Note, ...] = (("near_match", {"auth_indexes": list(found.near)}),) if found.near else ()
    if found.name_owner is None:
        return Decision(Outcome.NEW, stored_as=free_name(draft.file_name, found.taken_names), notes=notes)
    if choice == "keep_both":
        return Decision(Outcome.NEW, stored_as=free_name(draft.file_name, found.taken_names), notes=notes)
    if choice == "replace":
        return Decision(Outcome.NEW, stored_as=draft.file_name, trash_first=found.name_owner, notes=notes)
    taken = ("file_name_taken", {"file_name": draft.file_name, "auth_index": found.name_owner})
    return Decision(Outcome.CONFLICT, taken, found.name_owner, notes=notes)


def _is_older(draft: Draft, match: Match, issued_at: datetime | None) -> bool:
    """Provably: some date says older, and none says newer."""
    pairs = ((draft.claims.last_refresh, match.last_refresh), (issued_at, match.issued_at))
    dated = [(offered, stored) for offered, stored in pairs if offered is not None and stored is not None]
    return any(offered < stored for offered, stored in dated) and not any(offered > stored for offered, stored in dated)


def _settings_notes(draft: Draft, match: Match) -> tuple[Note, ...]:
    """Settings that the file brings and the known account has otherwise: reported, not applied."""
    if match.settings is None:
        return ()
    plain = AccountSettings()
    names = [
        name
        for name in AccountSettings.__dataclass_fields__
        if (offered := getattr(draft.settings, name)) != getattr(plain, name)
        and offered != getattr(match.settings, name)
    ]
    return (("settings_not_applied", {"fields": names}),) if names else ()


def _sharing_notes(match: Match, found: Found) -> tuple[Note, ...]:
    """Other accounts that ever held the same token, without an identity of their own: most likely the same account."""
    others = [
        other.auth_index
        for other in found.matches
        if other is not match and other.shares_token and other.same_identity is None and not other.trashed
    ]
    return (("merge_proposed", {"auth_indexes": others}),) if others else ()


def _waiting(match: Match, found: Found) -> tuple[str, ...]:
    return tuple(
        other.auth_index
        for other in found.matches
        if other is not match and other.shares_token and other.seen_in is None and other.same_identity is None
    )

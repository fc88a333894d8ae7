"""A signed-in auth file inside its transaction: whose it is, and what that means for the login that brought it."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from authdeck import formats, identity, import_plan, providers
from authdeck.access import Actor
from authdeck.account import Account, RefreshBy
from authdeck.credential import Draft
from authdeck.errors import DeckError
from authdeck.evidence import Action
from authdeck.identity import Identity
from authdeck.import_plan import Decision, Found, Outcome
from authdeck.operations.desk import Desk
from authdeck.operations.import_finding import find, look_up
from authdeck.operations.import_rows import Importing, store
from authdeck.operations.reconcile import settle
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.reading import accounts, kinship
from authdeck.storage.writing import evidence

SOURCE: Final = "login"
_UNSUITED: Final = re.compile(r"[^A-Za-z0-9@._+-]+")
_LONGEST_NAME: Final = 150

NEW: Final = "new"
EXPECTED: Final = "expected"
RESTORE: Final = "restore"
NEAR: Final = "update:"
"""What a person may say where the account's place is not plain; before the auth_index of a near one: it is that one."""

MOST_NEAR: Final = 5
"""Near accounts that are offered as a choice."""

LOOKED_AT: Final = 50


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What came of it. With ``choices`` nothing was stored: ``reason`` says what is in the way."""

    outcome: str
    auth_index: str | None
    file_name: str
    reason: str | None = None
    choices: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    labels: Mapping[str, Any] = field(default_factory=dict)


def draft_of(desk: Desk, provider: str, document: Mapping[str, Any]) -> Draft:
    """The account that the tokens are of, validated as an imported file is. Raises what that raises."""
    content = json.dumps({"type": provider, **document}, ensure_ascii=False, indent=2).encode()
    first = formats.read(f"{provider}.json", content)[0]
    draft = providers.complete(replace(first, source=SOURCE), desk.settings.providers)
    return replace(draft, file_name=_name(draft, provider))


def place(
    desk: Desk,
    connection: WriteConnection,
    draft: Draft,
    actor: Actor,
    *,
    login_id: str,
    expected: str | None,
    alike: Sequence[str],
    choice: str | None,
) -> SignedIn:
    """Store it where it belongs, or say which choice a person has. Raises ``DeckError('choice_unknown')``.

    ``alike`` are accounts that share a half of its identity.
    """
    who = identity.of(draft)
    seen = look_up(desk, connection, [(draft, who)])
    found = find(desk, connection, seen, draft, who)
    decision = _decision(draft, found)
    near = _near(connection, draft, who, [*found.near, *alike])
    open_question = _question(connection, draft, who, found, decision, near, expected)
    if open_question is not None:
        if choice is None:
            return open_question
        if choice not in open_question.choices:
            raise DeckError("choice_unknown", status=422, choice=choice[:48], known=list(open_question.choices))
        decision = _chosen(draft, found, decision, choice, expected)
    importing = Importing(desk, actor, None, None, False, why="logged_in", proven=True)
    stored = store(importing, connection, seen, draft, who, decision, RefreshBy.AUTHDECK)
    if stored.auth_index is None:
        raise DeckError("login_not_stored", status=409)
    _settled(desk, connection, stored.auth_index, login_id)
    beside = tuple(index for index in found.near if index != stored.auth_index)
    return SignedIn(decision.outcome.value, stored.auth_index, draft.file_name, near=beside)


def alike(connection: ReadConnection, draft: Draft) -> list[str]:
    """Accounts that share a half of its identity, by auth_index. It looks through all, so no write waits for it."""
    return kinship.alike(connection, identity.of(draft), LOOKED_AT)


def _decision(draft: Draft, found: Found) -> Decision:
    """As for a file, but a taken name gets a number, and what the provider has just given is never the older one."""
    issued = providers.PROVIDERS[draft.provider].tokens(draft.document).issued_at
    decision = import_plan.decide(draft, found, issued_at=issued)
    if decision.reason is not None and decision.reason[0] == "file_name_taken":
        return import_plan.decide(draft, found, "keep_both", issued_at=issued)
    if decision.reason is not None and decision.reason[0] == "older_than_current":
        return Decision(Outcome.UPDATED, None, decision.auth_index, notes=decision.notes)
    return decision


def _question(
    connection: WriteConnection,
    draft: Draft,
    who: Identity,
    found: Found,
    decision: Decision,
    near: Sequence[str],
    expected: str | None,
) -> SignedIn | None:
    """What stands between this account and its place; ``None`` where nothing does."""

    def asking(reason: str, *choices: str, near: Sequence[str] = ()) -> SignedIn:
        labels = {
            "email": draft.claims.email,
            "plan": draft.claims.plan,
            "organization": draft.claims.organization,
            "subject": draft.claims.subject,
        }
        return SignedIn("choice", decision.auth_index, draft.file_name, reason, choices, tuple(near), labels)

    if decision.outcome is Outcome.CONFLICT:
        code = decision.reason[0] if decision.reason else "login_not_stored"
        return asking(code, *((RESTORE, NEW) if any(match.trashed for match in found.matches) else ()))
    if expected is not None and decision.auth_index != expected:
        is_placed = decision.auth_index is not None
        if is_placed or not _may_be(accounts.by_index(connection, expected), draft, who):
            return asking("another_identity", NEW)
        return asking("identity_unproven", EXPECTED, NEW)
    if decision.outcome is Outcome.NEW and near:
        return asking("near_match", *(f"{NEAR}{index}" for index in near), NEW, near=near)
    return None


def _near(connection: WriteConnection, draft: Draft, who: Identity, candidates: Iterable[str]) -> list[str]:
    """Those that it may be, the first few: a person has to tell them apart."""
    found = [accounts.by_index(connection, index) for index in dict.fromkeys(candidates)]
    return [account.auth_index for account in found if _may_be(account, draft, who)][:MOST_NEAR]


def _may_be(account: Account, draft: Draft, who: Identity) -> bool:
    """Whether a person could truly say that it is this account: nothing is ever written over another one."""
    names_users = providers.PROVIDERS[draft.provider].ABOUT.names_users
    is_another = identity.is_another(account, who, draft.claims.email, names_users=names_users)
    return account.kind is draft.kind and not is_another


def _chosen(draft: Draft, found: Found, decision: Decision, choice: str, expected: str | None) -> Decision:
    if choice == EXPECTED:
        return Decision(Outcome.UPDATED, None, expected)
    if choice.startswith(NEAR):
        return Decision(Outcome.UPDATED, None, choice.removeprefix(NEAR))
    if choice == RESTORE:
        return import_plan.decide(draft, found, "replace")
    return import_plan.decide(draft, found, "keep_both") if decision.outcome is Outcome.CONFLICT else decision


def _settled(desk: Desk, connection: WriteConnection, auth_index: str, login_id: str) -> None:
    """What was seen of the former tokens holds nothing any more; the queue's rows of it close."""
    account, now = accounts.by_index(connection, auth_index), desk.now()
    evidence.resolve_candidates(connection, account.key, Action.REAUTH.value, by=f"login:{login_id}", at=now)
    settle(desk, connection, [account])


def _name(draft: Draft, provider: str) -> str:
    """``codex-ann@example.com-plus.json``, as other programs call such a file."""
    whose = draft.claims.email or draft.claims.subject or draft.claims.organization or "account"
    parts = [provider, whose, draft.claims.plan if provider == "codex" else None]
    stem = "-".join(_UNSUITED.sub("_", part) for part in parts if part)
    return f"{stem[:_LONGEST_NAME]}.json"

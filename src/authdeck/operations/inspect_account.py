"""Inspecting one account: ask its provider, look at what stands against it, and say what to do.

What goes out is a quota query and, for a service account where a run may refresh, the making of its access token.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from authdeck.account import Account, Kind
from authdeck.errors import DeckError
from authdeck.evidence import standing
from authdeck.inspection import Seen, Suggestion, redacted, suggest
from authdeck.inspection_order import Policy
from authdeck.operations.batch_rows import reason_of
from authdeck.operations.desk import Desk
from authdeck.operations.note_quota import Heard, note_heard
from authdeck.operations.query_quota import QuotaQueries
from authdeck.quota_answer import Outcome, QuotaAnswer
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts
from authdeck.storage.reading import evidence as reading

_log = structlog.get_logger(__name__)

_REFUSED: Final = frozenset({"refresh_refused", "refresh_answer_lost", "credential_unreadable"})
"""What keeps a service account from having a token, whatever the network does."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """What came of one account."""

    seen: Seen
    suggestion: Suggestion

    @property
    def row(self) -> dict[str, Any]:
        """As it is stored."""
        reason = reason_of((self.suggestion.code, self.suggestion.params))
        assert reason is not None
        return {
            "account": self.seen.account.key,
            "action": self.suggestion.action.value,
            "reason_code": self.suggestion.code[:48],
            "params": reason["params"],
            "evidence": redacted(self.seen),
            "until": self.suggestion.until,
            "at": self.seen.answer.at,
        }


@dataclass(frozen=True, slots=True)
class Answered:
    """What was heard of one account, to be judged. ``family_stopped``: it was not asked, see ``Seen``."""

    heard: Heard
    family_stopped: bool = False


class Inspector:
    """``ask`` for many runs at once; ``queries`` paces."""

    def __init__(self, desk: Desk, queries: QuotaQueries) -> None:
        self._desk: Final = desk
        self._queries: Final = queries

    async def ask(self, auth_index: str, policy: Policy, *, family_stopped: bool = False) -> Answered | None:
        """``None``: there is no such account any more. ``family_stopped``: its provider is not asked."""
        entry = self._desk.directory.get(auth_index)
        if entry is None:
            return None
        return Answered(await self._heard(entry.account, policy, family_stopped=family_stopped), family_stopped)

    def broken(self, asked: Answered) -> Answered:
        """The same account, of which nothing can be written down but that."""
        answer = asked.heard.answer
        broken = QuotaAnswer(answer.auth_index, Outcome.FAILED, answer.at, code="internal")
        return Answered(Heard(broken, is_news=False), asked.family_stopped)

    async def _heard(self, account: Account, policy: Policy, *, family_stopped: bool) -> Heard:
        if family_stopped:
            return self._without(account, Outcome.SKIPPED, "family_stopped")
        if account.kind is Kind.SERVICE_ACCOUNT and policy.refresh:
            return await self._made_token(account, policy)
        for _ in range(policy.retries):
            heard = await self._asked(account, policy)
            if heard.answer.outcome is not Outcome.FAILED or heard.answer.status is not None:
                return heard
        return await self._asked(account, policy)

    async def _asked(self, account: Account, policy: Policy) -> Heard:
        try:
            async with asyncio.timeout(policy.timeout):
                return await self._queries.ask(account.auth_index, refresh=policy.refresh)
        except TimeoutError:
            return self._without(account, Outcome.FAILED, "inspection_timeout", {"seconds": policy.timeout})
        except DeckError as error:
            return self._without(account, Outcome.SKIPPED, error.code, error.params)
        except Exception:  # noqa: BLE001 - one account of many: the others are asked all the same
            _log.exception("account not inspected", auth_index=account.auth_index)
            return self._without(account, Outcome.FAILED, "internal")

    async def _made_token(self, account: Account, policy: Policy) -> Heard:
        """A service account's token, made anew: its provider tells no limits, but whether it knows the key."""
        try:
            async with asyncio.timeout(policy.timeout):
                await self._queries.usable(account, refresh=True)
        except TimeoutError:
            return self._without(account, Outcome.FAILED, "inspection_timeout", {"seconds": policy.timeout})
        except DeckError as error:
            outcome = Outcome.SKIPPED if error.code in _REFUSED else Outcome.FAILED
            return self._without(account, outcome, error.code, error.params)
        return self._without(account, Outcome.UNKNOWN, "token_made")

    def _without(self, account: Account, outcome: Outcome, code: str, params: Mapping[str, Any] | None = None) -> Heard:
        """An answer in which nothing is told."""
        entry = self._desk.directory.get(account.auth_index)
        known = entry.windows if entry else ()
        answer = QuotaAnswer(
            account.auth_index, outcome, self._desk.now(), windows=known, plan=account.plan, code=code,
            params=params or {},
        )  # fmt: skip
        return Heard(answer, is_news=False)


def judge(desk: Desk, asked: Sequence[Answered], policy: Policy, connection: WriteConnection) -> list[Inspected]:
    """Write down what was heard of these accounts, look at what stands against each now, and say what to do.

    Those that are gone are left out.
    """
    answers = note_heard(desk, [each.heard for each in asked], connection)
    entries = accounts.entries(connection, [answer.auth_index for answer in answers])
    evidence = reading.of_sign_in(connection, [entry.account.key for entry in entries.values()])
    now, found = desk.now(), []
    for each, answer in zip(asked, answers, strict=True):
        if (entry := entries.get(answer.auth_index)) is None:
            continue
        standing_now = standing(evidence.get(entry.account.key, ()), entry.account.generation)
        seen = Seen(
            entry.account, answer, entry.holds, standing_now,
            refreshed=policy.refresh, family_stopped=each.family_stopped,
        )  # fmt: skip
        found.append(Inspected(seen, suggest(seen, policy, now)))
    return found

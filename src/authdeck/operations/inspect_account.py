"""Inspecting one account: ask its provider, look at what stands against it, and say what to do.

What goes out is a quota query and, for a service account where a run may refresh, the making of its access token.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import structlog

from authdeck import evidence
from authdeck.account import Account, Kind
from authdeck.errors import DeckError
from authdeck.evidence import Evidence
from authdeck.inspection import Seen, Suggestion, redacted, suggest
from authdeck.inspection_order import Policy
from authdeck.operations.batch_rows import reason_of
from authdeck.operations.desk import Desk
from authdeck.operations.query_quota import QuotaQueries
from authdeck.quota_answer import Outcome, QuotaAnswer
from authdeck.storage.database import ReadConnection
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


class Inspector:
    """``inspect`` for many runs at once; ``queries`` paces."""

    def __init__(self, desk: Desk, queries: QuotaQueries) -> None:
        self._desk: Final = desk
        self._queries: Final = queries

    async def inspect(self, auth_index: str, policy: Policy, *, family_stopped: bool = False) -> Inspected | None:
        """Ask and judge. ``None``: there is no such account any more. ``family_stopped``: judge without asking."""
        entry = self._desk.directory.get(auth_index)
        if entry is None:
            return None
        answer = await self._answer(entry.account, policy, family_stopped=family_stopped)
        entry = self._desk.directory.get(auth_index)
        if entry is None:
            return None
        standing = await self._desk.read(partial(_standing, account=entry.account))
        seen = Seen(
            entry.account, answer, entry.holds, standing, refreshed=policy.refresh, family_stopped=family_stopped
        )
        return Inspected(seen, suggest(seen, policy, self._desk.now()))

    async def _answer(self, account: Account, policy: Policy, *, family_stopped: bool) -> QuotaAnswer:
        if family_stopped:
            return self._without(account, Outcome.SKIPPED, "family_stopped")
        if account.kind is Kind.SERVICE_ACCOUNT and policy.refresh:
            return await self._made_token(account, policy)
        for _ in range(policy.retries):
            answer = await self._asked(account, policy)
            if answer.outcome is not Outcome.FAILED or answer.status is not None:
                return answer
        return await self._asked(account, policy)

    async def _asked(self, account: Account, policy: Policy) -> QuotaAnswer:
        try:
            async with asyncio.timeout(policy.timeout):
                return await self._queries.query_quota(account.auth_index, refresh=policy.refresh)
        except TimeoutError:
            return self._without(account, Outcome.FAILED, "inspection_timeout", {"seconds": policy.timeout})
        except DeckError as error:
            return self._without(account, Outcome.SKIPPED, error.code, error.params)
        except Exception:  # noqa: BLE001 - one account of many: the others are asked all the same
            _log.exception("account not inspected", auth_index=account.auth_index)
            return self._without(account, Outcome.FAILED, "internal")

    async def _made_token(self, account: Account, policy: Policy) -> QuotaAnswer:
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

    def _without(
        self, account: Account, outcome: Outcome, code: str, params: Mapping[str, Any] | None = None
    ) -> QuotaAnswer:
        """An answer in which nothing is told."""
        entry = self._desk.directory.get(account.auth_index)
        known = entry.windows if entry else ()
        return QuotaAnswer(
            account.auth_index, outcome, self._desk.now(), windows=known, plan=account.plan, code=code,
            params=params or {},
        )  # fmt: skip


def _standing(connection: ReadConnection, account: Account) -> list[Evidence]:
    rows = reading.of_sign_in(connection, [account.key]).get(account.key, ())
    return evidence.standing(rows, account.generation)

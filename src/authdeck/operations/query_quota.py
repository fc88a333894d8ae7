"""Asking a provider what is left of an account's limits. Only on purpose: nothing here happens by looking at a page.

The access token is used as it is. It is refreshed only where the caller says so, and then only if it ran out or was
rejected.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from authdeck.account import Account, Kind, Provider
from authdeck.credential import Credential
from authdeck.errors import DeckError
from authdeck.evidence import Confidence, Signal, Source
from authdeck.exchange import Reply
from authdeck.freshness import is_expired
from authdeck.metrics import QUOTA_QUERIES
from authdeck.operations.desk import Desk
from authdeck.operations.entries import by_name
from authdeck.operations.lend import Lender
from authdeck.operations.note_quota import Heard, note_heard
from authdeck.operations.observe import Failed, Observer
from authdeck.operations.quota_pace import Pace
from authdeck.operations.refresh import Refresher
from authdeck.operations.shared_turns import SharedTurns
from authdeck.providers import PROVIDERS
from authdeck.providers.quotas import QUOTAS, Quota
from authdeck.quota_answer import Extras, Outcome, QuotaAnswer, Told
from authdeck.upstream.failures import UpstreamFailure
from authdeck.verdict import Verdict, of_expired

_SUCCESS: Final = range(200, 300)
_UNAUTHORIZED: Final = 401
_OF_THE_ACCOUNT: Final = frozenset({Signal.CREDENTIAL, Signal.REVIEW, Signal.DEACTIVATED})
"""What a refused question may say of the account. All else is about the question: too fast, not for us, broken."""

_OURS: Final = frozenset({"refresh_running", "refresh_failed"})
"""Refreshes that came to nothing for now: not the account's fault."""


def telling() -> frozenset[Provider]:
    """Providers that tell of their sign-ins' limits when they are asked."""
    return frozenset(QUOTAS)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What came back. ``failure``: no answer arrived for a question that matters.

    ``renewed_at`` is when the credential was made, where one before it was not accepted; ``not_renewed`` is why there
    is none.
    """

    credential: Credential
    replies: Mapping[str, Reply] = field(default_factory=dict)
    failure: DeckError | None = None
    renewed_at: datetime | None = None
    not_renewed: DeckError | None = None

    @property
    def refused(self) -> Reply | None:
        """The first question's answer, where it is not a good one."""
        first = next(iter(self.replies.values()), None)
        return first if first is not None and first.status not in _SUCCESS else None


class QuotaQueries:
    """One of these asks for a whole process: it paces, together with other processes on the same database."""

    def __init__(self, desk: Desk, lender: Lender, refresher: Refresher, observer: Observer) -> None:
        self._desk: Final = desk
        self._lender: Final = lender
        self._refresher: Final = refresher
        self._observer: Final = observer
        pace = desk.settings.quota.at_once, desk.settings.quota.pace
        self._pace: Final = Pace(*pace, shared=None if desk.database.is_sqlite else SharedTurns(desk, *pace))

    async def query_quota(self, auth_index: str, *, refresh: bool = False) -> QuotaAnswer:
        """Ask, and write down what was answered; it is in force before the call returns.

        Never raises for what the provider does or the account lacks.

        ``refresh``: a token that ran out or is rejected may be exchanged for a new one first.
        Raises ``NotFound('account_not_found')`` and ``Conflict('alias_ambiguous')``.
        """
        heard = await self.ask(auth_index, refresh=refresh)
        return (await self._desk.write(partial(note_heard, self._desk, [heard])))[0] if heard.is_news else heard.answer

    async def ask(self, auth_index: str, *, refresh: bool = False) -> Heard:
        """Likewise, for who asks many: what was heard is left to be written down by ``note_heard``, some at a time."""
        account = by_name(self._desk, auth_index).account
        heard = await self._ask_of(account, refresh=refresh)
        QUOTA_QUERIES.labels(account.provider.value, heard.answer.outcome.value).inc()
        return heard

    async def _ask_of(self, account: Account, *, refresh: bool) -> Heard:
        quota = QUOTAS.get(account.provider)
        if quota is None or account.kind is not Kind.OAUTH:
            return self._skipped(account, "quota_not_offered", provider=account.provider.value)
        try:
            credential = await self.usable(account, refresh=refresh)
        except DeckError as error:
            return self._unusable(account, error)
        if (code := quota.lacking(credential)) is not None:
            return self._skipped(account, code)
        asked = await self._ask(quota, account, credential)
        if refresh and asked.refused is not None and asked.refused.status == _UNAUTHORIZED:
            asked = await self._ask_renewed(quota, account, asked)
        heard = await self._heard(quota, account, asked)
        return replace(heard, answer=replace(heard.answer, not_renewed=asked.not_renewed))

    async def usable(self, account: Account, *, refresh: bool) -> Credential:
        """A credential that can be sent now.

        Raises what ``lend`` and ``refresh`` raise, and ``quota_token_expired`` where it may not be refreshed.
        """
        credential = await self._lender.credential(account.auth_index)
        if refresh:
            return await self._refresher.usable(credential)
        if is_expired(credential, self._desk.now()):
            raise DeckError("quota_token_expired", status=409)
        return credential

    async def _ask(self, quota: Quota, account: Account, credential: Credential) -> _Asked:
        """Its questions, one after the other, each where what was answered before makes it worth asking."""
        replies: dict[str, Reply] = {}
        providers = self._desk.settings.providers
        async with self._pace.turn(account.provider, credential.sends.proxy_url):
            for question in quota.questions:
                if not question.when(replies):
                    continue
                try:
                    replies[question.name] = await self._desk.calls.send(question.ask(credential, providers))
                except DeckError as error:
                    if not question.is_side:
                        return _Asked(credential, replies, error)
        return _Asked(credential, replies)

    async def _ask_renewed(self, quota: Quota, account: Account, asked: _Asked) -> _Asked:
        """Once more with a newer token, where there is one to be had."""
        try:
            newer = await self._refresher.renew(asked.credential)
        except DeckError as error:
            return replace(asked, not_renewed=error)
        if newer is None:
            return asked
        made_at = newer.issued_at or self._desk.now()
        return replace(await self._ask(quota, account, newer), renewed_at=made_at)

    # ---- what it means ----

    async def _heard(self, quota: Quota, account: Account, asked: _Asked) -> Heard:
        now = self._desk.now()
        told = quota.read(asked.replies, now)
        if not told.is_empty:
            status = next((reply.status for reply in asked.replies.values() if reply.status in _SUCCESS), None)
            answer = QuotaAnswer(account.auth_index, Outcome.TOLD, now, status)
            return Heard(answer, told, asked.credential.generation)
        if asked.failure is not None:
            params = _plain(asked.failure.params)
            return self._untold(account, Outcome.FAILED, asked.failure.code, params=params)
        if (refused := asked.refused) is None:
            first = next(iter(asked.replies.values()))
            return self._untold(account, Outcome.UNKNOWN, "quota_not_told", status=first.status, told=told)
        return await self._refused(account, asked, refused)

    async def _refused(self, account: Account, asked: _Asked, reply: Reply) -> Heard:
        provider = PROVIDERS[account.provider]
        verdict = provider.read_failure(reply.status, reply.headers, reply.body, self._desk.now())
        if _says_something(verdict):
            is_final = asked.renewed_at is not None or not self._refresher.can_refresh(asked.credential)
            failed = Failed(
                account, asked.credential.generation, verdict, reply.headers, reply.body, "",
                is_final=is_final, renewed_at=asked.renewed_at, source=Source.QUOTA_QUERY,
            )  # fmt: skip
            verdict = of_expired(verdict, is_final=is_final, is_new=asked.renewed_at is not None)
            self._observer.failed(failed)
            await self._observer.write()
            return self._untold(account, Outcome.REFUSED, verdict.code, verdict=verdict)
        is_passing = verdict.signal in (Signal.TRANSIENT, Signal.RATE_LIMIT, Signal.QUOTA, Signal.EGRESS)
        outcome = Outcome.FAILED if is_passing else Outcome.UNKNOWN
        return self._untold(account, outcome, verdict.code, verdict=verdict)

    def _untold(
        self,
        account: Account,
        outcome: Outcome,
        code: str,
        *,
        status: int | None = None,
        params: Mapping[str, Any] | None = None,
        verdict: Verdict | None = None,
        told: Told | None = None,
    ) -> Heard:
        """An answer in which nothing was told."""
        entry = self._desk.directory.get(account.auth_index)
        answer = QuotaAnswer(
            account.auth_index,
            outcome,
            self._desk.now(),
            verdict.status if verdict else status,
            windows=entry.windows if entry else (),
            plan=(told.plan if told else None) or account.plan,
            extras=told.extras if told else Extras(),
            signal=verdict.signal if verdict and outcome is Outcome.REFUSED else None,
            code=code,
            params=params or {},
            evidence=_redacted(verdict) if verdict else {},
            verdict=verdict,
        )
        return Heard(answer)

    def _skipped(self, account: Account, code: str, **params: Any) -> Heard:
        return replace(self._untold(account, Outcome.SKIPPED, code, params=params), is_news=False)

    def _unusable(self, account: Account, error: DeckError) -> Heard:
        """Nothing was asked for want of a token that can be sent."""
        is_passing = isinstance(error, UpstreamFailure) or error.code in _OURS
        outcome = Outcome.FAILED if is_passing else Outcome.SKIPPED
        return replace(self._untold(account, outcome, error.code, params=_plain(error.params)), is_news=False)


def _says_something(verdict: Verdict) -> bool:
    """Clear words about the account; or that its token was not accepted, which counts when it comes twice in a row."""
    if verdict.signal not in _OF_THE_ACCOUNT:
        return False
    return verdict.confidence is not Confidence.LOW or verdict.status == _UNAUTHORIZED


def _redacted(verdict: Verdict) -> dict[str, Any]:
    told = {"status": verdict.status, "summary": verdict.summary or None, "link": verdict.link}
    return {name: value for name, value in told.items() if value is not None}


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as JSON has them."""
    return {name: value for name, value in params.items() if isinstance(value, str | int | float | bool)}

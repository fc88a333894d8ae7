"""Access tokens that a login's own key makes at any time: nothing can be lost, so they live in memory only."""

import asyncio
from dataclasses import replace
from typing import Final

from authdeck import tasks
from authdeck.credential import Credential
from authdeck.errors import DeckError
from authdeck.exchange import Outgoing, RefreshOutcome
from authdeck.freshness import is_due, is_expired
from authdeck.metrics import REFRESHES
from authdeck.operations import token_calls
from authdeck.operations.desk import Desk
from authdeck.operations.lend import Lender
from authdeck.providers import PROVIDERS
from authdeck.upstream.failures import UpstreamFailure


class Mint:
    """The newest token of each such account. A change of the account forgets it."""

    def __init__(self, desk: Desk, lender: Lender) -> None:
        self._desk: Final = desk
        self._lender: Final = lender
        self._minted: dict[str, Credential] = {}
        self._running: dict[str, asyncio.Task[Credential]] = {}

    async def usable(self, credential: Credential) -> Credential:
        """The credential with a token that works; one that ends soon is replaced while it is used.

        Raises ``refresh_failed`` and ``refresh_refused`` (503), and what ``refresh_request`` raises.
        """
        now = self._desk.now()
        minted = self._minted.get(credential.auth_index)
        if minted is None or minted.revision != credential.revision or is_expired(minted, now):
            task = self._start(credential)
            return credential if task is None else await asyncio.shield(task)
        if is_due(minted, now, PROVIDERS[credential.provider].LEAD):
            self._start(credential)
        return minted

    def forget(self, auth_index: str) -> None:
        self._minted.pop(auth_index, None)

    async def close(self) -> None:
        while self._running:
            await asyncio.wait(list(self._running.values()))
            await asyncio.sleep(0)

    def _start(self, credential: Credential) -> asyncio.Task[Credential] | None:
        """The account's call under way, or a new one; ``None`` where there is nothing to ask."""
        auth_index = credential.auth_index
        if auth_index not in self._running:
            desk = self._desk
            asked = PROVIDERS[credential.provider].refresh_request(credential, desk.settings.providers, desk.now())
            if asked is None:
                return None
            task = tasks.start(self._mint(credential, asked), name=f"token {auth_index}")
            self._running[auth_index] = task
            task.add_done_callback(lambda _: self._running.pop(auth_index, None))
        return self._running[auth_index]

    async def _mint(self, credential: Credential, outgoing: Outgoing) -> Credential:
        desk, module = self._desk, PROVIDERS[credential.provider]
        try:
            read = module.read_refresh(await desk.calls.send(outgoing), credential, desk.now())
        except UpstreamFailure as error:  # nothing was spent: another account can serve
            raise DeckError("refresh_failed", status=503, reason=error.code) from error
        REFRESHES.labels(credential.provider.value, read.outcome.value).inc()
        if read.outcome is RefreshOutcome.REFUSED:
            opened = await self._lender.opened(credential.auth_index)
            detail = {"reason": read.code}
            await desk.write(lambda c: token_calls.refused(desk, c, opened, token_calls.REFUSED, detail))
            raise DeckError("refresh_refused", status=503, reason=read.code)
        if read.outcome is not RefreshOutcome.OK:
            raise DeckError("refresh_failed", status=503, reason=read.code)
        document = {**credential.document, **read.changes}
        tokens = module.tokens(document)
        minted = replace(
            credential,
            document=document,
            bearer=tokens.bearer,
            expires_at=tokens.expires_at,
            issued_at=tokens.issued_at or desk.now(),
        )
        self._minted[credential.auth_index] = minted
        return minted
